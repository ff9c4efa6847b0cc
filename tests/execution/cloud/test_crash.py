"""The agent ends by SIGKILL at every point of a request: nothing is lost, nothing is made twice."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest
from sqlalchemy import Engine

from chronos_plugin.db.cloud import Requests
from chronos_plugin.execution.cloud.model import Request, RequestState
from chronos_plugin.hooks.safescale.double.server import Double
from tests.safescale import agent, agent_process, alive, ended, request, until

POINTS = ("claimed", "before call", "after call", "marked", "fulfilled", "finished")
CLUSTER = {"flavor": "boh", "complexity": "small", "node_sizing": "cpu=1"}


async def survive(double: Double, engine: Engine, folder: Path, asked: Request, crash: str) -> Request:
    """Let an agent end at ``crash``, and another take over; return the end of the request."""
    Requests(engine).submit(asked)
    first = await agent_process(double, folder, crash)
    await asyncio.wait_for(first.wait(), 60)
    assert first.returncode == -signal.SIGKILL
    return await _finish(double, engine, folder, asked)


async def have(double: Double, engine: Engine, asked: Request) -> None:
    """Let an agent of this process fulfil a request."""
    async with agent(double, engine):
        Requests(engine).submit(asked)
        await ended(engine, asked.id)


async def _finish(double: Double, engine: Engine, folder: Path, asked: Request) -> Request:
    second = await agent_process(double, folder)
    try:
        await until(lambda: f":{second.pid}:" in (Requests(engine).leader() or ("",))[0])
        return (await ended(engine, asked.id))[0]
    finally:
        second.terminate()
        output, _ = await asyncio.wait_for(second.communicate(), 60)
        assert b"Traceback" not in output, output.decode()
        assert second.returncode == 0


@pytest.mark.parametrize("crash", POINTS)
def test_a_host_is_made_once(double: Double, engine: Engine, tmp_path: Path, crash: str) -> None:
    asked = request("1", "host", "create", "h1", {"sizing": "cpu=1"})
    done = asyncio.run(survive(double, engine, tmp_path, asked, crash))
    assert done.state is RequestState.SUCCEEDED, done.error
    assert {key: n for key, n in alive(double).items() if key[0] == "host"} == {("host", "h1"): 1}
    assert "chronos-owner" in double.cloud.tenants["test"].host["h1"].labels


@pytest.mark.parametrize("crash", [point for point in POINTS if point != "marked"])
def test_a_cluster_grows_once(double: Double, engine: Engine, tmp_path: Path, crash: str) -> None:
    async def run() -> Request:
        create = request("0", "cluster", "create", "c1", CLUSTER)
        await have(double, engine, create)
        expand = request("1", "cluster", "expand", "c1", {"count": 2, "node_sizing": "cpu=1"})
        return await survive(double, engine, tmp_path, expand, crash)

    done = asyncio.run(run())
    assert done.state is RequestState.SUCCEEDED, done.error
    nodes = [name for kind, name in alive(double) if kind == "host" and "-node-" in name]
    assert len(nodes) == 3


@pytest.mark.parametrize("verb", ["create", "expand"])
def test_a_call_in_flight_is_rolled_back_and_made_again(
    double: Double, engine: Engine, tmp_path: Path, verb: str
) -> None:
    double.cloud.latency.rollback = 0.3

    async def run() -> Request:
        create = request("0", "cluster", "create", "c1", CLUSTER)
        expand = request("1", "cluster", "expand", "c1", {"count": 2, "node_sizing": "cpu=1"})
        asked = create if verb == "create" else expand
        if verb == "expand":
            await have(double, engine, create)
        double.cloud.latency.host = double.cloud.latency.cluster = 60.0
        before = len(double.cloud.tenants["test"].host)
        Requests(engine).submit(asked)
        first = await agent_process(double, tmp_path)
        await until(lambda: len(double.cloud.tenants["test"].host) > before)
        first.kill()
        await first.wait()
        double.cloud.latency.host = double.cloud.latency.cluster = 0.05
        return await _finish(double, engine, tmp_path, asked)

    done = asyncio.run(run())
    assert done.state is RequestState.SUCCEEDED, done.error
    hosts = [name for kind, name in alive(double) if kind == "host"]
    assert len(hosts) == len(double.cloud.tenants["test"].host) == (3 if verb == "create" else 5)
    assert alive(double)["cluster", "c1"] == 1


def test_a_command_is_run_once(double: Double, engine: Engine, tmp_path: Path) -> None:
    async def run() -> Request:
        create = request("0", "host", "create", "h1", {"sizing": "cpu=1"})
        await have(double, engine, create)
        command = request("run-1", "host", "run", "h1", {"command": "echo once >>$HOME/count; sleep 1"})
        return await survive(double, engine, tmp_path, command, "after call")

    done = asyncio.run(run())
    assert done.result is not None
    assert done.result["exit_code"] == 0
    assert (double.cloud.root / "h1" / "count").read_text() == "once\n"


def test_an_agent_that_is_asked_to_end_finishes_its_calls(
    double: Double, engine: Engine, tmp_path: Path
) -> None:
    double.cloud.latency.host = 1.0

    async def run() -> int | None:
        Requests(engine).submit(request("1", "host", "create", "h1", {"sizing": "cpu=1"}))
        process = await agent_process(double, tmp_path)
        await until(lambda: "h1" in double.cloud.tenants["test"].host)
        process.terminate()
        await asyncio.wait_for(process.communicate(), 60)
        return process.returncode

    assert asyncio.run(run()) == 0
    done = Requests(engine).get("1")
    assert done is not None
    assert done.state is RequestState.SUCCEEDED
