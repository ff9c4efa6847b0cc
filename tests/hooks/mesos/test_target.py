"""The target ``mesos``: real jobs through queue, framework process and double."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chronos_plugin.db import migrate
from chronos_plugin.db.engine import make_engine
from chronos_plugin.errors import SettingInvalid, TargetRefused, TargetUnreachable, TargetUnsupported
from chronos_plugin.execution.targets.base import Job, JobState, Resources
from chronos_plugin.execution.targets.registry import target_class
from chronos_plugin.hooks.mesos import hook
from chronos_plugin.hooks.mesos.database import DatabaseQueue
from chronos_plugin.hooks.mesos.double import MesosDouble
from chronos_plugin.hooks.mesos.double.agent import Times
from chronos_plugin.hooks.mesos.messages import TaskState
from chronos_plugin.hooks.mesos.queue import TaskQueue
from chronos_plugin.hooks.mesos.target import MesosTarget, status_of
from chronos_plugin.hooks.mesos.tasks import Phase, Task, TaskSpec, Wish
from tests.hooks.mesos.conftest import Cluster, cluster


@pytest.fixture
def queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TaskQueue]:
    engine = make_engine(f"sqlite:///{tmp_path}/q.db")
    migrate.upgrade(engine)
    made = DatabaseQueue("mesos_default", lambda: engine)
    monkeypatch.setattr(hook, "queue_of", lambda _: made)
    yield made
    engine.dispose()


def job(folder: Path, text: str, job_id: str = "job-1", **more: Any) -> Job:
    folder.mkdir(exist_ok=True)
    (folder / "job.sh").write_text(text)
    return Job(job_id, "dag.step", folder, Resources(cores=0.5, ram=64), **more)


async def final(made: Cluster, target: MesosTarget, one: Job) -> Any:
    found: dict[str, Any] = {}

    async def look() -> bool:
        found.update(await target.poll({one.id: one}))
        return bool(found[one.id].state.final)

    for _ in range(400):
        if await look():
            return found[one.id]
        await asyncio.sleep(0.05)
    raise AssertionError(found)


def scenario(test: Any, queue: TaskQueue) -> None:
    async def main(double: MesosDouble) -> None:
        async with cluster(double, queue) as made:
            await test(made, MesosTarget("cluster", {}))

    with MesosDouble(times=Times(heartbeat=0.5, allocation=0.1)) as double:
        asyncio.run(main(double))


def test_it_is_installed() -> None:
    assert target_class("mesos") is MesosTarget


def test_a_job_runs(queue: TaskQueue, tmp_path: Path) -> None:
    one = job(tmp_path / "try", f"pwd > {tmp_path}/where; echo out > {tmp_path}/try/log.txt")

    async def test(made: Cluster, target: MesosTarget) -> None:
        assert await target.find([one]) == {}
        assert await target.submit(one) == await target.submit(one) == one.id
        assert await target.find([one]) == {one.id: one.id}
        status = await final(made, target, one)
        assert (status.state, status.native_state) == (JobState.ENDED, "TASK_FINISHED")
        assert status.node == "127.0.0.1"
        assert status.started_at <= status.ended_at
        assert not status.infrastructure
        assert await target.logs(one.id, one, 0) == b"out\n"
        assert made.double.do(lambda m: m.counts["launched"]) == 1

    scenario(test, queue)
    assert "/executors/job-1.1/runs/" in (tmp_path / "where").read_text()


def test_a_job_is_cancelled(queue: TaskQueue, tmp_path: Path) -> None:
    one = job(tmp_path / "try", "sleep 600")

    async def test(made: Cluster, target: MesosTarget) -> None:
        await target.submit(one)
        await made.until(lambda: made.task(one.id).state is TaskState.RUNNING)
        assert (await target.poll({one.id: one}))[one.id].state is JobState.RUNNING
        with pytest.raises(TargetUnsupported):
            await target.hold(one.id, one)
        await target.cancel(one.id, one)
        status = await final(made, target, one)
        assert status.state is JobState.CANCELLED
        assert "Terminated" in status.reason
        await target.cancel(one.id, one)

    scenario(test, queue)


def test_holding(queue: TaskQueue, tmp_path: Path) -> None:
    one = job(tmp_path / "try", "true")

    async def alone() -> None:
        target = MesosTarget("cluster", {})
        await target.submit(one)
        status = (await target.poll({one.id: one}))[one.id]
        assert status.state is JobState.QUEUED
        assert "airflow chronos mesos agent" in status.reason
        await target.hold(one.id, one)
        assert (await target.poll({one.id: one}))[one.id].state is JobState.HELD

    asyncio.run(alone())

    async def test(made: Cluster, target: MesosTarget) -> None:
        await made.until(lambda: bool(queue.status().framework_id))
        assert (await target.poll({one.id: one}))[one.id].state is JobState.HELD
        await target.release(one.id, one)
        assert (await final(made, target, one)).state is JobState.ENDED

    scenario(test, queue)


def test_what_the_queue_does_not_have_is_lost(queue: TaskQueue, tmp_path: Path) -> None:
    one = job(tmp_path / "try", "true")
    found = asyncio.run(MesosTarget("cluster", {}).poll({one.id: one}))
    assert found[one.id].state is JobState.LOST


def test_a_launch_named_by_the_job_is_the_jobs(queue: TaskQueue, tmp_path: Path) -> None:
    one = job(tmp_path / "try", "true")

    async def test() -> None:
        target = MesosTarget("cluster", {})
        await target.submit(one)
        assert (await target.poll({f"{one.id}.2": one}))[f"{one.id}.2"].state is JobState.QUEUED

    asyncio.run(test())


def test_options_become_a_task(tmp_path: Path) -> None:
    options = {"user": "swot", "volumes": ["/data:ro", "/work"], "disk": 10, "placement": {"rack": "1"}}
    target = MesosTarget("cluster", options)
    one = job(tmp_path / "t", "true", image="debian:12", options={"priority": 3, "containerizer": "docker"})
    spec = target.spec(one)
    assert spec.command == ("/bin/sh", f"{tmp_path}/t/job.sh")
    assert (spec.user, spec.priority, spec.demand.disk) == ("swot", 3, 10.0)
    assert spec.container is not None
    assert spec.container.volumes == (("/data", "/data", False), ("/work", "/work", True))
    assert spec.container.containerizer == "docker"
    assert TaskSpec.from_json(spec.to_json()) == spec


@pytest.mark.parametrize(
    "options", [{"colour": "red"}, {"disk": "much"}, {"containerizer": "podman"}, {"priority": True}]
)
def test_wrong_options_of_a_target(options: dict[str, Any]) -> None:
    with pytest.raises(SettingInvalid):
        MesosTarget("cluster", options)


@pytest.mark.parametrize("options", [{"connection": "other"}, {"volumes": ["relative"]}, {"colour": 1}])
def test_wrong_options_of_a_binding(queue: TaskQueue, tmp_path: Path, options: dict[str, Any]) -> None:
    one = job(tmp_path / "t", "true", image="debian", options=options)
    with pytest.raises(TargetRefused):
        asyncio.run(MesosTarget("cluster", {}).submit(one))


def test_a_database_that_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = make_engine(f"sqlite:///{tmp_path}/none.db")
    monkeypatch.setattr(hook, "queue_of", lambda name: DatabaseQueue(name, lambda: engine))
    with pytest.raises(TargetUnreachable):
        asyncio.run(MesosTarget("cluster", {}).submit(job(tmp_path / "t", "true")))


_TASK = Task(TaskSpec("t", "true"), submitted_at=1.0)
_LAUNCHED = replace(_TASK, phase=Phase.LAUNCHED, launches=1, mesos_task_id="t.1")


@pytest.mark.parametrize(
    ("task", "state", "infrastructure"),
    [
        (_TASK, JobState.QUEUED, False),
        (replace(_TASK, wish=Wish.HOLD), JobState.HELD, False),
        (_LAUNCHED, JobState.QUEUED, False),
        (replace(_LAUNCHED, state=TaskState.STARTING), JobState.QUEUED, False),
        (replace(_LAUNCHED, state=TaskState.RUNNING, started_at=1.0), JobState.RUNNING, False),
        (replace(_LAUNCHED, state=TaskState.UNREACHABLE, started_at=1.0), JobState.UNKNOWN, False),
        (replace(_LAUNCHED, phase=Phase.ENDED, state=TaskState.FAILED), JobState.ENDED, False),
        (replace(_LAUNCHED, phase=Phase.ENDED, state=TaskState.GONE), JobState.ENDED, True),
        (replace(_LAUNCHED, phase=Phase.ENDED, state=TaskState.KILLED), JobState.CANCELLED, False),
        (
            replace(_LAUNCHED, phase=Phase.ENDED, state=TaskState.KILLED, wish=Wish.CANCEL),
            JobState.CANCELLED,
            False,
        ),
        (
            replace(
                _LAUNCHED,
                phase=Phase.ENDED,
                state=TaskState.FAILED,
                reason="REASON_CONTAINER_LAUNCH_FAILED",
            ),
            JobState.ENDED,
            True,
        ),
    ],
)
def test_states(task: Task, state: JobState, infrastructure: bool) -> None:
    status = status_of(task)
    assert (status.state, status.infrastructure) == (state, infrastructure)


def test_the_test_of_the_target(queue: TaskQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(made: Cluster, target: MesosTarget) -> None:
        monkeypatch.setenv("AIRFLOW_CONN_MESOS_DEFAULT", made.double.urls[0].replace("http", "chronos-mesos"))
        await made.until(lambda: bool(queue.status().report.get("connected")))
        report = await target.test()
        assert report.ok, report.message
        assert "Mesos 1.12.0 leads" in report.message
        assert report.details["holder"]

    scenario(test, queue)
    report = asyncio.run(MesosTarget("cluster", {}).test())
    assert not report.ok
