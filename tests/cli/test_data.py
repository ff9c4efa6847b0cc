"""``airflow chronos data``: the cache, questions to storages, copies."""

from __future__ import annotations

import hashlib
import json
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chronos_plugin.cli import data, transfers
from chronos_plugin.data.cache import ContentCache
from chronos_plugin.data.location import parse
from chronos_plugin.data.transport import Status
from tests.storages import s3, s3_server, web

__all__ = ["s3", "s3_server", "web"]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ContentCache:
    """The installation's cache, with two files of 10 bytes of which a run uses the second."""
    monkeypatch.setenv("AIRFLOW__CHRONOS__DATA_CACHE", str(tmp_path / "cache"))
    kept = ContentCache(tmp_path / "cache")
    for name in ("free", "used"):
        location, status = parse(f"https://host/{name}"), Status(10, validator=f"etag:{name}")
        with kept.part(location, status) as part:
            part.write_text(name.ljust(10))
            kept.add(part, hashlib.sha1(name.encode()).hexdigest(), location, status, tmp_path / name)
    (tmp_path / "free").unlink()
    return kept


def call(*words: str) -> int:
    """Parse a command line as Airflow does and run it; return the exit status."""
    parser = ArgumentParser()
    _add(parser, data.commands()[0].subcommands)  # type: ignore[union-attr]
    arguments = parser.parse_args(words)
    try:
        arguments.function(arguments)
    except SystemExit as ending:
        return int(ending.code or 0)
    return 0


def _add(parser: ArgumentParser, commands: Any) -> None:
    subparsers = parser.add_subparsers(required=True)
    for command in commands:
        sub = subparsers.add_parser(command.name)
        if hasattr(command, "subcommands"):
            _add(sub, command.subcommands)
            continue
        for argument in command.args:
            argument.add_to_parser(sub)
        sub.set_defaults(function=getattr(transfers, command.name))


@pytest.fixture
def connected(s3: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A bucket whose keys are in an Airflow connection."""
    extra = {"endpoint_url": s3.options["endpoint_url"], "region_name": "us-east-1"}
    monkeypatch.setenv(
        "AIRFLOW_CONN_STORE",
        json.dumps({"conn_type": "aws", "login": "key", "password": "secret", "extra": extra}),
    )
    monkeypatch.setenv("AIRFLOW__CHRONOS__DATA_CONNECTIONS", f"s3://{s3.bucket}=store")
    return s3


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("cache", "list") == 0
    said = capsys.readouterr().out
    assert "https://host/free" in said
    assert "20 B of 100.0 GiB, 10 B of it used by runs" in said
    assert call("cache", "list", "--json") == 0
    listed = json.loads(capsys.readouterr().out)
    assert [(c["source"], c["in_use"]) for c in listed["contents"]] == [
        ("https://host/free", False),
        ("https://host/used", True),
    ]


def test_evict(cache: ContentCache, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("cache", "evict", "--size", "0", "--dry-run") == 0
    assert "1 files, 10 B would go" in capsys.readouterr().out
    assert len(cache.contents()) == 2
    assert call("cache", "evict", "--size", "0", "--json") == 0
    gone = json.loads(capsys.readouterr().out)["removed"]
    assert [c["source"] for c in gone] == ["https://host/free"]
    assert [c.source for c in cache.contents()] == ["https://host/used"]


def test_evict_without_a_bound_asks_for_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AIRFLOW__CHRONOS__DATA_CACHE_SIZE", "0")
    assert call("cache", "evict") == 1
    assert "--size" in capsys.readouterr().err


def test_stat_and_copy_with_a_connection(
    connected: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a.nc"
    file.write_text("content")
    uri = f"s3://{connected.bucket}/x/a.nc"
    assert call("copy", str(file), uri) == 0
    capsys.readouterr()
    assert call("copy", uri, f"s3://{connected.bucket}/y/a.nc", "--json") == 0
    assert json.loads(capsys.readouterr().out)["how"] == "by the storages"
    assert call("copy", f"s3://{connected.bucket}/y/a.nc", str(tmp_path / "back")) == 0
    assert (tmp_path / "back").read_text() == "content"
    capsys.readouterr()
    assert call("stat", uri, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["class"], found["size"], found["transport"]) == ("File", 7, "fsspec")
    assert found["checksums"]["sha1"] == hashlib.sha1(b"content").hexdigest()


def test_copy_between_kinds_of_storage(connected: Any, web: Any, capsys: pytest.CaptureFixture[str]) -> None:
    web.files["/a"] = b"content"
    assert call("copy", f"{web.base}/a", f"s3://{connected.bucket}/a") == 0
    assert "through this machine" in capsys.readouterr().out
    assert connected.client.get_object(Bucket=connected.bucket, Key="a")["Body"].read() == b"content"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("stat", "ftp://host/x"), "no transport"),
        (("copy", "/a", "/b"), "use cp"),
        (("copy", "/no/file", "s3://bucket/x"), "no such file"),
    ],
)
def test_what_is_refused(words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(*words) == 1
    assert said in capsys.readouterr().err
