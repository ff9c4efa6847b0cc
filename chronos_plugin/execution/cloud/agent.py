"""The agent: one long-lived process that holds the calls to the cloud.

A SafeScale call lasts until its work is done, and a call that is cancelled is rolled back. So no task and no
trigger may hold one: they write a :class:`~chronos_plugin.execution.cloud.model.Request` and watch
its state. Of several agents on one store one leads; the others wait to take its place.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from chronos_plugin.errors import ChronosError, ServiceFailed
from chronos_plugin.execution.cloud.model import OPEN, Cloud, Request, RequestState, RequestTable
from chronos_plugin.execution.cloud.pursuit import Pursuit, Timing

log = logging.getLogger("chronos.cloud")

Reached = Callable[[str, str], None]
"""Told of the points that a request passes, with its id; tests end the process there."""


def pass_by(point: str, request_id: str) -> None:
    """Do nothing at a point."""
    del point, request_id


class Duty(Protocol):
    """Something else that the leading agent does in each round."""

    async def round(self) -> None:
        """Do what is due now; errors of the cloud are its own affair."""


@dataclass
class Agent:
    """Picks up requests and fulfils them.

    Attributes:
        requests: The durable table.
        connect: Gives the cloud of a connection; called once for each, errors fail the request.
        holder: Name of this process, unique among all agents.
        timing: Pauses and limits.
        duties: Done in each round of the leading agent.
        reached: Told of the points that requests pass.
    """

    requests: RequestTable
    connect: Callable[[str], Awaitable[Cloud]]
    holder: str
    timing: Timing = field(default_factory=Timing)
    duties: tuple[Duty, ...] = ()
    reached: Reached = pass_by
    _work: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _rounds: dict[int, asyncio.Task[None]] = field(default_factory=dict)
    _until: float = 0.0
    _cancelling: set[str] = field(default_factory=set)

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop`` is set; then finish the calls in flight and pick up nothing more.

        Cancelling this coroutine drops the calls: the cloud rolls back what is half made.
        """
        try:
            while not stop.is_set():
                await self._round()
                await _pause(stop, self.timing.tick)
            if self._work:
                log.info("finishing %d calls before the end", len(self._work))
            while self._work:
                await self._round(ending=True)
                await asyncio.sleep(self.timing.tick)
        finally:
            await self._drop()
            with contextlib.suppress(ServiceFailed):
                await asyncio.to_thread(self.requests.resign, self.holder)

    async def _round(self, *, ending: bool = False) -> None:
        try:
            if not await self._lead():
                await self._drop()
            elif not ending:
                await self._pick_up()
                self._do_duties()
        except ChronosError as error:
            log.warning("the store does not answer: %s", error)
            if time.time() > self._until:
                await self._drop()

    async def _lead(self) -> bool:
        now = time.time()
        until = now + self.timing.lease
        leads = await asyncio.to_thread(self.requests.lead, self.holder, until, now)
        if leads and not self._until:
            log.info("agent %s leads", self.holder)
        elif not leads and self._until:
            log.warning("agent %s does not lead any more", self.holder)
        self._until = until if leads else 0.0
        return leads

    async def _pick_up(self) -> None:
        for request in await asyncio.to_thread(self.requests.select, states=tuple(OPEN)):
            held = self._work.get(request.id)
            if request.state is RequestState.CANCELLING and request.id not in self._cancelling:
                self._cancelling.add(request.id)
                if held is not None:
                    held.cancel()
                    await asyncio.wait((held,))
                self._start(request, Pursuit.undo)
            elif held is None and len(self._work) < self.timing.calls:
                self._start(request, Pursuit.fulfil)

    def _start(self, request: Request, what: Callable[[Pursuit], Awaitable[None]]) -> None:
        async def work() -> None:
            pursuit = Pursuit(request, self.requests, self.connect, self.timing, self.reached)
            try:
                await what(pursuit)
            except ChronosError as error:
                log.warning("request %s waits: %s", request.id, error)
            except Exception as error:
                log.exception("request %s", request.id)
                await pursuit.give_up(error)
            finally:
                if self._work.get(request.id) is asyncio.current_task():
                    del self._work[request.id]
                if what is Pursuit.undo:
                    self._cancelling.discard(request.id)

        self._work[request.id] = asyncio.create_task(work(), name=request.id)

    def _do_duties(self) -> None:
        """Begin a round of each duty whose last round has ended."""
        for number, duty in enumerate(self.duties):
            running = self._rounds.get(number)
            if running is not None and not running.done():
                continue
            if running is not None and not running.cancelled() and (error := running.exception()):
                log.error("a round of %s failed: %s", type(duty).__name__, error)
            self._rounds[number] = asyncio.create_task(duty.round())

    async def _drop(self) -> None:
        tasks = [*self._work.values(), *self._rounds.values()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.gather(*tasks, return_exceptions=True)
        self._work.clear()
        self._rounds.clear()


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
