"""The store at size: bytes per reference, load, p95 of each question while runs are written, recording.

``python -m benches.bench_store SIZE`` (runs), or ``make bench-store SIZE=…``. ``CHRONOS_BENCH_DATABASE``
names a server of your own, on which the database ``chronos_bench`` is made anew; otherwise a PostgreSQL is
started for the time. The results of each size are kept in ``benches/results/store.json``.
"""

from __future__ import annotations

import datetime
import json
import os
import platform
import random
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text

from benches.store import database
from benches.store.generator import RUNS_A_DAY, START, Generator
from chronos_plugin.db.engine import make_engine, writing
from chronos_plugin.db.store import lists, maintenance
from chronos_plugin.db.store.history import History
from chronos_plugin.db.store.loader import Loader
from chronos_plugin.db.store.packing import pack_usage
from chronos_plugin.db.store.rows import write
from chronos_plugin.lineage.model import RunState
from chronos_plugin.lineage.product_types import BUILT_IN, ProductTypes
from chronos_plugin.lineage.questions import DatasetFilter, RunFilter

RESULTS = Path(__file__).parent / "results" / "store.json"
BATCH = 20_000
PACK_FROM = 1_000_000
KEYS = maintenance.KEY_DAYS * RUNS_A_DAY
TYPES = ProductTypes(BUILT_IN)
GOALS = {
    "bytes_per_reference": 80,
    "references_per_second": 100_000,
    "product by name": 10,
    "ancestors": 50,
    "descendants": 50,
    "faceted first page": 200,
    "activity over 500 days": 300,
    "text search": 200,
}


def run(*, size: int = 100_000, questions: int = 60) -> dict[str, Any]:
    """Load ``size`` runs and ask; return the results of this size, and those of other sizes before."""
    with database.database() as url:
        engine = make_engine(url)
        load, generator = _load(engine, size)
        sizes = _sizes(engine, load["references"])
        answers = _answers(url, generator, questions)
        recorded = _recording(url)
        engine.dispose()
    result = {"runs": size, **load, **sizes, "p95_ms": answers, "recording": recorded, "goals": GOALS}
    curve = json.loads(RESULTS.read_text()).get("curve", {}) if RESULTS.is_file() else {}
    curve[str(size)] = {**result, "machine": _machine()}
    return {"curve": dict(sorted(curve.items(), key=lambda item: int(item[0]))), "last": str(size)}


def _load(engine: Engine, size: int) -> tuple[dict[str, Any], Generator]:
    clock = time.time
    loader = Loader(engine, TYPES, clock=lambda: clock())
    with writing(engine) as connection:
        generator = Generator(loader, connection)
    clock = generator.clock
    usage: list[tuple[int, int]] = []
    references, written, started, cpu = 0, 0.0, time.monotonic(), time.process_time()
    told = started
    while generator.made < size:
        with writing(engine) as connection:
            rows = generator.batch(loader, connection, min(BATCH, size - generator.made))
            if generator.made > size - KEYS:
                rows.run_keys = [(row[3], row[0]) for row in rows.runs]
            references += sum(len(row[-1]) for row in rows.runs) // 6
            usage += rows.usage
            rows.usage = []
            before = time.monotonic()
            write(connection, rows)
            if len(usage) >= PACK_FROM or generator.made >= size:
                _pack(connection, usage)
                usage = []
            written += time.monotonic() - before
        if time.monotonic() - told > 30:
            told = time.monotonic()
            rate = references / (told - started)
            print(f"{generator.made:,} runs, {rate:,.0f} references/s", file=sys.stderr, flush=True)
    seconds = time.monotonic() - started
    result = {
        "references": references,
        "load_seconds": round(seconds, 1),
        "references_per_second": round(references / seconds),
        "references_per_second_writing": round(references / written),
        "generator_cpu_seconds": round(time.process_time() - cpu, 1),
    }
    return result, generator


def _pack(connection: Any, usage: list[tuple[int, int]]) -> None:
    lists.append(connection, lists.USAGE, pack_usage(sorted(set(usage)), lists.next_serial(connection)))


def _sizes(engine: Engine, references: int) -> dict[str, Any]:
    loader = Loader(engine, TYPES)
    started = time.monotonic()
    # As the recorder does when a month ends.
    maintenance._rebuild_indexes(engine)
    lists.pack_names(engine, loader.dictionaries)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
    total = database.size(engine, text_index=False)
    words = database.size(engine, text_index=True)
    return {
        "maintenance_seconds": round(time.monotonic() - started, 1),
        "bytes": total,
        "bytes_per_reference": round(total / references, 1),
        "text_index_bytes_per_reference": round(words / references, 1),
    }


def _answers(url: str, generator: Generator, questions: int) -> dict[str, float]:
    engine = make_engine(url)
    history = History(engine, TYPES)
    chooser = random.Random(7)
    points = chooser.sample(generator.points, min(len(generator.points), 4 * questions))
    shared = generator.auxiliaries
    first = datetime.datetime.fromtimestamp(START / 1000, datetime.UTC)
    last = first + datetime.timedelta(days=500)
    asked: dict[str, Callable[[Any], Any]] = {
        "product by name": lambda p: history.named(p.path.rpartition("/")[2]),
        "ancestors": lambda p: history.ancestors(p.dataset),
        "descendants": lambda p: history.descendants(p.dataset),
        "descendants of an auxiliary file": lambda _: history.descendants(chooser.choice(shared)),
        "faceted first page": lambda _: history.runs(),
        "faceted first page, failed runs of a step": lambda _: history.runs(
            RunFilter(state=RunState.FAIL, step="L2_LR_SSH_Expert")
        ),
        "activity over 500 days": lambda _: history.activity(first, last),
        "text search": lambda p: history.datasets(DatasetFilter(text=_words(p.path))),
        "by checksum": lambda _: history.datasets(DatasetFilter(checksum="sha1$" + "0" * 39 + "7")),
        "one run": lambda p: history.run(p.dataset >> 8),
    }
    seconds = 20 + questions * 0.6
    writing_at = subprocess.Popen(
        [sys.executable, "-m", "benches.store.writer", url, "100", str(seconds)], stdout=subprocess.PIPE
    )
    time.sleep(3)
    found = {}
    try:
        for name, ask in asked.items():
            count = max(10, questions // 4) if name == "by checksum" else questions
            for point in points[:10]:
                ask(point)
            found[name] = _p95(ask, points[10 : 10 + count])
            print(f"{name}: p95 {found[name]} ms", file=sys.stderr, flush=True)
    finally:
        writing_at.terminate()
        writing_at.communicate()
        engine.dispose()
    return found


def _words(path: str) -> str:
    parts = path.rpartition("/")[2].split("_")
    return " ".join([*parts[2:-6], *parts[-6:-4]])


def _p95(ask: Callable[[Any], Any], points: Sequence[Any]) -> float:
    times = []
    for point in points:
        started = time.perf_counter()
        ask(point)
        times.append((time.perf_counter() - started) * 1000)
    return round(sorted(times)[max(0, int(len(times) * 0.95) - 1)], 1)


def _recording(url: str, count: int = 5000) -> dict[str, float]:
    """Measure the online path: records as JSON from the spool into the database."""
    from benches.store.recording import measure

    return measure(url, count)


def _machine() -> dict[str, Any]:
    with open("/proc/meminfo") as file:
        memory = int(file.readline().split()[1]) // (1 << 20)
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "memory_gib": memory,
        "load_average": round(os.getloadavg()[0], 1),
    }


def main(arguments: Sequence[str]) -> int:
    """Run at the given size; keep and print the result."""
    size = int(float(arguments[0])) if arguments else 100_000
    result = run(size=size)
    RESULTS.write_text(json.dumps({"benchmark": "store", **result}, indent=2) + "\n")
    last = result["curve"][result["last"]]
    print(json.dumps(last, indent=2))
    answers = ", ".join(f"{name} {ms} ms" for name, ms in last["p95_ms"].items())
    print(f"{last['bytes_per_reference']:.0f} bytes per reference, p95: {answers}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
