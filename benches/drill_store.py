"""PostgreSQL killed and started again while runs are recorded: what is lost, what is doubled.

``python -m benches.drill_store [RESTARTS] [RUNS_PER_SECOND]``, or ``make drill-store``. The server is its
own; its processes are ended at once, as a crash would. Exit status 1 if anything is lost or doubled.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, text

from benches.store.database import SCRIPT
from benches.store.writer import records
from chronos_plugin.db import migrate
from chronos_plugin.db.engine import make_engine, reading
from chronos_plugin.db.store import lists, maintenance
from chronos_plugin.db.store.history import History
from chronos_plugin.db.store.recorder import Recorder, in_background
from chronos_plugin.lineage.product_types import BUILT_IN, ProductTypes
from chronos_plugin.lineage.spool import Spool

TAG = "Drill"
TYPES = ProductTypes(BUILT_IN)


@dataclass(frozen=True)
class Outcome:
    """What became of the records.

    Attributes:
        told: Runs that were handed over.
        lost: Of runs, their counts, products and links: those that lack.
        doubled: Of the same: those that are there more than once.
    """

    restarts: int
    told: int
    lost: int
    doubled: int

    def __str__(self) -> str:
        return f"{self.restarts} restarts: {self.lost} lost, {self.doubled} doubled"


def drill(
    restarts: int, *, rate: int = 200, port: int = 54339, say: Callable[[str], None] = print
) -> Outcome:
    """Record ``rate`` runs a second, killing the server ``restarts`` times at moments drawn by chance."""
    folder = Path(tempfile.mkdtemp(prefix="chronos-drill-store-"))
    folder.chmod(0o755)  # PostgreSQL runs as another user.
    server = _Server(folder / "server", port)
    try:
        engine = make_engine(server("start"))
        migrate.upgrade(engine)
        told = _under_load(engine, Spool(folder / "spool"), server, restarts, rate, say)
        outcome = _judged(engine, restarts, told)
        engine.dispose()
        return outcome
    finally:
        server("remove")
        shutil.rmtree(folder)


class _Server:
    def __init__(self, folder: Path, port: int) -> None:
        names = {"CHRONOS_POSTGRES_DIR": str(folder), "CHRONOS_POSTGRES_PORT": str(port)}
        self._environment = {**os.environ, **names}

    def __call__(self, verb: str) -> str:
        done = subprocess.run(
            [SCRIPT, verb], env=self._environment, check=True, stdout=subprocess.PIPE, text=True
        )
        return done.stdout.strip()


def _under_load(
    engine: Engine, spool: Spool, server: _Server, restarts: int, rate: int, say: Callable[[str], None]
) -> int:
    """Kill and start while a thread tells of runs; return of how many it told."""
    chooser = random.Random(restarts)
    told = [0]
    stop = threading.Event()

    def tell() -> None:
        while not stop.wait(1 / rate):
            told[0] += 1
            spool.append(next(records(told[0], 1, TAG)))

    def await_loaded(more: int) -> None:
        wanted = recorder.totals.new + more
        while recorder.totals.new < wanted:
            assert teller.is_alive()
            time.sleep(0.01)

    teller = threading.Thread(target=tell, daemon=True)
    recorder = Recorder(engine, spool, TYPES, longest_pause=1.0)
    teller.start()
    with in_background(recorder):
        for number in range(1, restarts + 1):
            # Somewhere in a batch, mostly: they follow each other while there is a backlog.
            await_loaded(1)
            time.sleep(chooser.random() * 2)
            server("kill")
            time.sleep(chooser.random() * 0.5)
            server("start")
            # Packing moves rows between tables: it must survive as well.
            if number % 3 == 0:
                _packed(engine, recorder)
            say(f"{number} of {restarts}: {told[0]:,} runs told, {recorder.totals.new:,} loaded")
        stop.set()
        teller.join()
    return told[0]


def _packed(engine: Engine, recorder: Recorder) -> None:
    engine.dispose()
    lists.pack_usage_now(engine)
    maintenance.pack_if_due(engine, recorder.loader.dictionaries)


def _judged(engine: Engine, restarts: int, told: int) -> Outcome:
    """Compare what is stored, in four ways, with what was told."""
    with reading(engine) as connection:

        def two(statement: str) -> tuple[int, int]:
            row = connection.execute(text(statement)).one()
            return int(row[0] or 0), int(row[1] or 0)

        stored = {
            "runs": two("SELECT count(*), count(DISTINCT uuid) FROM chronos.run"),
            "counts": two("SELECT sum(runs), sum(runs) FROM chronos.activity_day"),
            # The auxiliary file, which nobody makes, has no checksum.
            "products": two(
                "SELECT count(*), count(DISTINCT (template, numbers)) FROM chronos.dataset "
                "WHERE checksum IS NOT NULL"
            ),
        }
    history = History(engine, TYPES)
    auxiliary = history.datasets_at(f"/data/{TAG}/auxiliary_0001.nc")
    readers = len(history.descendants(auxiliary[0].id or 0, depth=1, limit=100_000).runs)
    stored["links"] = (readers + len(auxiliary) - 1, readers)
    lost = sum(max(0, told - different) for _, different in stored.values())
    doubled = sum(max(0, total - min(told, different)) for total, different in stored.values())
    return Outcome(restarts, told, lost, doubled)


def main(arguments: Sequence[str]) -> int:
    """Drill; print the outcome."""
    restarts = int(arguments[0]) if arguments else 20
    rate = int(arguments[1]) if len(arguments) > 1 else 200
    port = int(os.environ.get("CHRONOS_POSTGRES_PORT", "54339"))
    outcome = drill(restarts, rate=rate, port=port, say=lambda words: print(words, flush=True))
    print(f"{outcome.told:,} runs told while PostgreSQL was killed")
    print(outcome)
    return 1 if outcome.lost or outcome.doubled else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
