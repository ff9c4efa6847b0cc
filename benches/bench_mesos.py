"""The Mesos framework under load: tasks that take no time, agents that offer without pause.

Mesos itself is the test double in another process, so what is measured of this process is CHRONOS alone:
reading events, matching, storing in SQLite, acknowledging.
"""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

from chronos_plugin.hooks.mesos.calls import Framework
from chronos_plugin.hooks.mesos.client import Address, SchedulerClient
from chronos_plugin.hooks.mesos.process import FrameworkProcess, Pace
from chronos_plugin.hooks.mesos.tasks import Demand, TaskSpec


def run(*, tasks: int = 10000, offers_per_second: int = 1000) -> dict[str, Any]:
    """Run ``tasks`` pretended tasks, then take ``offers_per_second`` offers with nothing to run on them.

    Returns:
        CPU milliseconds per task, of this process alone; tasks a second; updates that Mesos had to send again
        or that were never acknowledged (``missed_acknowledgements``); CPU milliseconds per offer.
    """
    with tempfile.TemporaryDirectory(prefix="chronos-bench-") as folder:
        # Each agent takes one task at a time. An offer that is of no use is kept for a second, and comes
        # again after a quarter of one at most.
        agents = 3 * offers_per_second // 2
        command = [
            *(sys.executable, "-m", "chronos_plugin.hooks.mesos.double", "--port", "0"),
            *("--agents", str(agents), "--cpus", "1", "--mem", "512", "--pretend", "0.2"),
            *("--allocation", "0.25", "--ignore-filters"),
        ]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as double:
            assert double.stdout is not None
            try:
                return asyncio.run(_measure(double.stdout.readline().strip(), tasks, Path(folder)))
            finally:
                double.terminate()


async def _measure(url: str, tasks: int, folder: Path) -> dict[str, Any]:
    from chronos_plugin.db import migrate
    from chronos_plugin.db.engine import make_engine
    from chronos_plugin.hooks.mesos.database import DatabaseQueue

    engine = make_engine(f"sqlite:///{folder}/queue.db")
    migrate.upgrade(engine)
    queue = DatabaseQueue("bench", lambda: engine)
    queue.submit(TaskSpec(f"t{i}", "true", demand=Demand(1, 256)) for i in range(tasks))
    client = SchedulerClient(Address((url,)))
    process = FrameworkProcess(Framework(roles=("lab",)), client, queue, pace=Pace(poll=0.2))
    began, cpu = time.monotonic(), _cpu()
    running = asyncio.create_task(process.run())
    while await asyncio.to_thread(lambda: sum(queue.status().tasks.values())):
        if running.done():
            running.result()
        await asyncio.sleep(0.25)
    seconds, used = time.monotonic() - began, _cpu() - cpu
    counts = await _settled(url)
    idle = await _offers_alone(url, queue)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await client.close()
    engine.dispose()
    return {
        "tasks": tasks,
        "updates": counts["to_acknowledge"],
        "missed_acknowledgements": counts["resends"] + counts["to_acknowledge"] - counts["acknowledged"],
        "refused_launches": counts["refused"],
        "launched": counts["launched"],
        "seconds": round(seconds, 2),
        "tasks_per_second": round(tasks / seconds, 1),
        "cpu_ms_per_task": round(used / tasks * 1000, 3),
        "offers_while_running": counts["offers"],
        "offers_per_second_while_running": round(counts["offers"] / seconds, 1),
        **idle,
        "goal": "missed_acknowledgements = 0, offers_per_second >= 1000",
    }


async def _settled(url: str) -> dict[str, int]:
    """Return the double's counts once all acknowledgements had the time to arrive."""
    before: dict[str, int] = {}
    while True:
        counts = await asyncio.to_thread(_counts, url)
        if counts == before:
            return counts
        before = counts
        await asyncio.sleep(2.0)


async def _offers_alone(url: str, queue: Any) -> dict[str, Any]:
    """Measure the taking of offers that are of no use: one task waits that fits nowhere."""
    queue.submit([TaskSpec("never", "true", demand=Demand(64, 256))])
    await asyncio.sleep(2.0)
    before, cpu, began = await asyncio.to_thread(_counts, url), _cpu(), time.monotonic()
    await asyncio.sleep(15.0)
    after = await asyncio.to_thread(_counts, url)
    offers, seconds = after["offers"] - before["offers"], time.monotonic() - began
    return {
        "offers_per_second": round(offers / seconds, 1),
        "cpu_ms_per_offer": round((_cpu() - cpu) / max(1, offers) * 1000, 3),
        "declined_of_offers": round((after["declined"] - before["declined"]) / max(1, offers), 2),
    }


def _counts(url: str) -> dict[str, int]:
    with urllib.request.urlopen(f"{url}/double/counts") as answer:
        return dict(json.load(answer))


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
