"""A worker that is killed between sending and marking: everything arrives, some of it again."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections import Counter
from typing import Any

import pytest
from sqlalchemy import Engine

from chronos_plugin.db.engine import reading
from chronos_plugin.db.outbox import queue
from chronos_plugin.db.store.loader import Loader
from chronos_plugin.hooks.atlas.double.server import answering
from chronos_plugin.lineage.record import run_id
from tests.db.store.conftest import NOON, TYPES, record

RUNS = 40
WORKER = """
import signal, sys, threading
from chronos_plugin.db.engine import make_engine
from chronos_plugin.db.outbox.worker import Worker
from chronos_plugin.db.store.history import History
from chronos_plugin.hooks.openlineage.sinks import HttpSink
from chronos_plugin.hooks.receiver import Receiver
from chronos_plugin.lineage.product_types import BUILT_IN, ProductTypes
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
engine = make_engine(sys.argv[1])
Worker("openlineage", engine, History(engine, ProductTypes(BUILT_IN)), HttpSink(Receiver(sys.argv[2])), batch=7).run(stop)
"""


@pytest.mark.slow
def test_killed_between_sending_and_marking(
    database: Engine, empty_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    loader = Loader(database, TYPES, clock=NOON.timestamp, exporters=["openlineage"])
    loader.load([record(f"run {n}", minute=n) for n in range(RUNS)])
    heard: list[str] = []
    kill_at = [5, 18, 33]
    killed = threading.Event()
    workers: list[subprocess.Popen[bytes]] = []

    def respond(_: str, __: str, ___: dict[str, str], body: Any) -> tuple[int, Any]:
        heard.append(body["run"]["runId"] + body["eventType"])
        if kill_at and len(heard) >= kill_at[0]:
            # It is here, and the worker does not know: nothing of this batch is marked.
            kill_at.pop(0)
            workers[-1].kill()
            killed.set()
            return 0, None
        return 200, None

    def waiting() -> int:
        with reading(database) as connection:
            (one,) = queue.standings(connection, ["openlineage"])
        return one.waiting

    with answering(respond) as url:
        for _ in range(4):
            killed.clear()
            workers.append(subprocess.Popen([sys.executable, "-c", WORKER, empty_url, url]))
            while workers[-1].poll() is None and not (waiting() == 0 and not kill_at):
                killed.wait(0.1)
        workers[-1].send_signal(signal.SIGTERM)
        assert workers[-1].wait(60) == 0
    assert [worker.wait(60) for worker in workers] == [-9, -9, -9, 0]
    events = Counter(heard)
    wanted = {f"{run_id(NOON, f'run {n}')}{kind}" for n in range(RUNS) for kind in ("START", "COMPLETE")}
    assert set(events) == wanted
    # At most the events of a batch come again for each kill.
    assert 0 < sum(events.values()) - len(wanted) <= 3 * 7 * 2
