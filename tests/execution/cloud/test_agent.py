"""The agent against a double: what breaks on the way, and what comes out."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from chronos_plugin.db.cloud import Requests
from chronos_plugin.execution.cloud.model import Request, RequestState
from chronos_plugin.execution.cloud.naming import OWNER_LABEL, owner_mark, resource_name
from chronos_plugin.hooks.safescale.client import Endpoint
from chronos_plugin.hooks.safescale.double.cloud import KEY_BODY, PASSWORD, Fault
from chronos_plugin.hooks.safescale.double.server import Double
from tests.safescale import OWNER, QUICK, agent, alive, ended, endpoint, request, until

CLUSTER = {"flavor": "boh", "complexity": "small", "node_sizing": "cpu=1"}
HOST = {"sizing": "cpu=1"}


def work(double: Double, engine: Engine, *requests: Request, **how: Any) -> list[Request]:
    """Submit requests, one after the other, to an agent; return their ends."""

    async def run() -> list[Request]:
        found = []
        async with agent(double, engine, **how):
            for one in requests:
                Requests(engine).submit(one)
                found += await ended(engine, one.id)
        return found

    return asyncio.run(run())


def test_each_kind_comes_and_goes(double: Double, engine: Engine) -> None:
    where = {"on": "h1", "on_kind": "host"}
    asked = [
        request("1", "host", "create", "h1", HOST),
        request("2", "volume", "create", "v1", {"size": 5, "speed": "hdd"}),
        request("3", "volume", "attach", "v1", {"host": "h1"}),
        request("4", "share", "create", "s1", {"host": "h1", "path": "/p"}),
        request("5", "share", "mount", "s1", {"host": "h1", "path": "/m"}),
        request("6", "feature", "add", "docker", where),
        request("7", "network", "create", "n1", {}),
        request("8", "host", "stop", "h1", {}),
        request("9", "host", "start", "h1", {}),
        request("10", "feature", "remove", "docker", where),
        request("11", "share", "unmount", "s1", {"host": "h1"}),
        request("12", "share", "delete", "s1", {}),
        request("13", "volume", "detach", "v1", {"host": "h1"}),
        request("14", "volume", "delete", "v1", {}),
        request("15", "host", "delete", "h1", {}),
        request("16", "network", "delete", "n1", {}),
        request("17", "label", "create", "l1", {}),
        request("18", "label", "delete", "l1", {}),
    ]
    done = work(double, engine, *asked)
    assert [(one.id, one.state, one.error) for one in done] == [
        (a.id, RequestState.SUCCEEDED, "") for a in asked
    ]
    assert done[0].result is not None
    assert done[0].result["name"] == "h1"
    assert {kind for kind, _ in alive(double)} <= {"label"}


def test_a_host_is_labelled_with_its_owner(double: Double, engine: Engine) -> None:
    work(double, engine, request("1", "host", "create", "h1", HOST, expires=4e9))
    labels = double.cloud.tenants["test"].host["h1"].labels
    assert labels == {OWNER_LABEL: owner_mark(OWNER), "chronos-expires": "4000000000"}


@pytest.mark.parametrize(
    "fault",
    [
        Fault("HostService.Create", "UNAVAILABLE", after=True),
        Fault("HostService.Create", "UNKNOWN", "host 'h1' already exists", after=True),
        Fault("HostService.Create", "ABORTED", times=3),
        Fault("HostService.Create", "UNAVAILABLE", times=2),
        Fault("HostService.Inspect", "UNAVAILABLE", times=4),
        Fault("HostService.Inspect", "DEADLINE_EXCEEDED", times=2),
    ],
    ids=lambda fault: f"{fault.method}-{fault.code}-{'after' if fault.after else 'before'}",
)
def test_faults_on_the_way_lose_and_double_nothing(double: Double, engine: Engine, fault: Fault) -> None:
    double.cloud.faults.append(fault)
    done = work(double, engine, request("1", "host", "create", "h1", HOST))
    assert done[0].state is RequestState.SUCCEEDED, done[0].error
    assert fault.times == 0
    assert alive(double)["host", "h1"] == 1


def test_an_answer_that_is_lost_expands_once(double: Double, engine: Engine) -> None:
    double.cloud.faults.append(Fault("ClusterService.Expand", "UNAVAILABLE", after=True))
    expand = request("2", "cluster", "expand", "c1", {"count": 2, "node_sizing": "cpu=1"})
    done = work(double, engine, request("1", "cluster", "create", "c1", CLUSTER), expand)
    assert [one.state for one in done] == [RequestState.SUCCEEDED] * 2
    assert done[1].result is not None
    assert len(done[1].result["ready_nodes"]) == 3


def test_the_same_request_is_done_once(double: Double, engine: Engine) -> None:
    create = request("1", "cluster", "create", "c1", CLUSTER)
    expand = request("2", "cluster", "expand", "c1", {"count": 1, "node_sizing": "cpu=1"})
    work(double, engine, create, expand, expand, expand)
    assert sum(name.startswith("c1-node-") for kind, name in alive(double) if kind == "host") == 2


def test_a_resource_of_somebody_else_is_not_taken(double: Double, engine: Engine) -> None:
    mine = request("1", "host", "create", "h1", HOST)
    other = request("2", "host", "create", "h1", HOST, owner="run:other:1")
    done = work(double, engine, mine, other)
    assert (done[1].state, done[1].reason) == (RequestState.FAILED, "exists")
    assert "adopt: true" in done[1].error
    assert alive(double)["host", "h1"] == 1


def test_a_name_that_the_service_does_not_manage_is_given_up(double: Double, engine: Engine) -> None:
    double.cloud.tenants["test"].unmanaged.add("h1")
    done = work(double, engine, request("1", "host", "create", "h1", HOST))[0]
    assert (done.state, done.reason) == (RequestState.FAILED, "exists")
    assert "not managed" in done.error


def test_a_name_that_becomes_free_is_taken(double: Double, engine: Engine) -> None:
    double.cloud.tenants["test"].unmanaged.add("h1")

    async def run() -> Request:
        async with agent(double, engine):
            Requests(engine).submit(request("1", "host", "create", "h1", HOST))
            await until(lambda: any(call[0] == "HostService.Create" for call in double.cloud.calls))
            double.cloud.tenants["test"].unmanaged.clear()
            return (await ended(engine, "1"))[0]

    assert asyncio.run(run()).state is RequestState.SUCCEEDED


def test_get_or_create_returns_what_is_there(double: Double, engine: Engine) -> None:
    name = resource_name(OWNER, "worker")
    done = work(double, engine, *(request(n, "host", "create", name, HOST) for n in "123"))
    assert len({one.result["id"] for one in done if one.result}) == 1
    assert double.cloud.journal.count(("create", "host", name)) == 1


def test_a_wrong_request_fails_with_the_reason(double: Double, engine: Engine) -> None:
    done = work(
        double,
        engine,
        request("1", "host", "create", "h1", {"sizing": "cpu=many"}),
        request("2", "host", "create", "h1", {"sizing": "cpu=999"}),
        request("3", "host", "start", "h1", {}),
        request("4", "host", "fly", "h1", {}),
    )
    assert {one.state for one in done} == {RequestState.FAILED}
    assert "whole number" in done[0].error
    assert "failed to find template" in done[1].error
    assert done[2].reason == "absent"
    assert double.cloud.journal == []


def test_a_request_that_is_cancelled_leaves_nothing(double: Double, engine: Engine) -> None:
    double.cloud.latency.host, double.cloud.latency.rollback = 60.0, 0.2

    async def run() -> Request:
        async with agent(double, engine):
            Requests(engine).submit(request("1", "host", "create", "h1", HOST))
            await until(lambda: "h1" in double.cloud.tenants["test"].host)
            assert Requests(engine).cancel("1")
            return (await ended(engine, "1"))[0]

    done = asyncio.run(run())
    assert (done.state, done.result) == (RequestState.CANCELLED, {"removed": True})
    assert not double.cloud.tenants["test"].host


def test_a_request_that_nobody_took_is_cancelled_at_once(engine: Engine) -> None:
    table = Requests(engine)
    table.submit(request("1", "host", "create", "h1", HOST))
    assert table.cancel("1")
    assert not table.cancel("1")
    cancelled = table.get("1")
    assert cancelled is not None
    assert cancelled.state is RequestState.CANCELLED


def test_what_does_not_come_about_in_time_is_removed(double: Double, engine: Engine) -> None:
    double.cloud.latency.cluster = 600.0
    late = request("1", "cluster", "create", "c1", CLUSTER)
    soon = Request(**{**vars(late), "deadline": late.created + 1.0})
    done = work(double, engine, soon)[0]
    assert (done.state, done.reason) == (RequestState.FAILED, "timeout")
    assert "nothing is left of it" in done.error
    assert not double.cloud.tenants["test"].host
    assert not double.cloud.tenants["test"].cluster


def test_a_dead_service_is_waited_for_until_the_deadline(double: Double, engine: Engine) -> None:
    late = request("1", "host", "create", "h1", HOST)
    soon = Request(**{**vars(late), "deadline": late.created + 1.0})
    done = work(double, engine, soon, where=Endpoint("127.0.0.1:9", "test", question_timeout=1.0))[0]
    assert (done.state, done.reason) == (RequestState.FAILED, "timeout")


def test_a_service_that_comes_back_is_used(tmp_path: Path, engine: Engine) -> None:
    double = Double(tmp_path / "hosts")
    double.start()
    double.stop()

    async def run() -> Request:
        async with agent(double, engine, where=endpoint(double)):
            Requests(engine).submit(request("1", "host", "create", "h1", HOST))
            await asyncio.sleep(0.3)
            await asyncio.to_thread(double.start)
            return (await ended(engine, "1"))[0]

    assert asyncio.run(run()).state is RequestState.SUCCEEDED
    double.stop()


def test_a_command_runs_once_and_returns_its_output(double: Double, engine: Engine) -> None:
    double.cloud.faults.append(Fault("SshService.Run", twice=True, times=50))
    command = "echo once >>$HOME/count; echo out; echo err >&2; sleep 0.3; exit 3"
    done = work(
        double,
        engine,
        request("1", "host", "create", "h1", HOST),
        request("run-1", "host", "run", "h1", {"command": command}),
    )
    assert done[1].result == {"exit_code": 3, "output": "out\n", "errors": "err\n"}
    assert (double.cloud.root / "h1" / "count").read_text() == "once\n"


def test_a_command_outlives_what_the_service_allows_a_session(double: Double, engine: Engine) -> None:
    double.cloud.ssh_limit = 5.0
    done = work(
        double,
        engine,
        request("1", "host", "create", "h1", HOST),
        request("run-1", "host", "run", "h1", {"command": "sleep 6; echo done"}),
    )
    assert done[1].result is not None
    assert done[1].result["output"] == "done\n"


def test_a_command_is_cancelled_on_its_host(double: Double, engine: Engine) -> None:
    async def run() -> Request:
        async with agent(double, engine):
            table = Requests(engine)
            table.submit(request("1", "host", "create", "h1", HOST))
            await ended(engine, "1")
            table.submit(request("run-1", "host", "run", "h1", {"command": "touch begun; sleep 600"}))
            await until(lambda: (double.cloud.root / "h1/.chronos/jobs/run-1/begun").exists())
            table.cancel("run-1")
            return (await ended(engine, "run-1"))[0]

    assert asyncio.run(run()).state is RequestState.CANCELLED
    lock = double.cloud.root / "h1/.chronos/jobs/run-1/lock"
    import fcntl

    with open(lock, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_command_that_takes_too_long_is_ended(double: Double, engine: Engine) -> None:
    late = request("run-1", "host", "run", "h1", {"command": "sleep 600"})
    soon = Request(**{**vars(late), "deadline": late.created + 2.0})
    done = work(double, engine, request("1", "host", "create", "h1", HOST), soon)[1]
    assert (done.state, done.reason) == (RequestState.FAILED, "timeout")
    import fcntl

    with open(double.cloud.root / "h1/.chronos/jobs/run-1/lock", "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_one_agent_leads_and_another_takes_its_place(engine: Engine) -> None:
    table = Requests(engine)
    assert table.lead("a", until=100.0, now=50.0)
    assert not table.lead("b", until=110.0, now=60.0)
    assert table.lead("a", until=120.0, now=70.0)
    assert table.leader() == ("a", 120.0)
    assert table.lead("b", until=180.0, now=121.0)
    assert not table.lead("a", until=200.0, now=130.0)
    table.resign("b")
    assert table.lead("a", until=200.0, now=130.0)


def test_no_row_and_no_log_shows_a_secret(
    double: Double, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    words = f"{KEY_BODY and '-----BEGIN RSA PRIVATE KEY-----'}{KEY_BODY} password={PASSWORD}"
    double.cloud.faults.append(Fault("HostService.Stop", "UNKNOWN", words))
    work(
        double,
        engine,
        request("1", "host", "create", "h1", HOST),
        request("2", "cluster", "create", "c1", CLUSTER),
        request("3", "cluster", "expand", "c1", {"count": 1, "node_sizing": "cpu=1"}),
        request("4", "host", "stop", "h1", {}),
    )
    with engine.connect() as connection:
        rows = [tuple(row) for row in connection.execute(text("SELECT * FROM cloud_request"))]
    assert len(rows) == 4
    everything = json.dumps(rows, default=str) + caplog.text
    assert "HS_STARTED" in everything
    assert KEY_BODY not in everything
    assert PASSWORD not in everything


def test_many_requests_are_held_side_by_side(double: Double, engine: Engine) -> None:
    double.cloud.latency.host = 1.0
    names = [f"h{number}" for number in range(20)]

    async def run() -> Counter[RequestState]:
        async with agent(double, engine, timing=QUICK):
            for name in names:
                Requests(engine).submit(request(name, "host", "create", name, HOST))
            await until(lambda: len(double.cloud.tenants["test"].host) == len(names))
            # All are begun before one is complete: none waits for another.
            pending = [h for h in double.cloud.tenants["test"].host.values() if h.state == "HS_STARTING"]
            assert len(pending) > 1
            return Counter(one.state for one in await ended(engine, *names))

    assert asyncio.run(run()) == {RequestState.SUCCEEDED: len(names)}
