"""The queue in memory, in SQLite and in PostgreSQL: one behaviour."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from chronos_plugin.db import migrate
from chronos_plugin.db.engine import make_engine
from chronos_plugin.hooks.mesos.database import DatabaseQueue
from chronos_plugin.hooks.mesos.messages import TaskState
from chronos_plugin.hooks.mesos.queue import LeaseLost, MemoryQueue, TaskQueue
from chronos_plugin.hooks.mesos.tasks import Container, Demand, Phase, TaskSpec, Uri, Wish

FULL = TaskSpec(
    "full-1",
    ("echo", "a b"),
    name="dag.task",
    demand=Demand(0.5, 64, 10, 1),
    environment={"A": "1"},
    container=Container("debian", "docker", (("/a", "/b", False),), "host", True),
    uris=(Uri("/x", "y", False, True),),
    user="nobody",
    kill_grace=3.5,
    time_limit=60.0,
    labels={"k": "v"},
    placement={"rack": "1"},
    priority=4,
)


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def queue(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TaskQueue]:
    if request.param == "memory":
        yield MemoryQueue("q")
        return
    url = (
        f"sqlite:///{tmp_path}/q.db" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    )
    engine = make_engine(url)
    migrate.upgrade(engine)
    yield DatabaseQueue("q", lambda: engine)
    engine.dispose()


def test_a_task_comes_back_as_it_was(queue: TaskQueue) -> None:
    before = time.time()
    queue.submit([FULL])
    (task,) = queue.get(["full-1", "nothing"]).values()
    assert task.spec == FULL
    assert (task.wish, task.phase, task.launches, task.state) == (Wish.RUN, Phase.QUEUED, 0, None)
    assert before <= task.submitted_at <= time.time()


def test_submitting_twice_changes_nothing(queue: TaskQueue) -> None:
    queue.submit([FULL])
    queue.wish(["full-1"], Wish.HOLD)
    queue.submit([replace(FULL, name="other"), TaskSpec("new", "true")])
    assert queue.get(["full-1"])["full-1"].wish is Wish.HOLD
    assert queue.get(["full-1"])["full-1"].spec.name == "dag.task"
    assert set(queue.get(["full-1", "new"])) == {"full-1", "new"}


def test_changes_are_there_until_they_are_taken_in(queue: TaskQueue) -> None:
    queue.submit([FULL])
    lease = queue.acquire("h", 60)
    assert lease is not None
    (task,) = queue.changes()
    queue.wish(["full-1"], Wish.HOLD)
    queue.commit(lease, framework=None, tasks=[], taken={"full-1": task.revision})
    # The wish came meanwhile.
    (task,) = queue.changes()
    assert task.wish is Wish.HOLD
    queue.commit(lease, framework=None, tasks=[], taken={"full-1": task.revision})
    assert queue.changes() == []


def test_a_holder_writes_states_and_no_wishes(queue: TaskQueue) -> None:
    queue.submit([FULL])
    lease = queue.acquire("h", 60)
    assert lease is not None
    (task,) = queue.open_tasks()
    queue.wish(["full-1"], Wish.CANCEL)
    ended = replace(
        task,
        phase=Phase.ENDED,
        state=TaskState.FINISHED,
        launches=1,
        mesos_task_id="full-1.1",
        agent_id="a",
        agent_url="http://a:5051",
        hostname="h",
        container_id="c",
        message="m",
        reason="r",
        source="s",
        launched_on="m1",
        launched_at=1.5,
        started_at=2.5,
        ended_at=3.5,
        seen=4.5,
    )
    queue.commit(lease, framework=("f", "m1"), tasks=[ended], taken={})
    stored = queue.get(["full-1"])["full-1"]
    assert stored == replace(ended, wish=Wish.CANCEL, revision=stored.revision)
    assert queue.open_tasks() == []
    assert queue.status().framework_id == "f"


def test_a_wish_to_cancel_stays(queue: TaskQueue) -> None:
    queue.submit([FULL], held=True)
    queue.wish(["full-1"], Wish.CANCEL)
    queue.wish(["full-1"], Wish.RUN)
    assert queue.get(["full-1"])["full-1"].wish is Wish.CANCEL


def test_one_holder_at_a_time(queue: TaskQueue) -> None:
    first = queue.acquire("one", 60)
    assert first is not None
    assert queue.acquire("two", 60) is None
    assert queue.status().held
    queue.release(first)
    second = queue.acquire("two", 60)
    assert second is not None
    assert second.epoch == first.epoch + 1
    with pytest.raises(LeaseLost):
        queue.renew(first, 60, {})
    queue.release(first)
    assert queue.acquire("three", 60) is None
    queue.renew(second, 60, {"connected": True})
    status = queue.status()
    assert (status.holder, status.report) == ("two", {"connected": True})


def test_a_lease_runs_out(queue: TaskQueue) -> None:
    first = queue.acquire("one", 0.0)
    assert first is not None
    assert not queue.status().held
    assert queue.acquire("two", 60) is not None


def test_what_a_former_holder_writes_is_refused_as_a_whole(queue: TaskQueue) -> None:
    queue.submit([FULL])
    first = queue.acquire("one", 0.0)
    assert first is not None
    assert queue.acquire("two", 60)
    (task,) = queue.open_tasks()
    with pytest.raises(LeaseLost):
        queue.commit(
            first, framework=("mine", "m"), tasks=[replace(task, phase=Phase.ENDED)], taken={"full-1": 1}
        )
    assert len(queue.open_tasks()) == len(queue.changes()) == 1
    assert queue.status().framework_id is None


def test_pruning(queue: TaskQueue) -> None:
    queue.submit([TaskSpec(i, "true") for i in ("old", "young", "open")])
    lease = queue.acquire("h", 60)
    assert lease is not None
    found = queue.get(["old", "young"])
    done = [
        replace(found["old"], phase=Phase.ENDED, ended_at=100.0),
        replace(found["young"], phase=Phase.ENDED, ended_at=300.0),
    ]
    queue.commit(lease, framework=None, tasks=done, taken={})
    assert queue.prune(200.0) == 1
    assert set(queue.get(["old", "young", "open"])) == {"young", "open"}


def test_many_ids_at_once(queue: TaskQueue) -> None:
    names = [f"t{i}" for i in range(1500)]
    queue.submit([TaskSpec(name, "true") for name in names])
    assert set(queue.get(names)) == set(names)
    queue.wish(names, Wish.HOLD)
    assert queue.status().tasks.get("held", queue.status().tasks.get("queued")) == 1500


def test_queues_of_two_connections_are_apart(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path}/q.db")
    migrate.upgrade(engine)
    one, two = DatabaseQueue("one", lambda: engine), DatabaseQueue("two", lambda: engine)
    one.submit([FULL])
    two.submit([FULL])
    one.wish(["full-1"], Wish.HOLD)
    assert two.get(["full-1"])["full-1"].wish is Wish.RUN
    assert one.acquire("h", 60)
    assert two.acquire("h", 60)
