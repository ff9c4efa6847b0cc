"""The recorder: a long-lived process that loads the spool into the database, and keeps the store in order."""

from __future__ import annotations

import contextlib
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError

from chronos_plugin.db.engine import reading, writing
from chronos_plugin.db.store import maintenance
from chronos_plugin.db.store.loader import Loaded, Loader
from chronos_plugin.db.tables.lineage import spool_position
from chronos_plugin.errors import InputInvalid
from chronos_plugin.lineage.record import Record, from_json

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from chronos_plugin.lineage.product_types import ProductTypes
    from chronos_plugin.lineage.spool import Spool

log = logging.getLogger("chronos.recorder")

BATCH = 1000
PAUSE = 0.5
"""Seconds between looks at the spool."""
PACK_EVERY = 60.0
TIDY_EVERY = 3600.0
LONGEST_PAUSE = 30.0


@dataclass
class Totals:
    """What a recorder has done since it was started."""

    new: int = 0
    changed: int = 0
    same: int = 0
    broken: int = 0

    def add(self, loaded: Loaded) -> None:
        """Count a batch."""
        self.new += loaded.new
        self.changed += loaded.changed
        self.same += loaded.same


@dataclass
class _Batch:
    records: list[Record] = field(default_factory=list)
    lines: list[bytes] = field(default_factory=list)
    positions: dict[str, int] = field(default_factory=dict)


class Recorder:
    """Loads one spool into one database.

    Args:
        also: Done once a minute, beside; failures are logged.
        longest_pause: Seconds between looks, at most, at a database that is away.
    """

    def __init__(
        self,
        engine: Engine,
        spool: Spool,
        types: ProductTypes,
        *,
        context_days: int = 90,
        exporters: Sequence[str] = (),
        also: Sequence[Callable[[], object]] = (),
        longest_pause: float = LONGEST_PAUSE,
    ) -> None:
        self.engine = engine
        self.spool = spool
        self.loader = Loader(engine, types, exporters=exporters)
        self.totals = Totals()
        self._context_days = context_days
        self._also = also
        self._longest_pause = longest_pause

    def run(self, stop: threading.Event) -> None:
        """Load until ``stop`` is set; wait for the database when it is away, and for another reader."""
        pause, due = PAUSE, {"pack": 0.0, "tidy": 0.0}
        while not stop.is_set():
            with self.spool.reading() as mine:
                while mine and not stop.wait(pause):
                    pause = self._round(pause, due)
            stop.wait(PAUSE)

    def load_all(self) -> Totals:
        """Load what is in the spool now; return the totals.

        Raises:
            OperationalError: If the database is away; what was loaded stays loaded.
        """
        positions = self._positions()
        for file in self.spool.files():
            self._load_file(file, positions.get(str(file), 0))
        return self.totals

    # -- inside --------------------------------------------------------------------------------

    def _round(self, pause: float, due: dict[str, float]) -> float:
        """Load and do what is due; return for how long to rest."""
        try:
            self.load_all()
            self._remove_read()
            self._chores(due)
        except (SQLAlchemyError, OSError) as error:
            said = str(getattr(error, "orig", error)).strip()
            log.warning("the database is away, records wait in %s: %s", self.spool.folder, said)
            self.engine.dispose()
            return min(self._longest_pause, pause * 2)
        return PAUSE

    def _chores(self, due: dict[str, float]) -> None:
        now = time.monotonic()
        if now >= due["pack"]:
            due["pack"] = now + PACK_EVERY
            maintenance.pack_if_due(self.engine, self.loader.dictionaries)
            for work in self._also:
                try:
                    work()
                except OperationalError:
                    raise
                except Exception:
                    log.exception("%s failed", getattr(work, "__name__", work))
        if now >= due["tidy"]:
            due["tidy"] = now + TIDY_EVERY
            maintenance.tidy(self.engine, self.loader.dictionaries, context_days=self._context_days)

    def _positions(self) -> dict[str, int]:
        with reading(self.engine) as connection:
            rows = connection.execute(select(spool_position.c.file, spool_position.c.position))
            return {row.file: row.position for row in rows}

    def _load_file(self, file: Path, position: int) -> None:
        while True:
            batch = self._read(file, position)
            if not batch.positions:
                return
            self._load(batch)
            position = batch.positions[str(file)]

    def _read(self, file: Path, position: int) -> _Batch:
        batch = _Batch()
        for line in self.spool.lines(file, position, BATCH):
            batch.positions[str(file)] = line.end
            if line.text.strip():
                try:
                    batch.records.append(from_json(json.loads(line.text)))
                    batch.lines.append(line.text)
                except (InputInvalid, ValueError) as error:
                    self._break(line.text, error)
        return batch

    def _load(self, batch: _Batch) -> None:
        try:
            self.totals.add(self.loader.load(batch.records, positions=batch.positions))
        except (InputInvalid, DBAPIError) as error:
            if isinstance(error, OperationalError) or len(batch.records) == 0:
                raise
            self._one_by_one(batch)

    def _one_by_one(self, batch: _Batch) -> None:
        """Load what can be loaded of a batch that has a record that cannot."""
        for made, line in zip(batch.records, batch.lines, strict=True):
            try:
                self.totals.add(self.loader.load([made]))
            except (InputInvalid, DBAPIError) as error:
                if isinstance(error, OperationalError):
                    raise
                self._break(line, error)
        self.loader.load([], positions=batch.positions)

    def _break(self, line: bytes, error: Exception) -> None:
        self.totals.broken += 1
        log.error("a record cannot be loaded, it is kept in %s/broken: %s", self.spool.folder, error)
        self.spool.set_aside(line, f"{type(error).__name__}: {error}")

    def _remove_read(self) -> None:
        positions = self._positions()
        files = {str(file): file for file in self.spool.files()}
        here = f"{self.spool.folder}/"
        gone = [name for name in positions if name not in files and name.startswith(here)]
        for name, file in files.items():
            if name in positions and self.spool.remove_read(file, positions[name]):
                gone.append(name)
        if gone:
            with writing(self.engine) as connection:
                connection.execute(spool_position.delete().where(spool_position.c.file.in_(gone)))


@contextlib.contextmanager
def in_background(recorder: Recorder) -> Iterator[None]:
    """Run a recorder in a thread while the block runs; then load what is left."""
    stop = threading.Event()
    thread = threading.Thread(target=recorder.run, args=(stop,), name="chronos-recorder", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        recorder.load_all()
