"""Jobs on an elastic cluster: agent, target and double together."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest
from sqlalchemy import Engine

from chronos_plugin.db.cloud import Pools
from chronos_plugin.errors import SettingInvalid, TargetRefused, TargetUnreachable, TargetUnsupported
from chronos_plugin.execution.targets.base import Job, JobState, JobStatus, Resources
from chronos_plugin.execution.targets.safescale import NO_AGENT
from chronos_plugin.execution.targets.script import Command, render
from chronos_plugin.hooks.safescale.double.cloud import Fault
from chronos_plugin.hooks.safescale.double.server import Double
from tests.safescale import StoredTarget, agent, agent_process, target, until


def job(folder: Path, number: int, command: str = "true", *, cores: float = 1.0) -> Job:
    """Return a job whose shell command runs in its folder, and which counts its starts."""
    home = folder / f"job{number}"
    home.mkdir(parents=True)
    line = f"echo started >>{home}/starts; {command}"
    script = render(Command(("/bin/sh", "-c", line), str(home), inherit=True), home, "")
    (home / "job.sh").write_text(script)
    return Job(f"job-{number}", f"dag.step.{number}", home, Resources(cores=cores))


async def statuses(on: StoredTarget, *jobs: Job) -> Mapping[str, JobStatus]:
    return await on.poll({one.id: one for one in jobs})


async def reach(on: StoredTarget, state: JobState, *jobs: Job) -> list[JobStatus]:
    """Wait until all jobs are in a state."""
    async with asyncio.timeout(60):
        while True:
            found = await statuses(on, *jobs)
            if all(status.state is state for status in found.values()):
                return list(found.values())
            await asyncio.sleep(0.02)


def starts(one: Job) -> list[str]:
    return (one.folder / "starts").read_text().splitlines()


def nodes(double: Double) -> list[str]:
    return [name for name in list(double.cloud.tenants["test"].host) if "-node-" in name]


def test_jobs_make_a_cluster_run_on_it_and_it_goes(double: Double, engine: Engine, tmp_path: Path) -> None:
    on = target(engine, max_nodes=3, idle_seconds=0.5, node_hour_cost=36.0)
    jobs = [job(tmp_path, number, f"echo out {number}; exit {number % 3}") for number in range(8)]

    async def run() -> None:
        async with agent(double, engine):
            for one in jobs:
                await on.submit(one)
            ended = await reach(on, JobState.ENDED, *jobs)
            assert [status.exit_code for status in ended] == [number % 3 for number in range(8)]
            assert (await on.test()).ok
            await until(lambda: Pools(engine).pools()[0].opened_at is None)

    asyncio.run(run())
    assert all(starts(one) == ["started"] for one in jobs)
    assert jobs[4].log.read_text() == "out 4\n"
    assert (jobs[4].folder / "exit.json").exists()
    assert not double.cloud.tenants["test"].host
    assert (
        double.cloud.journal.count(
            ("create", "cluster", next(n for w, k, n in double.cloud.journal if k == "cluster"))
        )
        == 1
    )
    assert sum(1 for what, kind, name in double.cloud.journal if what == "create" and "-node-" in name) <= 3
    (spent,) = Pools(engine).pools()[0].spent.values()
    assert spent > 0


def test_the_cluster_grows_with_the_queue(double: Double, engine: Engine, tmp_path: Path) -> None:
    on = target(engine, max_nodes=4, idle_seconds=600)
    first, more = job(tmp_path, 0, "sleep 600"), [job(tmp_path, n, "sleep 600") for n in range(1, 6)]

    async def run() -> None:
        async with agent(double, engine):
            await on.submit(first)
            await reach(on, JobState.RUNNING, first)
            assert len(nodes(double)) == 1
            for one in more:
                await on.submit(one)
            await reach(on, JobState.RUNNING, *more[:3])
            assert len(nodes(double)) == 4
            assert {s.state for s in (await statuses(on, *more[3:])).values()} == {JobState.QUEUED}
            used = [s.node for s in (await statuses(on, first, *more[:3])).values()]
            assert len(set(used)) == 4

    asyncio.run(run())


def test_jobs_are_cancelled_held_suspended(double: Double, engine: Engine, tmp_path: Path) -> None:
    on = target(engine, max_nodes=1, idle_seconds=600)
    one, two, three = (job(tmp_path, n, "sleep 600") for n in range(3))

    async def run() -> None:
        async with agent(double, engine):
            await on.submit(two)
            await on.hold("job-1", two)
            await on.submit(one)
            await reach(on, JobState.RUNNING, one)
            await reach(on, JobState.HELD, two)
            await on.suspend("job-0", one)
            await reach(on, JobState.SUSPENDED, one)
            await on.resume("job-0", one)
            await reach(on, JobState.RUNNING, one)
            await on.submit(three)
            await on.cancel("job-2", three)
            await reach(on, JobState.CANCELLED, three)
            await on.release("job-1", two)
            await on.cancel("job-0", one)
            await reach(on, JobState.CANCELLED, one)
            await reach(on, JobState.RUNNING, two)
            await on.cancel("job-1", two)
            await reach(on, JobState.CANCELLED, two)
            with pytest.raises(TargetUnsupported, match="does not run"):
                await on.suspend("job-1", two)
            await on.cancel("job-1", two)

    asyncio.run(run())
    assert not (three.folder / "starts").exists()


def test_a_held_job_keeps_no_cluster(double: Double, engine: Engine, tmp_path: Path) -> None:
    on = target(engine, idle_seconds=0.3)
    held, runs = job(tmp_path, 0), job(tmp_path, 1)

    async def run() -> None:
        await on.submit(held)
        await on.hold("job-0", held)
        await on.submit(runs)
        async with agent(double, engine):
            await reach(on, JobState.ENDED, runs)
            await until(lambda: not double.cloud.tenants["test"].cluster)
            assert (await statuses(on, held))["job-0"].state is JobState.HELD
            await on.release("job-0", held)
            await reach(on, JobState.ENDED, held)

    asyncio.run(run())


def test_a_node_that_dies_ends_its_jobs_as_infrastructure(
    double: Double, engine: Engine, tmp_path: Path
) -> None:
    on = target(engine, idle_seconds=600)
    one = job(tmp_path, 0, "sleep 600")

    async def run() -> JobStatus:
        async with agent(double, engine):
            await on.submit(one)
            (status,) = await reach(on, JobState.RUNNING, one)
            double.cloud.remove(double.cloud.tenants["test"], "host", status.node)
            return (await reach(on, JobState.ENDED, one))[0]

    status = asyncio.run(run())
    assert status.infrastructure
    assert "is gone" in status.reason


def test_a_silent_node_is_removed(double: Double, engine: Engine, tmp_path: Path) -> None:
    on = target(engine, idle_seconds=600, node_timeout=0.3)
    one = job(tmp_path, 0, "sleep 600")

    async def run() -> JobStatus:
        async with agent(double, engine):
            await on.submit(one)
            await reach(on, JobState.RUNNING, one)
            double.cloud.faults.append(Fault("SshService.Run", "UNAVAILABLE", times=1000))
            return (await reach(on, JobState.ENDED, one))[0]

    status = asyncio.run(run())
    assert status.infrastructure
    assert ("delete", "host", status.node) in double.cloud.journal


def test_the_cost_cap_stops_the_target(double: Double, engine: Engine, tmp_path: Path) -> None:
    # Three hosts at 36,000 an hour: 30 a second.
    on = target(
        engine, max_nodes=1, idle_seconds=600, node_hour_cost=36_000.0, cost_cap=15.0, drain_seconds=0
    )
    jobs = [job(tmp_path, number, "sleep 600") for number in range(2)]

    async def run() -> list[JobStatus]:
        async with agent(double, engine):
            for one in jobs:
                await on.submit(one)
            await reach(on, JobState.RUNNING, jobs[0])
            await reach(on, JobState.ENDED, jobs[0])
            await until(lambda: not double.cloud.tenants["test"].cluster)
            await asyncio.sleep(0.3)
            return list((await statuses(on, *jobs)).values())

    ended, waits = asyncio.run(run())
    assert ended.infrastructure
    assert waits.state is JobState.QUEUED
    assert not double.cloud.tenants["test"].cluster
    assert "cost cap of 15" in Pools(engine).pools()[0].message


def test_an_old_cluster_is_replaced(double: Double, engine: Engine, tmp_path: Path) -> None:
    on = target(engine, max_nodes=1, idle_seconds=600, lifetime_hours=0.5 / 3600)
    jobs = [job(tmp_path, number, "sleep 0.7") for number in range(2)]

    async def run() -> None:
        async with agent(double, engine):
            for one in jobs:
                await on.submit(one)
            await reach(on, JobState.ENDED, *jobs)

    asyncio.run(run())
    assert sum(what == "create" and kind == "cluster" for what, kind, _ in double.cloud.journal) == 2
    assert all(starts(one) == ["started"] for one in jobs)


def test_new_nodes_are_set_up_first(double: Double, engine: Engine, tmp_path: Path) -> None:
    on = target(engine, max_nodes=2, idle_seconds=600, setup="sleep 0.2; touch $HOME/prepared")
    jobs = [job(tmp_path, number, "ls $HOME/prepared; sleep 0.2") for number in range(4)]

    async def run() -> list[JobStatus]:
        async with agent(double, engine):
            for one in jobs:
                await on.submit(one)
            return await reach(on, JobState.ENDED, *jobs)

    assert [status.exit_code for status in asyncio.run(run())] == [0, 0, 0, 0]


def test_a_cluster_that_cannot_be_made_is_said_and_tried_again(
    double: Double, engine: Engine, tmp_path: Path
) -> None:
    double.cloud.faults.append(Fault("ClusterService.Create", "RESOURCE_EXHAUSTED", "no cores left"))
    on = target(engine)
    one = job(tmp_path, 0)

    async def run() -> None:
        async with agent(double, engine):
            await on.submit(one)
            await until(lambda: "no cores left" in Pools(engine).pools()[0].message)

    asyncio.run(run())
    assert Pools(engine).pools()[0].failures == 1


def test_agents_that_are_killed_start_no_job_twice(double: Double, engine: Engine, tmp_path: Path) -> None:
    on = target(engine, max_nodes=3, idle_seconds=600)
    jobs = [job(tmp_path, number, "sleep 0.5") for number in range(12)]

    async def run() -> list[JobStatus]:
        for one in jobs:
            await on.submit(one)
        for round_number in range(3):
            process = await agent_process(double, tmp_path)
            await until(
                lambda seen=2 * round_number: sum((j.folder / "starts").exists() for j in jobs) > seen
            )
            process.kill()
            await process.wait()
        async with agent(double, engine):
            return await reach(on, JobState.ENDED, *jobs)

    ended = asyncio.run(run())
    assert [(status.exit_code, status.infrastructure) for status in ended] == [(0, False)] * len(jobs)
    assert [starts(one) for one in jobs] == [["started"]] * len(jobs)
    assert len(nodes(double)) == 3


def test_without_an_agent_jobs_wait_and_say_why(engine: Engine, tmp_path: Path) -> None:
    on = target(engine)
    one = job(tmp_path, 0)

    async def run() -> tuple[JobStatus, bool]:
        await on.submit(one)
        return (await statuses(on, one))["job-0"], (await on.test()).ok

    status, ok = asyncio.run(run())
    assert (status.state, status.reason, ok) == (JobState.QUEUED, NO_AGENT, False)


def test_a_job_is_found_by_its_id(engine: Engine, tmp_path: Path) -> None:
    on = target(engine)
    one, other = job(tmp_path, 0), job(tmp_path, 1)

    async def run() -> Mapping[str, str]:
        await on.submit(one)
        await on.submit(one)
        return await on.find([one, other])

    assert asyncio.run(run()) == {"job-0": "job-0"}
    assert asyncio.run(statuses(on, other))["job-1"].state is JobState.LOST


def test_jobs_that_fit_no_node_are_refused(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(TargetRefused, match="asks for 9 cores"):
        asyncio.run(target(engine).submit(job(tmp_path, 0, cores=9)))


def test_a_database_that_does_not_answer_is_a_target_that_does_not(tmp_path: Path) -> None:
    from chronos_plugin.db.engine import make_engine

    empty = make_engine(f"sqlite:///{tmp_path}/empty.db")
    with pytest.raises(TargetUnreachable):
        asyncio.run(target(empty).submit(job(tmp_path, 0)))
    empty.dispose()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"colour": 1}, "unknown option 'colour'"),
        ({"max_nodes": "many"}, "max_nodes = 'many': write a whole number"),
        ({"max_nodes": 1, "min_nodes": 2}, "min_nodes <= max_nodes"),
        ({"cost_cap": 5}, "needs node_hour_cost"),
        ({"cost_period": "year"}, "cost_period"),
        ({"node_cores": 0}, "node_cores"),
        ({"node_sizing": "cpu=lots"}, "node_sizing"),
    ],
)
def test_wrong_options_are_named(engine: Engine, options: dict[str, object], says: str) -> None:
    with pytest.raises(SettingInvalid, match=says):
        target(engine, **options)
