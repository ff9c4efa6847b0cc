"""Private keys and passwords never leave the client."""

from __future__ import annotations

import asyncio
import json
import logging
import traceback
from pathlib import Path
from typing import Any

import pytest

from chronos_plugin.errors import CloudFailed
from chronos_plugin.hooks.safescale.cloud import SafeScaleCloud
from chronos_plugin.hooks.safescale.double.cloud import KEY_BODY, PASSWORD, PRIVATE_KEY, Fault
from chronos_plugin.hooks.safescale.double.server import Double
from chronos_plugin.hooks.safescale.hook import ask
from chronos_plugin.hooks.safescale.secrets import hide_keys, scrub
from tests.safescale import endpoint


def clean(text: str) -> bool:
    return KEY_BODY not in text and PASSWORD not in text


def test_no_answer_shows_a_secret(double: Double, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def everything(cloud: SafeScaleCloud) -> list[Any]:
        host = {"name": "h1", "sizing_as_string": "cpu=1"}
        cluster = {"name": "c1", "complexity": "small", "flavor": "boh"}
        call = cloud.client.call
        return [
            await call("HostService", "Create", host),
            await call("HostService", "Inspect", {"name": "h1"}),
            await call("HostService", "List"),
            await call("HostService", "SSH", {"name": "h1"}),
            await call("ClusterService", "Create", cluster),
            await call("ClusterService", "Inspect", {"name": "c1"}),
            await call("ClusterService", "List"),
            await call("ClusterService", "ListNodes", {"name": "c1"}),
            await call("ClusterService", "Expand", {"name": "c1", "count": 1, "node_sizing": "cpu=1"}),
            await cloud.inspect("host", "h1"),
            await cloud.inspect("cluster", "c1"),
            await cloud.list("host"),
        ]

    answers = asyncio.run(ask(endpoint(double), everything))
    assert all(answers)
    assert clean(repr(answers))
    assert clean(json.dumps(answers[:9]))
    assert clean(caplog.text)
    assert "private_key" not in json.dumps(answers[:9])
    assert "password" not in json.dumps(answers[:9])


def test_the_double_does_send_them(double: Double) -> None:
    """The test above would pass for a double without secrets."""
    import grpc

    asyncio.run(ask(endpoint(double), lambda c: c.perform("host", "create", "h1", {"sizing": "cpu=1"})))
    with grpc.insecure_channel(double.address) as channel:
        raw = channel.unary_unary("/HostService/Inspect")(b"\x0a\x04test\x1a\x02h1", timeout=10)
    assert KEY_BODY.encode() in raw
    assert PASSWORD.encode() in raw


def test_the_server_s_words_are_scrubbed(tmp_path: Path) -> None:
    words = f"cannot log in with {PRIVATE_KEY} (admin_password={PASSWORD})"
    with Double(tmp_path) as double:
        double.cloud.faults.append(Fault("HostService.Start", "UNKNOWN", words))
        start = ask(endpoint(double), lambda cloud: cloud.perform("host", "start", "h1", {}))
        with pytest.raises(CloudFailed) as caught:
            asyncio.run(start)
    assert "cannot log in with (hidden)" in str(caught.value)
    assert clean("".join(traceback.format_exception(caught.value)))


def test_a_command_that_prints_a_key_shows_none(tmp_path: Path) -> None:
    async def run(cloud: SafeScaleCloud) -> Any:
        await cloud.perform("host", "create", "h1", {"sizing": "cpu=1"})
        return await cloud.run("h1", f"printf '%s\\n' before '{PRIVATE_KEY}' after")

    with Double(tmp_path) as double:
        result = asyncio.run(ask(endpoint(double), run))
    assert result.output == "before\n(hidden)\nafter\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("password: abc", "password: (hidden)"),
        ("admin_password=abc next", "admin_password=(hidden) next"),
        ('{"private_key":"abc"}', '{"private_key":"(hidden)"}'),
        ("no secret here", "no secret here"),
        (PRIVATE_KEY[:60], "(hidden)"),
    ],
)
def test_scrubbing(text: str, expected: str) -> None:
    assert scrub(text) == expected


def test_text_without_keys_stays() -> None:
    assert hide_keys("password=abc") == "password=abc"
