"""Holds a framework, and kills itself with SIGKILL at a given step: run by ``test_restart``.

A step is what lies between two doings that others can see: a commit, or a call to the master.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import Any

from chronos_plugin.db.engine import make_engine
from chronos_plugin.hooks.mesos.calls import Framework
from chronos_plugin.hooks.mesos.client import Address, SchedulerClient, Subscription
from chronos_plugin.hooks.mesos.database import DatabaseQueue
from chronos_plugin.hooks.mesos.process import FrameworkProcess, Pace


class Steps:
    def __init__(self, last: int) -> None:
        self.left = last

    def one(self) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


class CrashingQueue(DatabaseQueue):
    steps: Steps

    def commit(self, *arguments: Any, **named: Any) -> None:
        self.steps.one()
        super().commit(*arguments, **named)
        self.steps.one()


def main(url: str, database: str, crash_at: int) -> None:
    steps = Steps(crash_at)
    engine = make_engine(database)
    queue = CrashingQueue("q", lambda: engine)
    queue.steps = steps
    call = Subscription.call

    async def crashing_call(self: Subscription, body: Any) -> None:
        steps.one()
        await call(self, body)
        steps.one()

    Subscription.call = crashing_call  # type: ignore[method-assign]
    client = SchedulerClient(Address((url,)))
    pace = Pace(poll=0.05, lease=0.5, back_off=(0.05, 0.2))
    asyncio.run(FrameworkProcess(Framework(roles=("lab",)), client, queue, pace=pace).run())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
