"""Back-pressure: how many jobs a target is given, and how fast."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from chronos_plugin.execution.bindings.document import TargetSetting
from chronos_plugin.execution.targets.base import Job


@dataclass
class Admission:
    """Admits jobs in the order in which they ask, as far as the target's bounds allow.

    A job that is larger than all bounds together is admitted when nothing else is in flight.
    """

    setting: TargetSetting
    clock: Callable[[], float] = time.monotonic
    _inside: dict[str, Job] = field(default_factory=dict)
    _queue: deque[tuple[Job, asyncio.Future[None]]] = field(default_factory=deque)
    _next: float = 0.0

    @property
    def in_flight(self) -> int:
        """Jobs that were admitted and have not left."""
        return len(self._inside)

    @property
    def waiting(self) -> int:
        """Jobs that ask."""
        return len(self._queue)

    def take(self, job: Job) -> None:
        """Count a job that is in flight already, whatever the bounds."""
        self._inside[job.id] = job

    async def enter(self, job: Job) -> None:
        """Return when the job may be submitted; :meth:`leave` must follow."""
        asked: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append((job, asked))
        self._admit()
        try:
            await asked
            await self._pace()
        except BaseException:
            self._forget(job, asked)
            raise

    def leave(self, job: Job) -> None:
        """Make room for others."""
        if self._inside.pop(job.id, None) is not None:
            self._admit()

    def _forget(self, job: Job, asked: asyncio.Future[None]) -> None:
        self._queue = deque(entry for entry in self._queue if entry[1] is not asked)
        self.leave(job)
        self._admit()

    def _admit(self) -> None:
        while self._queue and self._fits(self._queue[0][0]):
            job, asked = self._queue.popleft()
            if not asked.done():
                self._inside[job.id] = job
                asked.set_result(None)

    def _fits(self, job: Job) -> bool:
        if not self._inside:
            return True
        setting, jobs = self.setting, [*self._inside.values(), job]
        if len(jobs) > setting.max_in_flight:
            return False
        cores, ram = sum(j.resources.cores for j in jobs), sum(j.resources.ram for j in jobs)
        return (setting.max_cores is None or cores <= setting.max_cores) and (
            setting.max_ram is None or ram <= setting.max_ram
        )

    async def _pace(self) -> None:
        now = self.clock()
        turn = max(now, self._next)
        self._next = turn + 1.0 / self.setting.submit_rate
        if turn > now:
            await asyncio.sleep(turn - now)
