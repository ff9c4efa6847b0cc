"""The trigger that waits for a task of Mesos and brings its output to the task log."""

from __future__ import annotations

import asyncio
import codecs
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

if TYPE_CHECKING:
    import httpx

    from chronos_plugin.hooks.mesos.queue import TaskQueue
    from chronos_plugin.hooks.mesos.tasks import Task

OUTPUTS = ("stdout", "stderr")


class MesosTaskTrigger(BaseTrigger):
    """Looks at a task's row, and at the files of its sandbox while it runs.

    Args:
        task_id: As submitted.
        mesos_conn_id: Connection, and name of the queue.
        poll_interval: Seconds between two looks.
    """

    def __init__(self, task_id: str, mesos_conn_id: str, poll_interval: float = 2.0) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.task_id_in_queue = task_id
        self.mesos_conn_id = mesos_conn_id
        self.poll_interval = poll_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return how to make it again."""
        return (
            "chronos_plugin.operators.mesos_trigger.MesosTaskTrigger",
            {
                "task_id": self.task_id_in_queue,
                "mesos_conn_id": self.mesos_conn_id,
                "poll_interval": self.poll_interval,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait for the end, and tell it."""
        from chronos_plugin.hooks.mesos.tasks import Phase

        queue = self._queue()
        async with AsyncExitStack() as stack:
            output = _Output(self, await self._http(stack), queue)
            told = None
            while True:
                found = await asyncio.to_thread(queue.get, [self.task_id_in_queue])
                task = found.get(self.task_id_in_queue)
                if task is None:
                    yield self._gone()
                    return
                if (said := _sentence(task)) != told:
                    self.log.info("%s", said)
                    told = said
                await output.relay(task)
                if task.phase is Phase.ENDED:
                    yield self._ended(task)
                    return
                await asyncio.sleep(self.poll_interval)

    async def on_kill(self) -> None:
        """Let the task be killed."""
        from chronos_plugin.hooks.mesos.tasks import Wish

        await asyncio.to_thread(self._queue().wish, [self.task_id_in_queue], Wish.CANCEL)

    def _queue(self) -> TaskQueue:
        from chronos_plugin.hooks.mesos.hook import queue_of

        return queue_of(self.mesos_conn_id)

    async def _http(self, stack: AsyncExitStack) -> httpx.AsyncClient:
        from chronos_plugin.hooks.mesos.connection import understood
        from chronos_plugin.hooks.mesos.hook import MesosHook

        connection = understood(await MesosHook.aget_connection(self.mesos_conn_id))
        return await stack.enter_async_context(aclosing(connection.address.http()))

    def _ended(self, task: Task) -> TriggerEvent:
        return TriggerEvent(
            {
                "task_id": task.id,
                "succeeded": task.succeeded,
                "state": task.state or "",
                "message": task.message,
                "reason": task.reason,
            }
        )

    def _gone(self) -> TriggerEvent:
        return TriggerEvent(
            {
                "task_id": self.task_id_in_queue,
                "succeeded": False,
                "state": "",
                "message": "the queue does not have it any more",
                "reason": "",
            }
        )


class _Output:
    """Relays what a task writes, whole lines at a time; a launch begins at the beginning."""

    def __init__(self, trigger: MesosTaskTrigger, http: httpx.AsyncClient, queue: TaskQueue) -> None:
        self._trigger, self._http, self._queue = trigger, http, queue
        self._launch: str | None = None
        self._offsets = dict.fromkeys(OUTPUTS, 0)
        self._rest = dict.fromkeys(OUTPUTS, "")
        self._decoders: dict[str, codecs.IncrementalDecoder] = {}
        self._framework_id = ""
        self._trouble = ""

    async def relay(self, task: Task) -> None:
        """Copy what is new; trouble is told once and is no reason to end."""
        from chronos_plugin.hooks.mesos.client import MesosFailed
        from chronos_plugin.hooks.mesos.sandbox import NoSandbox, Sandbox
        from chronos_plugin.hooks.mesos.tasks import Phase

        if task.mesos_task_id is None or not task.agent_url or not task.heard:
            return
        if task.mesos_task_id != self._launch:
            await self._begin(task.mesos_task_id)
        sandbox = Sandbox(self._http, task.agent_url, self._framework_id, task.mesos_task_id)
        for name in OUTPUTS:
            try:
                while data := await sandbox.read(name, self._offsets[name]):
                    self._offsets[name] += len(data)
                    self._tell(name, self._decoders[name].decode(data))
            except NoSandbox:
                continue
            except MesosFailed as error:
                if str(error) != self._trouble:
                    self._trouble = str(error)
                    self._trigger.log.warning("the task's output cannot be read: %s", error)
            if task.phase is Phase.ENDED:
                self._tell(name, "\n" if self._rest[name] else "")

    async def _begin(self, launch: str) -> None:
        status = await asyncio.to_thread(self._queue.status)
        self._framework_id = status.framework_id or ""
        self._launch = launch
        self._offsets, self._rest = dict.fromkeys(OUTPUTS, 0), dict.fromkeys(OUTPUTS, "")
        made = codecs.getincrementaldecoder("utf-8")
        self._decoders = {name: made(errors="replace") for name in OUTPUTS}

    def _tell(self, name: str, text: str) -> None:
        *lines, self._rest[name] = (self._rest[name] + text).split("\n")
        for line in lines:
            self._trigger.log.info("%s%s", "" if name == "stdout" else "[stderr] ", line)


def _sentence(task: Task) -> str:
    where = f" on {task.hostname}" if task.hostname and task.mesos_task_id else ""
    why = f": {task.message}" if task.message else ""
    return f"{task.state or task.phase}{where}{why}"
