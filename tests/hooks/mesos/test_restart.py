"""The process that holds the framework is killed between any two of its steps: nothing is lost or doubled."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from chronos_plugin.db import migrate
from chronos_plugin.db.engine import make_engine
from chronos_plugin.hooks.mesos.database import DatabaseQueue
from chronos_plugin.hooks.mesos.double import MesosDouble
from chronos_plugin.hooks.mesos.double.agent import Times
from chronos_plugin.hooks.mesos.tasks import Demand, Phase, TaskSpec

CHECKOUT = Path(__file__).resolve().parents[3]
LIMIT = 60.0


def start(double: MesosDouble, database: str, crash_at: int) -> subprocess.Popen[bytes]:
    arguments = [double.urls[0], database, str(crash_at)]
    return subprocess.Popen(
        [sys.executable, "-m", "tests.hooks.mesos.crashing", *arguments],
        cwd=CHECKOUT,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        stderr=subprocess.DEVNULL,
    )


@pytest.mark.slow
@pytest.mark.parametrize("steps", [range(1, 26), [3, 11, 7, 29, 5, 2, 17, 13, 4, 9]], ids=["each", "mixed"])
def test_nothing_is_lost_and_nothing_runs_twice(steps: list[int], tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path}/q.db"
    engine = make_engine(database)
    migrate.upgrade(engine)
    queue = DatabaseQueue("q", lambda: engine)
    ledger = tmp_path / "ledger"
    ids: list[str] = []

    def submit() -> None:
        number = len(ids) // 2
        names = [f"t{number}-a", f"t{number}-b"]
        command = "echo {} >> {}; sleep 0.05"
        queue.submit([TaskSpec(name, command.format(name, ledger), demand=Demand(0.1, 16)) for name in names])
        ids.extend(names)

    with MesosDouble(times=Times(heartbeat=1.0, allocation=0.1, resend=0.5), agents=2) as double:
        for crash_at in steps:
            submit()
            process = start(double, database, crash_at)
            assert process.wait(LIMIT) == -signal.SIGKILL
        process = start(double, database, -1)
        end = time.monotonic() + LIMIT
        while any(task.phase is not Phase.ENDED for task in queue.get(ids).values()):
            assert process.poll() is None
            assert time.monotonic() < end, queue.open_tasks()
            time.sleep(0.05)
        unacknowledged = [1]
        while unacknowledged:
            assert time.monotonic() < end
            unacknowledged = double.do(
                lambda m: [t for a in m.agents.values() for t in a.tasks.values() if t.pending]
            )
        process.kill()
        process.wait()
        launches = double.do(lambda m: m.counts["launched"])
    ran = Counter(ledger.read_text().split())
    assert ran == Counter(ids)
    assert launches == len(ids)
    assert all(task.succeeded for task in queue.get(ids).values())
    # At least one crash came between the storing of a launch and its arrival.
    assert any(task.launches > 1 for task in queue.get(ids).values())
