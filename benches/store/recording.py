"""The online path, measured: a record handed over by a task, and loaded by the recorder."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from benches.store.writer import records
from chronos_plugin.db.engine import make_engine
from chronos_plugin.db.store.recorder import Recorder
from chronos_plugin.lineage.product_types import BUILT_IN, ProductTypes
from chronos_plugin.lineage.spool import Spool


def measure(url: str, count: int) -> dict[str, float]:
    """Return runs loaded a second, and CPU milliseconds of the recording process for each."""
    engine = make_engine(url)
    made = list(records(0, count, "Online"))
    with tempfile.TemporaryDirectory() as folder:
        spool = Spool(Path(folder))
        cpu = time.process_time()
        slowest = 0.0
        for one in made:
            started = time.perf_counter()
            spool.append(one)
            slowest = max(slowest, time.perf_counter() - started)
        handing = (time.process_time() - cpu) / count * 1000
        recorder = Recorder(engine, spool, ProductTypes(BUILT_IN))
        started, cpu = time.perf_counter(), time.process_time()
        recorder.load_all()
        seconds = time.perf_counter() - started
        loading = (time.process_time() - cpu) / count * 1000
    engine.dispose()
    return {
        "runs_per_second": round(count / seconds),
        "cpu_ms_per_run_in_the_task": round(handing, 3),
        "slowest_hand_over_ms": round(slowest * 1000, 1),
        "cpu_ms_per_run_in_the_recorder": round(loading, 3),
    }
