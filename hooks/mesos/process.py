"""The process that holds the framework: it joins state machine, connection and store.

One process of a deployment does so at a time; others wait and take over. It ends only when it is told to, or
when going on would do harm.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import random
import socket
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from chronos_plugin.errors import ServiceFailed
from chronos_plugin.hooks.mesos.actions import (
    Actions,
    Disconnected,
    Found,
    Input,
    Launch,
    LaunchRefused,
    Rules,
    TasksChanged,
    Tick,
)
from chronos_plugin.hooks.mesos.calls import Call, Framework
from chronos_plugin.hooks.mesos.client import MesosFailed, SchedulerClient, Subscription
from chronos_plugin.hooks.mesos.messages import Subscribed
from chronos_plugin.hooks.mesos.outbox import LOST, Outbox
from chronos_plugin.hooks.mesos.queue import Lease, LeaseLost, TaskQueue
from chronos_plugin.hooks.mesos.scheduler import Scheduler
from chronos_plugin.hooks.mesos.tasks import task_id_of

log = logging.getLogger("chronos.mesos")
_T = TypeVar("_T")


class FrameworkTaken(ServiceFailed):
    """Raised when another scheduler, which is none of this deployment's, uses the framework's id."""


@dataclass(frozen=True)
class Pace:
    """Seconds and sizes.

    Attributes:
        poll: Between two looks for new tasks and wishes.
        lease: For how long the framework is taken; a process that waits takes over so long after the end of
            the one before it.
        back_off: First and longest pause before subscribing again; it doubles, and is drawn at random below.
        senders: Acknowledgements, and launches, under way at a time.
        batch: Inputs that are stored in one transaction.
        backlog: Events and acknowledgements that wait, over which nothing is launched.
        keep: How long ended tasks stay in the store.
    """

    poll: float = 0.5
    lease: float = 15.0
    back_off: tuple[float, float] = (0.5, 30.0)
    senders: int = 4
    batch: int = 2000
    backlog: int = 500
    keep: float = 30 * 86400.0


class FrameworkProcess:
    """Holds a framework.

    Args:
        framework: How it presents itself.
        client: Used and not closed.
        queue: Its tasks.
        holder: Name of this process for people; by default host and process id.
    """

    def __init__(
        self,
        framework: Framework,
        client: SchedulerClient,
        queue: TaskQueue,
        *,
        rules: Rules | None = None,
        pace: Pace | None = None,
        holder: str = "",
    ) -> None:
        self._framework = framework
        self._client = client
        self._queue = queue
        self._rules = rules or Rules()
        self._pace = pace or Pace()
        self._holder = holder or f"{socket.gethostname()}:{os.getpid()}"
        self._started = time.time()

    async def run(self) -> None:
        """Wait for the framework, hold it, and hold it again after losing it; until cancelled.

        Raises:
            FrameworkTaken: If a stranger uses the framework's id.
        """
        # One thread: what the store is told comes in the order in which it was said.
        with ThreadPoolExecutor(1, thread_name_prefix="mesos-store") as thread:
            while True:
                lease = await self._acquire(thread)
                try:
                    await _Tenure(self, lease, thread).hold()
                except LeaseLost as error:
                    log.warning("%s", error)
                finally:
                    with contextlib.suppress(Exception):
                        thread.submit(self._queue.release, lease).result(5)

    async def _acquire(self, thread: ThreadPoolExecutor) -> Lease:
        waiting = False
        while True:
            try:
                lease = await _in(thread, lambda: self._queue.acquire(self._holder, self._pace.lease))
            except Exception as error:  # noqa: BLE001 - a store that is away comes back
                log.warning("the store does not answer: %s", error)
                lease = None
            if lease is not None:
                log.info("%s holds the framework (epoch %d)", self._holder, lease.epoch)
                return lease
            if not waiting:
                log.info("another process holds the framework; waiting")
                waiting = True
            await asyncio.sleep(min(1.0, self._pace.lease / 3))


class _Tenure:
    """The time for which a process holds the framework."""

    def __init__(self, process: FrameworkProcess, lease: Lease, thread: ThreadPoolExecutor) -> None:
        self._process = process
        self._pace = process._pace
        self._queue = process._queue
        self._lease = lease
        self._thread = thread
        self._inbox: asyncio.Queue[Input] = asyncio.Queue(maxsize=4 * self._pace.batch)
        self._again: list[Input] = []
        self._opened: Outbox | None = None
        self._outbox: Outbox | None = None
        """The opened one, once the state machine knows of the subscription."""
        self._drop_connection = asyncio.Event()
        self._trouble = ""
        self._next_poll = 0.0

    async def hold(self) -> None:
        tasks = await self._stored(self._queue.open_tasks)
        self._scheduler = Scheduler(self._lease.framework_id, tasks, self._process._rules)
        log.info("%d open tasks", len(tasks))
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._work())
                group.create_task(self._subscriptions())
                group.create_task(self._keep_lease())
                group.create_task(self._sweep())
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from errors

    # Inputs to actions

    async def _work(self) -> None:
        while True:
            inputs = await self._gather()
            actions = self._scheduler.step(inputs, time.time(), launching=self._keeps_up())
            await self._store(actions)
            if any(isinstance(item, Subscribed) for item in inputs):
                self._outbox = self._opened
            await self._carry_out(actions)

    def _keeps_up(self) -> bool:
        """Whether there is room for more tasks: statuses that wait too long would be sent again."""
        unacknowledged = self._outbox.unacknowledged if self._outbox else 0
        return self._inbox.qsize() + unacknowledged < self._pace.backlog

    async def _gather(self) -> list[Input]:
        """Return what has happened since; new wishes are read between two steps only, never beside one."""
        inputs, self._again = self._again, []
        if not inputs and self._inbox.empty():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, self._next_poll - time.monotonic())):
                    inputs.append(await self._inbox.get())
        while not self._inbox.empty() and len(inputs) < self._pace.batch:
            inputs.append(self._inbox.get_nowait())
        if time.monotonic() >= self._next_poll:
            self._next_poll = time.monotonic() + self._pace.poll
            changed = await self._stored(self._queue.changes)
            inputs += [*([TasksChanged(tuple(changed))] if changed else []), Tick()]
        return inputs

    async def _store(self, actions: Actions) -> None:
        if not (actions.framework or actions.store or actions.taken or actions.launches):
            return
        await self._stored(
            lambda: self._queue.commit(
                self._lease,
                framework=actions.framework,
                tasks=list(actions.store.values()),
                taken=actions.taken,
            )
        )

    async def _stored(self, function: Callable[[], _T]) -> _T:
        """Do something in the store, as often as it takes: what is not stored must not be acknowledged."""
        pause = 0.5
        while True:
            try:
                return await _in(self._thread, function)
            except LeaseLost:
                raise
            except Exception as error:  # noqa: BLE001 - whatever the database says, there is no other way
                log.warning("the store does not answer: %s", error)
            await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311
            pause = min(2 * pause, 10.0)

    async def _carry_out(self, actions: Actions) -> None:
        if actions.stop:
            await self._renew()
            raise FrameworkTaken(
                f"Mesos says: {actions.stop}. Another scheduler subscribed with the framework's id, "
                "and it is none that shares this store: end it, or give one of them another connection."
            )
        for launch in actions.launches:
            self._send(launch)
        for call in actions.calls:
            self._send(call)
        for launch_id, agent_id in actions.inquiries:
            await self._look_up(launch_id, agent_id)
        if actions.trouble:
            self._trouble = actions.trouble
            log.error("Mesos refuses the framework: %s", actions.trouble)
        if actions.resubscribe:
            self._drop_connection.set()

    def _send(self, call: Launch | Call) -> None:
        if self._outbox is not None:
            self._outbox.put(call)
        elif isinstance(call, Launch):
            self._again.append(LaunchRefused(call.task_ids, LOST))

    async def _look_up(self, launch: str, agent_id: str | None) -> None:
        task_id = task_id_of(launch)
        found = await self._stored(lambda: self._queue.get([task_id])) if task_id else {}
        task = found.get(task_id or "")
        if task is None:
            log.warning("Mesos runs task %s of this framework, which the store does not know", launch)
        self._again.append(Found(launch, agent_id, task))

    # The connection

    async def _subscriptions(self) -> None:
        first, longest = self._pace.back_off
        pause = first
        while True:
            try:
                if await self._one_subscription():
                    pause = first
                self._trouble = self._trouble or "the master ended the connection"
            except MesosFailed as error:
                self._trouble = str(error)
            log.warning("not subscribed: %s", self._trouble)
            await asyncio.sleep(pause * random.uniform(0.1, 1))  # noqa: S311 - spreads load, no secret
            pause = min(2 * pause, longest)

    async def _one_subscription(self) -> bool:
        """Subscribe and read events until the end; whether there was a subscription."""
        self._drop_connection.clear()
        subscribed = False
        framework_id = self._scheduler.framework_id
        async with self._process._client.subscribe(self._process._framework, framework_id) as subscription:
            reader = asyncio.create_task(self._read(subscription))
            dropped = asyncio.create_task(self._drop_connection.wait())
            try:
                await asyncio.wait({reader, dropped}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                subscribed = self._opened is not None
                dropped.cancel()
                reader.cancel()
                await asyncio.wait({reader})
                await self._end_subscription()
        if not reader.cancelled() and (error := reader.exception()) is not None:
            raise error
        return subscribed

    async def _read(self, subscription: Subscription) -> None:
        async for event in subscription.events():
            if isinstance(event, Subscribed):
                self._trouble = ""
                log.info("subscribed with %s as %s", subscription.master, event.framework_id)
                self._opened = Outbox(
                    subscription,
                    told=self._inbox.put,
                    lost=self._drop_connection.set,
                    senders=self._pace.senders,
                )
            await self._inbox.put(event)

    async def _end_subscription(self) -> None:
        opened, self._opened, self._outbox = self._opened, None, None
        if opened is not None:
            await opened.close()
        await self._inbox.put(Disconnected())

    # The lease

    async def _keep_lease(self) -> None:
        while True:
            await self._renew()
            await asyncio.sleep(self._pace.lease / 3)

    async def _renew(self) -> None:
        report = self._report()
        await self._stored(lambda: self._queue.renew(self._lease, self._pace.lease, report))

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(3600)
            await self._stored(lambda: self._queue.prune(time.time() - self._pace.keep))

    def _report(self) -> Mapping[str, Any]:
        outbox = self._outbox
        return {
            "holder_since": self._process._started,
            "connected": outbox is not None,
            "master": outbox.master if outbox else None,
            "trouble": self._trouble,
            "at": time.time(),
            **self._scheduler.counts(),
        }


async def _in(thread: ThreadPoolExecutor, function: Callable[[], _T]) -> _T:
    return await asyncio.get_running_loop().run_in_executor(thread, function)
