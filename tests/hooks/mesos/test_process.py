"""The process that holds the framework, over HTTP with the double; each fault that Mesos can have."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from chronos_plugin.errors import ServiceFailed
from chronos_plugin.hooks.mesos.actions import Rules
from chronos_plugin.hooks.mesos.double import MesosDouble
from chronos_plugin.hooks.mesos.double.agent import Times
from chronos_plugin.hooks.mesos.double.master import Master
from chronos_plugin.hooks.mesos.messages import TaskState
from chronos_plugin.hooks.mesos.process import FrameworkTaken
from chronos_plugin.hooks.mesos.queue import MemoryQueue
from chronos_plugin.hooks.mesos.tasks import Demand, Phase, TaskSpec, Wish
from tests.hooks.mesos.conftest import Cluster, cluster

QUICK = Times(heartbeat=0.2, allocation=0.1, resend=0.5)
Test = Callable[[Cluster], Coroutine[Any, Any, None]]


def small(task_id: str, command: str = "true", **more: Any) -> TaskSpec:
    return TaskSpec(task_id, command, demand=Demand(0.1, 32), **more)


def scenario(test: Test, *specs: TaskSpec, rules: Rules | None = None, **options: Any) -> MemoryQueue:
    """Run a test with a cluster and tasks in its queue; nothing may be left unacknowledged."""
    queue = MemoryQueue()
    queue.submit(specs)

    async def main(double: MesosDouble) -> None:
        async with cluster(double, queue, rules=rules) as made:
            await test(made)

    with MesosDouble(**{"times": QUICK, **options}) as double:
        asyncio.run(main(double))
    return queue


def waiting_updates(master: Master) -> int:
    return sum(len(t.pending) for a in master.agents.values() for t in a.tasks.values())


def test_many_tasks_end_as_they_should() -> None:
    specs = [small(f"t{i}", f"exit {i % 2}") for i in range(30)]

    async def test(made: Cluster) -> None:
        ended = await made.ended(s.id for s in specs)
        for i in range(30):
            assert ended[f"t{i}"].state is (TaskState.FAILED if i % 2 else TaskState.FINISHED)
            assert ended[f"t{i}"].message == f"Command exited with status {i % 2}"
        await made.until(lambda: made.double.do(waiting_updates) == 0)

    scenario(test, *specs)


def test_lost_acknowledgements_are_made_good() -> None:
    async def test(made: Cluster) -> None:
        made.double.do(lambda m: setattr(m.faults, "lose_acknowledgements", 2))
        ended = await made.ended(["t"])
        assert ended["t"].succeeded
        await made.until(lambda: made.double.do(waiting_updates) == 0)

    scenario(test, small("t"))


def test_updates_that_come_twice() -> None:
    async def test(made: Cluster) -> None:
        made.double.do(lambda m: setattr(m.faults, "twice", True))
        ended = await made.ended(["t", "u"])
        assert [t.succeeded for t in ended.values()] == [True, True]

    scenario(test, small("t"), small("u"))


@pytest.mark.parametrize("fault", ["swallow", "drop"])
def test_a_launch_whose_answer_is_lost_runs_once(fault: str, tmp_path: Path) -> None:
    async def test(made: Cluster) -> None:
        made.double.do(lambda m: getattr(m.faults, fault).append("ACCEPT"))
        made.queue.submit([small("t", f"echo x >> {tmp_path}/ran")])
        ended = await made.ended(["t"])
        assert ended["t"].succeeded
        assert made.double.do(lambda m: m.counts["launched"]) == 1
        assert (tmp_path / "ran").read_text() == "x\n"

    scenario(test)


def test_a_launch_that_is_refused_is_tried_again() -> None:
    async def test(made: Cluster) -> None:
        await made.until(lambda: "SUPPRESS" in made.double.do(lambda m: list(m.calls)))

        def refuse(master: Master) -> None:
            master.faults.refuse, master.faults.refuse_with = 2, (503, "")

        made.double.do(refuse)
        made.queue.submit([small("t")])
        ended = await made.ended(["t"])
        assert ended["t"].succeeded
        assert made.double.do(lambda m: m.counts["launched"]) == 1

    scenario(test)


def test_a_new_leader_is_followed() -> None:
    async def test(made: Cluster) -> None:
        await made.until(lambda: made.task("t").state is TaskState.RUNNING)
        made.double.change_leader(1)
        made.queue.submit([small("u")])
        await made.ended(["u"])
        made.queue.wish(["t"], Wish.CANCEL)
        ended = await made.ended(["t"])
        assert ended["t"].state is TaskState.KILLED
        assert ended["t"].launches == 1

    scenario(test, small("t", "sleep 600"), ports=(0, 0))


def test_silence_is_noticed() -> None:
    async def test(made: Cluster) -> None:
        await made.until(lambda: made.task("t").state is TaskState.RUNNING)
        framework = made.double.do(lambda m: next(iter(m.frameworks.values())))
        first = framework.stream_id
        made.double.do(lambda m: setattr(m.faults, "silent", True))
        await made.until(lambda: framework.stream_id != first)
        made.double.do(lambda m: setattr(m.faults, "silent", False))
        made.queue.submit([small("u")])
        assert (await made.ended(["u"]))["u"].succeeded

    scenario(test, small("t", "sleep 600"))


def test_a_master_that_forgot_everything(tmp_path: Path) -> None:
    async def test(made: Cluster) -> None:
        await made.until(lambda: made.task("t").state is TaskState.RUNNING)
        made.double.do(lambda m: m.restart(1.0))
        await made.until(lambda: made.task("t").state is TaskState.UNKNOWN)
        await made.until(lambda: made.task("t").state is TaskState.RUNNING)
        (tmp_path / "go").touch()
        ended = await made.ended(["t"])
        assert ended["t"].succeeded
        assert ended["t"].launches == 1

    wait = f"while [ ! -e {tmp_path}/go ]; do sleep 0.05; done"
    scenario(test, small("t", wait))


def test_an_agent_out_of_reach_comes_back() -> None:
    async def test(made: Cluster) -> None:
        await made.until(lambda: made.task("t").state is TaskState.RUNNING)
        agent = made.double.do(lambda m: next(iter(m.agents.values())))
        made.double.do(lambda m: m.lose(agent))
        await made.until(lambda: made.task("t").state is TaskState.UNREACHABLE)
        made.double.do(lambda m: m.register(agent))
        await made.until(lambda: made.task("t").state is TaskState.RUNNING)
        assert made.task("t").launches == 1

    scenario(test, small("t", "sleep 600"))


def test_a_task_that_comes_back_after_it_was_given_up_is_killed() -> None:
    async def test(made: Cluster) -> None:
        await made.until(lambda: made.task("t").state is TaskState.RUNNING)
        agent = made.double.do(lambda m: next(iter(m.agents.values())))
        made.double.do(lambda m: m.lose(agent))
        ended = await made.ended(["t"])
        assert ended["t"].infrastructure
        made.double.do(lambda m: m.register(agent))
        await made.until(lambda: not made.double.do(lambda _: agent.tasks))
        assert made.task("t").infrastructure

    scenario(test, small("t", "sleep 600"), rules=Rules(doubt_timeout=0.3))


def test_kill_obeys_the_grace_period() -> None:
    async def test(made: Cluster) -> None:
        await made.until(lambda: made.task("t").state is TaskState.RUNNING)
        await asyncio.sleep(0.3)
        made.queue.wish(["t"], Wish.CANCEL)
        ended = await made.ended(["t"])
        assert ended["t"].message == "Command terminated with signal Killed"

    scenario(test, small("t", "trap '' TERM; while :; do sleep 0.05; done", kill_grace=0.2))


def test_holding_and_releasing() -> None:
    async def test(made: Cluster) -> None:
        made.queue.submit([small("held")], held=True)
        made.queue.submit([small("free")])
        await made.ended(["free"])
        assert made.task("held").phase is Phase.QUEUED
        made.queue.wish(["held"], Wish.RUN)
        assert (await made.ended(["held"]))["held"].succeeded

    scenario(test)


def test_rescinded_offers_are_not_used() -> None:
    async def test(made: Cluster) -> None:
        for i in range(10):
            made.double.do(lambda m: m.rescind())
            made.queue.submit([small(f"t{i}")])
        ended = await made.ended(f"t{i}" for i in range(10))
        assert all(t.succeeded for t in ended.values())

    scenario(test)


def test_a_framework_that_was_removed_registers_anew() -> None:
    async def test(made: Cluster) -> None:
        await made.until(lambda: made.task("t").state is TaskState.RUNNING)
        first = made.queue.status().framework_id
        made.double.do(lambda m: m._remove(next(iter(m.frameworks.values()))))
        ended = await made.ended(["t"])
        assert ended["t"].state is TaskState.LOST
        assert ended["t"].infrastructure
        made.queue.submit([small("u")])
        assert (await made.ended(["u"]))["u"].succeeded
        assert made.queue.status().framework_id != first

    scenario(test, small("t", "sleep 600"))


def test_a_strangers_subscription_ends_the_process() -> None:
    async def test(made: Cluster) -> None:
        await made.until(lambda: bool(made.queue.status().framework_id))
        stranger = Cluster(made.double, MemoryQueue())
        stranger.queue.commit(  # the same framework in another store, as after a copy of the database
            _taken(stranger.queue), framework=(made.queue.status().framework_id, ""), tasks=[], taken={}
        )
        await asyncio.sleep(0.1)
        await stranger.start()
        assert made.running is not None
        with pytest.raises(FrameworkTaken, match="Another scheduler"):
            await asyncio.wait_for(made.running, 20)
        await stranger.stop()

    scenario(test)


def _taken(queue: Any) -> Any:
    lease = queue.acquire("copy", 0.05)
    assert lease is not None
    return lease


def test_another_process_waits_and_takes_over() -> None:
    queue = MemoryQueue()

    async def main(double: MesosDouble) -> None:
        first, second = Cluster(double, queue), Cluster(double, queue)
        queue.submit([small("t", "sleep 600")])
        await first.start()
        await first.until(lambda: first.task("t").state is TaskState.RUNNING)
        await second.start()
        await asyncio.sleep(0.2)
        assert queue.status().epoch == 1
        await first.stop()
        queue.submit([small("u")])
        assert (await second.ended(["u"]))["u"].succeeded
        assert queue.status().epoch == 2
        assert second.task("t").launches == 1
        await second.stop()

    with MesosDouble(times=QUICK) as double:
        asyncio.run(main(double))


def test_a_process_that_slept_through_its_lease_does_no_harm() -> None:
    queue = MemoryQueue()

    async def main(double: MesosDouble) -> None:
        first, second = Cluster(double, queue), Cluster(double, queue)
        queue.submit([small("t", "sleep 600")])
        await first.start(lease=0.3)
        await first.until(lambda: first.task("t").state is TaskState.RUNNING)
        # What a stopped process looks like: its lease runs out, its connection stands.
        queue._until = 0.0
        await second.start()
        await second.until(lambda: queue.status().epoch >= 2)
        queue.submit([small(f"u{i}") for i in range(5)])
        ended = await second.ended(f"u{i}" for i in range(5))
        assert all(t.succeeded and t.launches == 1 for t in ended.values())
        assert double.do(lambda m: m.counts["launched"]) == 6
        await first.stop()
        await second.stop()

    with MesosDouble(times=QUICK) as double:
        asyncio.run(main(double))


class FailingQueue(MemoryQueue):
    """A store that is away now and then."""

    failures = 0

    def commit(self, *arguments: Any, **named: Any) -> None:
        self.failures += 1
        if self.failures % 3:
            raise ServiceFailed("the database is away")
        super().commit(*arguments, **named)


def test_nothing_is_acknowledged_that_is_not_stored() -> None:
    queue = FailingQueue()
    queue.submit([small("t")])

    async def main(double: MesosDouble) -> None:
        async with cluster(double, queue) as made:
            ended = await made.ended(["t"])
            assert ended["t"].succeeded
            await made.until(lambda: double.do(waiting_updates) == 0)

    with MesosDouble(times=QUICK) as double:
        asyncio.run(main(double))
    assert queue.failures > 3


def test_a_container_image_is_asked_for() -> None:
    from chronos_plugin.hooks.mesos.tasks import Container

    box = Container("debian:12", "docker", (("/data", "/in", False),), "host")
    unpacked = Container("debian:12", volumes=(("/data", "/data", True),))

    async def test(made: Cluster) -> None:
        ended = await made.ended(["d", "m"])
        for task in ended.values():
            assert task.reason == "REASON_CONTAINER_LAUNCH_FAILED"
            assert task.infrastructure

    scenario(test, small("d", container=box), small("m", container=unpacked))
    assert box.info() == {
        "type": "DOCKER",
        "volumes": [{"host_path": "/data", "container_path": "/in", "mode": "RO"}],
        "docker": {"image": "debian:12", "force_pull_image": False, "network": "HOST"},
    }
    assert unpacked.info() == {
        "type": "MESOS",
        "volumes": [{"host_path": "/data", "container_path": "/data", "mode": "RW"}],
        "mesos": {"image": {"type": "DOCKER", "docker": {"name": "debian:12"}, "cached": True}},
    }
