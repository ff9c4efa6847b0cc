from __future__ import annotations

import asyncio
import uuid
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException, TaskDeferred

from chronos_plugin.hooks.mesos import hook
from chronos_plugin.hooks.mesos.double import MesosDouble
from chronos_plugin.hooks.mesos.double.agent import Times
from chronos_plugin.hooks.mesos.queue import MemoryQueue
from chronos_plugin.hooks.mesos.tasks import Wish
from chronos_plugin.operators.mesos import MesosTaskOperator
from chronos_plugin.operators.mesos_trigger import MesosTaskTrigger
from tests.hooks.mesos.conftest import cluster


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> MemoryQueue:
    made = MemoryQueue()
    monkeypatch.setattr(hook, "queue_of", lambda _: made)
    return made


def context() -> Any:
    return {"ti": SimpleNamespace(id=uuid.uuid4(), dag_id="d", task_id="t", map_index=-1)}


def deferred(operator: MesosTaskOperator, given: Any) -> MesosTaskTrigger:
    with pytest.raises(TaskDeferred) as caught:
        operator.execute(given)
    assert caught.value.method_name == "execute_complete"
    trigger = caught.value.trigger
    assert isinstance(trigger, MesosTaskTrigger)
    path, kwargs = trigger.serialize()
    assert path.endswith(".MesosTaskTrigger")
    return MesosTaskTrigger(**kwargs)


def finished(
    trigger: MesosTaskTrigger, queue: MemoryQueue, monkeypatch: pytest.MonkeyPatch, **options: Any
) -> dict[str, Any]:
    """Run a trigger to its event, with a cluster."""

    async def main(double: MesosDouble) -> dict[str, Any]:
        address = double.urls[0].replace("http", "chronos-mesos")
        monkeypatch.setenv("AIRFLOW_CONN_MESOS_DEFAULT", address)
        connection = hook.MesosHook("mesos_default").get_connection("mesos_default")

        async def found(name: str) -> Any:
            return connection

        monkeypatch.setattr(hook.MesosHook, "aget_connection", found)
        async with cluster(double, queue):
            async for event in trigger.run():
                return dict(event.payload)
        raise AssertionError("no event")

    with MesosDouble(times=Times(heartbeat=0.5, allocation=0.1), **options) as double:
        return asyncio.run(main(double))


def test_output_reaches_the_log(
    queue: MemoryQueue, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = "printf 'one\\ntw'; sleep 0.2; echo o; echo caf\u00e9 >&2; printf end"
    operator = MesosTaskOperator(task_id="t", command=command, cpus=0.1, mem=16, poll_interval=0.05)
    given = context()
    trigger = deferred(operator, given)
    event = finished(trigger, queue, monkeypatch)
    assert event["succeeded"]
    # Airflow's own logger writes "TIME [LEVEL] MESSAGE   [LOGGER]".
    said = [line.split("]", 1)[1].split("  ")[0].strip() for line in capsys.readouterr().out.splitlines()]
    assert [line for line in said if line in ("one", "two", "end")] == ["one", "two", "end"]
    assert "[stderr] caf\u00e9" in said
    assert any(line.startswith("TASK_RUNNING on 127.0.0.1") for line in said)
    operator.execute_complete(given, event)


def test_failure_has_mesoss_words(queue: MemoryQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    operator = MesosTaskOperator(task_id="t", command=["false"], cpus=0.1, mem=16, poll_interval=0.05)
    given = context()
    event = finished(deferred(operator, given), queue, monkeypatch)
    with pytest.raises(AirflowException, match="TASK_FAILED: Command exited with status 1"):
        operator.execute_complete(given, event)


def test_the_same_try_finds_its_task_again(queue: MemoryQueue) -> None:
    operator = MesosTaskOperator(task_id="t", command="true")
    given = context()
    deferred(operator, given)
    deferred(operator, given)
    assert len(queue.open_tasks()) == 1
    deferred(operator, context())
    assert len(queue.open_tasks()) == 2


def test_killing(queue: MemoryQueue) -> None:
    operator = MesosTaskOperator(task_id="t", command="true")
    operator.on_kill()
    trigger = deferred(operator, context())
    (task,) = queue.open_tasks()
    asyncio.run(trigger.on_kill())
    assert queue.get([task.id])[task.id].wish is Wish.CANCEL
    deferred(operator, context())
    operator.on_kill()
    assert all(t.wish is Wish.CANCEL for t in queue.open_tasks())


def test_a_task_that_the_queue_lost(queue: MemoryQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    event = finished(MesosTaskTrigger("gone", "mesos_default", 0.05), queue, monkeypatch)
    assert not event["succeeded"]


def test_all_arguments(queue: MemoryQueue) -> None:
    operator = MesosTaskOperator(
        task_id="t",
        command=["run", "it"],
        image="debian:12",
        containerizer="docker",
        cpus=2,
        mem=512,
        disk=10,
        gpus=1,
        environment={"A": "1"},
        uris=["/a", {"value": "/b", "output_file": "c", "extract": False}],
        volumes=["/data:/in:ro"],
        user="nobody",
        placement={"rack": "1"},
        kill_grace=5,
        time_limit=60,
    )
    info = operator.spec("id", "d.t").task_info("id.1", "a", [])
    assert info["command"]["arguments"] == ["run", "it"]
    assert info["command"]["uris"][1]["output_file"] == "c"
    assert info["container"]["docker"]["image"] == "debian:12"
    assert info["container"]["volumes"][0]["mode"] == "RO"
    assert info["max_completion_time"] == {"nanoseconds": 60_000_000_000}


@pytest.mark.parametrize(
    "values",
    [
        {"command": ""},
        {"command": "true", "cpus": -1},
        {"command": "true", "containerizer": "podman"},
        {"command": "true", "image": "i", "volumes": ["relative"]},
        {"command": "true", "uris": [{"nonsense": 1}]},
    ],
)
def test_wrong_arguments_fail_without_a_retry(queue: MemoryQueue, values: dict[str, Any]) -> None:
    with pytest.raises(AirflowFailException):
        MesosTaskOperator(task_id="t", **values).execute(context())
    assert queue.open_tasks() == []
