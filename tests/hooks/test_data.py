"""From Airflow connections to what transports take."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import Connection

from chronos_plugin.data.location import parse
from chronos_plugin.errors import SettingInvalid
from chronos_plugin.hooks.data import ConnectionOptions
from chronos_plugin.hooks.gfal2.connection import transport_options
from chronos_plugin.options import OPTIONS
from chronos_plugin.settings import from_mapping


def connection(**fields: Any) -> Connection:
    extra = fields.pop("extra", None)
    return Connection(conn_id="c", extra=json.dumps(extra) if extra is not None else None, **fields)


@pytest.mark.parametrize(
    ("uri", "fields", "expected"),
    [
        (
            "s3://b/x",
            {
                "conn_type": "aws",
                "login": "k",
                "password": "s",
                "extra": {"endpoint_url": "http://e", "region_name": "r", "aws_session_token": "t"},
            },
            {
                "key": "k",
                "secret": "s",
                "token": "t",
                "endpoint_url": "http://e",
                "client_kwargs": {"region_name": "r"},
            },
        ),
        ("s3://b/x", {"conn_type": "aws", "extra": {"anon": True}}, {"anon": True}),
        (
            "gs://b/x",
            {"conn_type": "google_cloud_platform", "extra": {"keyfile_dict": '{"a": 1}', "project": "p"}},
            {"token": {"a": 1}, "project": "p"},
        ),
        (
            "https://h/x",
            {"conn_type": "http", "login": "u", "password": "p"},
            {"login": "u", "password": "p"},
        ),
        ("https://h/x", {"conn_type": "http", "password": "t"}, {"token": "t"}),
        (
            "https://h/x",
            {"conn_type": "http", "extra": {"verify": False, "headers": {"X": "y"}, "other": 1}},
            {"verify": False, "headers": {"X": "y"}},
        ),
        (
            "davs://h/x",
            {"conn_type": "chronos_gfal2", "password": "t", "extra": {"checksum": "MD5", "streams": ""}},
            {"token": "t", "checksum": "MD5", "options": {}},
        ),
    ],
)
def test_options_of_connections(uri: str, fields: dict[str, Any], expected: dict[str, Any]) -> None:
    options = ConnectionOptions({uri.removesuffix("/x"): "c"}, lambda _: connection(**fields))
    assert options(parse(uri)) == expected


def test_the_longest_prefix_counts_and_each_is_looked_up_once() -> None:
    asked: list[str] = []

    def get(name: str) -> Connection:
        asked.append(name)
        return connection(conn_type="aws", login=name)

    options = ConnectionOptions({"s3://b": "outer", "s3://b/in": "inner"}, get)
    assert options(parse("s3://b/in/x"))["key"] == "inner"
    assert options(parse("s3://b/other"))["key"] == "outer"
    assert options(parse("s3://b/in/y"))["key"] == "inner"
    assert options(parse("s3://another/x")) == {}
    assert asked == ["inner", "outer"]


def test_a_connection_that_does_not_exist_is_named() -> None:
    with pytest.raises(SettingInvalid, match="no_such_connection"):
        ConnectionOptions({"s3://b": "no_such_connection"})(parse("s3://b/x"))


def test_options_of_gfal2() -> None:
    lines = "HTTP PLUGIN:INSECURE=true\nCORE:CHECKSUM_TIMEOUT = 60; XROOTD PLUGIN:X=y"
    found = transport_options(connection(conn_type="chronos_gfal2", extra={"options": lines}))
    assert found["options"] == {
        "HTTP PLUGIN:INSECURE": True,
        "CORE:CHECKSUM_TIMEOUT": 60,
        "XROOTD PLUGIN:X": "y",
    }


@pytest.mark.parametrize(
    "extra", [{"options": "INSECURE"}, {"streams": "many"}, {"checksum": "CRC"}, {"options": "A=1"}]
)
def test_what_cannot_be_understood_is_named(extra: dict[str, Any]) -> None:
    with pytest.raises(SettingInvalid, match="connection c"):
        transport_options(connection(conn_type="chronos_gfal2", extra=extra))


def settings(**values: str) -> Any:
    return from_mapping({n: values.get(n, o["default"]) for n, o in OPTIONS.items()}, home=Path("/home"))


def test_settings() -> None:
    found = settings(data_connections="s3://a/x=y=c1  davs://h=c2", input_uris="s3://a https://h")
    assert found.data_connections == {"s3://a/x=y": "c1", "davs://h": "c2"}
    assert found.input_uris == ("s3://a", "https://h")
    for wrong in ("s3://a", "a=b", "s3://a="):
        with pytest.raises(SettingInvalid, match="data_connections"):
            settings(data_connections=wrong)


@pytest.mark.parametrize(
    ("written", "root", "uri"),
    [
        ("/out", "/out", ""),
        ("file:///out", "/out", ""),
        ("s3://bucket/p", "/home/chronos/outputs", "s3://bucket/p"),
        ("{AIRFLOW_HOME}/x", "/home/x", ""),
    ],
)
def test_place_of_outputs(written: str, root: str, uri: str) -> None:
    found = settings(output_root=written)
    assert (str(found.output_root), found.output_uri) == (root, uri)
