"""The store at size: bytes per reference, load, p95 of each question while runs are written, recording.

``python -m benches.bench_store SIZE`` (runs), or ``make bench-store SIZE=…``. ``CHRONOS_BENCH_DATABASE`` is
a server of your own, on which the database ``chronos_bench`` is made anew; otherwise a PostgreSQL is started
for the time. The results of each size are kept in ``benches/results/store.json``. With the address of a
database that was filled before instead of a size, the questions are asked again.
"""

from __future__ import annotations

import datetime
import json
import os
import platform
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text

from benches.store import database
from benches.store.cpu import Cpu
from benches.store.feed import Made, feed
from benches.store.generator import RUNS_A_DAY, Generator, moment
from benches.store.questions import made_in, questions_answered
from chronos_plugin.db.engine import make_engine, writing
from chronos_plugin.db.store import lists, maintenance
from chronos_plugin.db.store.loader import Loader
from chronos_plugin.db.store.packing import pack_usage
from chronos_plugin.db.store.rows import write
from chronos_plugin.lineage.product_types import BUILT_IN, ProductTypes

RESULTS = Path(__file__).parent / "results" / "store.json"
BATCH = 20_000
AHEAD = 2
"""Batches that are made while one is written."""
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
        load, made = _load(engine, size)
        sizes = _sizes(engine, load["references"])
        answers = questions_answered(url, made, questions)
        recorded = _recording(url)
        engine.dispose()
    result = {"runs": size, **load, **sizes, **answers, "recording": recorded, "goals": GOALS}
    curve = json.loads(RESULTS.read_text()).get("curve", {}) if RESULTS.is_file() else {}
    curve[str(size)] = {**result, "machine": _machine()}
    return {"curve": dict(sorted(curve.items(), key=lambda item: int(item[0]))), "last": str(size)}


def _load(engine: Engine, size: int) -> tuple[dict[str, Any], Made]:
    asked = 0
    loader = Loader(engine, TYPES, clock=lambda: moment(asked))
    with writing(engine) as connection:
        generator = Generator(loader, connection)
    engine.dispose()
    usage: list[tuple[int, int]] = []
    cpu = Cpu(engine)
    cpu_before = cpu.seconds()
    references, taken, written, started = 0, 0, 0.0, time.monotonic()
    told = started
    with feed(generator) as batches:
        while taken < size:
            while asked < size and batches.waiting < AHEAD:
                count = min(BATCH, size - asked)
                with writing(engine) as connection:
                    batches.ask(loader.take_numbers(connection, count + 2), count)
                asked += count
            rows = batches.take()
            taken += len(rows.runs)
            if taken > size - KEYS:
                rows.run_keys = [(row[3], row[0]) for row in rows.runs]
            references += sum(len(row[-1]) for row in rows.runs) // 6
            usage += rows.usage
            rows.usage = []
            before = time.monotonic()
            with writing(engine) as connection:
                write(connection, rows)
                if len(usage) >= PACK_FROM or taken >= size:
                    _pack(connection, usage)
                    usage = []
            written += time.monotonic() - before
            if time.monotonic() - told > 30:
                told = time.monotonic()
                rate = references / (told - started)
                print(f"{taken:,} runs, {rate:,.0f} references/s", file=sys.stderr, flush=True)
        seconds = time.monotonic() - started
        made = batches.made()
    result = {
        "references": references,
        "load_seconds": round(seconds, 1),
        "references_per_second": round(references / seconds),
        "references_per_second_writing": round(references / written),
        # Of the generator, the loading process and the server's.
        "cpu_seconds_per_million_references": round((cpu.seconds() - cpu_before) / references * 1e6, 1),
    }
    return result, made


def _pack(connection: Any, usage: list[tuple[int, int]]) -> None:
    lists.append(connection, lists.USAGE, pack_usage(sorted(set(usage)), lists.next_serial(connection)))


def _sizes(engine: Engine, references: int) -> dict[str, Any]:
    loader = Loader(engine, TYPES)
    started = time.monotonic()
    # As the recorder does once an hour.
    maintenance.rebuild_indexes(engine)
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
    """Run at the given size, keep and print the result; or only ask, in a database that was filled before."""
    if arguments and "://" in arguments[0]:
        print(json.dumps(questions_answered(arguments[0], made_in(arguments[0]), 60), indent=2))
        return 0
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
