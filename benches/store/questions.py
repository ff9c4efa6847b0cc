"""The questions, asked while runs are written: how long each takes, and how much CPU."""

from __future__ import annotations

import datetime
import gc
import random
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import text

from benches.store.cpu import Cpu
from benches.store.feed import Made
from benches.store.generator import START, Point
from chronos_plugin.db.engine import make_engine, reading
from chronos_plugin.db.store import read
from chronos_plugin.db.store.assemble import dataset_of
from chronos_plugin.db.store.dictionaries import Dictionaries
from chronos_plugin.db.store.history import History
from chronos_plugin.lineage.model import RunState
from chronos_plugin.lineage.product_types import BUILT_IN, ProductTypes
from chronos_plugin.lineage.questions import DatasetFilter, RunFilter

WRITTEN = 100
"""Runs a second, meanwhile."""
WARMING = 10
Ask = Callable[[Any], Any]


def questions_answered(url: str, made: Made, count: int) -> dict[str, dict[str, float]]:
    """Ask each question ``count`` times.

    Returns:
        ``p95_ms``, and ``p95_cpu_ms``: of this process and of the server's for its connection, where that
        is on this machine. Where others use the machine, the second tells more.
    """
    engine = make_engine(url)
    chooser = random.Random(7)
    points = chooser.sample(made.points, min(len(made.points), 4 * count))
    elapsed, cpu = {}, {}
    seconds = str(60 + count * 2)
    with subprocess.Popen(
        [sys.executable, "-m", "benches.store.writer", url, str(WRITTEN), seconds], stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        meter = Cpu(engine)
        meter.prefer()
        # As a server should: what it begins with is not to be searched for garbage again and again.
        gc.collect()
        gc.freeze()
        try:
            for name, ask in _asked(History(engine, ProductTypes(BUILT_IN)), made, chooser).items():
                for point in points[:WARMING]:
                    ask(point)
                elapsed[name], cpu[name] = _measured(meter, ask, points[WARMING : WARMING + count])
                print(f"{name}: p95 {elapsed[name]} ms, CPU {cpu[name]} ms", file=sys.stderr, flush=True)
        finally:
            writer.terminate()
    engine.dispose()
    return {"p95_ms": elapsed, "p95_cpu_ms": cpu}


def made_in(url: str) -> Made:
    """Return what to ask for in a database that was filled before."""
    engine = make_engine(url)
    dictionaries = Dictionaries(ProductTypes(BUILT_IN))
    with reading(engine) as connection:
        dictionaries.follow(connection)
        parts = connection.execute(text("SELECT first, last FROM chronos.span WHERE last IS NOT NULL")).all()
        numbers = [n for first, last in parts for n in range(first, last, 997)]
        rows = read.datasets(connection, [n << 8 for n in numbers]).values()
        points = [Point(d.id or 0, d.path) for d in (dataset_of(row, dictionaries) for row in rows)]
        shared = connection.execute(
            text("SELECT id FROM chronos.dataset WHERE id & 255 = 254 AND producer = 0")
        ).scalars()
        made = Made([p for p in points if "/swot/" in p.path], list(shared))
    engine.dispose()
    return made


def _asked(history: History, made: Made, chooser: random.Random) -> dict[str, Ask]:
    first = datetime.datetime.fromtimestamp(START / 1000, datetime.UTC)
    last = first + datetime.timedelta(days=500)
    failed = RunFilter(state=RunState.FAIL, step="L2_LR_SSH_Expert")
    return {
        "product by name": lambda p: history.named(p.path.rpartition("/")[2]),
        "ancestors": lambda p: history.ancestors(p.dataset),
        "descendants": lambda p: history.descendants(p.dataset),
        "descendants of an auxiliary file": lambda _: history.descendants(chooser.choice(made.auxiliaries)),
        "faceted first page": lambda _: history.runs(),
        "faceted first page, failed runs of a step": lambda _: history.runs(failed),
        "activity over 500 days": lambda _: history.activity(first, last),
        "text search": lambda p: history.datasets(DatasetFilter(text=_words(p.path))),
        "by checksum": lambda _: history.datasets(DatasetFilter(checksum="sha1$" + "0" * 39 + "7")),
        "one run": lambda p: history.run(p.dataset >> 8),
    }


def _measured(cpu: Cpu, ask: Ask, points: Sequence[Any]) -> tuple[float, float]:
    """Return the 95th percentiles of milliseconds, and of milliseconds of CPU."""
    elapsed, used = [], []
    for point in points:
        started, before = time.perf_counter(), cpu.seconds()
        ask(point)
        elapsed.append((time.perf_counter() - started) * 1000)
        used.append((cpu.seconds() - before) * 1000)
    return _p95(elapsed), _p95(used)


def _p95(values: Sequence[float]) -> float:
    return round(sorted(values)[max(0, int(len(values) * 0.95) - 1)], 1)


def _words(path: str) -> str:
    parts = path.rpartition("/")[2].split("_")
    return " ".join([*parts[2:-6], *parts[-6:-4]])
