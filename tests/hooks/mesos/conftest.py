"""What the tests of Mesos share."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from chronos_plugin.hooks.mesos.actions import Rules
from chronos_plugin.hooks.mesos.calls import Framework
from chronos_plugin.hooks.mesos.client import Address, SchedulerClient
from chronos_plugin.hooks.mesos.double import MesosDouble
from chronos_plugin.hooks.mesos.process import FrameworkProcess, Pace
from chronos_plugin.hooks.mesos.queue import TaskQueue
from chronos_plugin.hooks.mesos.tasks import Phase, Task
from tests.db.conftest import postgres_server, postgres_url

__all__ = ["postgres_server", "postgres_url"]

RECORDED = Path(__file__).parent / "recorded"
LIMIT = 20.0


def recorded(name: str) -> Iterator[dict[str, Any]]:
    for line in (RECORDED / f"{name}.jsonl").read_text().splitlines():
        yield json.loads(line)


def recorded_names() -> list[str]:
    return sorted(path.stem for path in RECORDED.glob("*.jsonl"))


class Cluster:
    """A framework process over a double and a queue, inside one event loop."""

    def __init__(self, double: MesosDouble, queue: TaskQueue) -> None:
        self.double, self.queue = double, queue
        self.running: asyncio.Task[None] | None = None
        self.client: SchedulerClient | None = None

    async def start(self, *, rules: Rules | None = None, lease: float = 1.0, roles: str = "lab") -> None:
        self.client = SchedulerClient(Address(tuple(self.double.urls)), missed_heartbeats=3)
        pace = Pace(poll=0.05, lease=lease, back_off=(0.05, 0.2))
        framework = Framework(roles=(roles,), failover_timeout=3600.0)
        process = FrameworkProcess(framework, self.client, self.queue, rules=rules, pace=pace)
        self.running = asyncio.create_task(process.run())

    async def stop(self) -> None:
        if self.running is not None and self.client is not None:
            self.running.cancel()
            await asyncio.gather(self.running, return_exceptions=True)
            await self.client.close()
            self.running = None

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition; the limit is there to end a test that would hang, and judges nothing."""
        end = time.monotonic() + LIMIT
        while not condition():
            if self.running is not None and self.running.done():
                self.running.result()
            assert time.monotonic() < end, "did not come to pass"
            await asyncio.sleep(0.02)

    def task(self, task_id: str) -> Task:
        return self.queue.get([task_id])[task_id]

    async def ended(self, task_ids: Iterable[str]) -> dict[str, Task]:
        names = list(task_ids)
        await self.until(lambda: all(t.phase is Phase.ENDED for t in self.queue.get(names).values()))
        return self.queue.get(names)


@asynccontextmanager
async def cluster(double: MesosDouble, queue: TaskQueue, **options: Any) -> AsyncIterator[Cluster]:
    made = Cluster(double, queue)
    await made.start(**options)
    try:
        yield made
    finally:
        await made.stop()


@pytest.fixture
def double() -> Iterator[MesosDouble]:
    with MesosDouble() as made:
        yield made
