"""The exporter: a long-lived process that delivers what waits in the outbox."""

from __future__ import annotations

import logging
import os
import random
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from chronos_plugin.db.outbox import queue
from chronos_plugin.db.outbox.lock import held
from chronos_plugin.errors import ExportFailed
from chronos_plugin.exporters.delivery import Entry, Item, Pace, Problem, Settled, Sink, settle

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from chronos_plugin.db.store.history import History

log = logging.getLogger("chronos.exporter")

PAUSE = 1.0
"""Seconds between looks at an empty outbox, and at a lock that another process holds."""
SEEN_EVERY = 15.0
BATCH = 100


@dataclass
class Delivered:
    """What a worker has done since it was started."""

    sent: int = 0
    failed: int = 0
    dead: int = 0


@dataclass
class Worker:
    """Delivers for one exporter.

    Attributes:
        name: Of the exporter.
        batch: Entries that are delivered at once.
        clock: Seconds since 1970.
        chance: A number of at least 0, below 1.
    """

    name: str
    engine: Engine
    history: History
    sink: Sink
    batch: int = BATCH
    pace: Pace = field(default_factory=Pace)
    clock: Callable[[], float] = time.time
    chance: Callable[[], float] = random.random
    done: Delivered = field(default_factory=Delivered)
    holder: str = field(default_factory=lambda: f"{socket.gethostname()}:{os.getpid()}")
    _outages: int = 0
    _seen: float = 0.0

    def run(self, stop: threading.Event) -> None:
        """Deliver until ``stop`` is set; stand by while another process delivers."""
        while not stop.is_set():
            try:
                with held(self.engine, self.name) as connection:
                    if connection is not None:
                        self._serve(connection, stop)
            except (SQLAlchemyError, OSError) as error:
                log.warning(
                    "%s: the database is away: %s", self.name, str(getattr(error, "orig", error)).strip()
                )
                self.engine.dispose()
            stop.wait(PAUSE)
        self.sink.close()

    def run_once(self) -> Delivered:
        """Deliver what is due now; do nothing where another process delivers.

        Raises:
            ExportFailed: If the receiver is away.
        """
        with held(self.engine, self.name) as connection:
            while connection is not None and self.deliver(connection):
                pass
        return self.done

    def deliver(self, connection: Connection) -> int:
        """Deliver one batch; return how many entries it had.

        Raises:
            ExportFailed: If the receiver is away; what it had not taken is as it was.
        """
        with connection.begin():
            entries = queue.next_batch(connection, self.name, self.batch, self.clock())
        if not entries:
            return 0
        outage: ExportFailed | None = None
        problems: dict[int, Problem] = {}
        try:
            problems = self._send(entries)
        except ExportFailed as error:
            outage = error
            entries = [entry for entry in entries if entry.id in error.taken]
        settled = settle(entries, problems, now=self.clock(), pace=self.pace, random=self.chance)
        with connection.begin():
            queue.keep(connection, settled)
            queue.seen(connection, self.name, self.holder, self.clock(), sent=len(settled.delivered))
        self._count(settled)
        self._seen = self.clock()
        if outage is not None:
            raise outage
        self._outages = 0
        return len(entries)

    # -- inside --------------------------------------------------------------------------------

    def _serve(self, connection: Connection, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                pause = 0.0 if self.deliver(connection) == self.batch else PAUSE
                if self.clock() - self._seen > SEEN_EVERY:
                    self._tell(connection, "")
            except ExportFailed as error:
                self._outages += 1
                pause = self.pace.pause(self._outages, self.chance)
                log.warning("%s: %s; next try in %.0f s", self.name, error, pause)
                self._tell(connection, str(error))
            stop.wait(pause)

    def _send(self, entries: Sequence[Entry]) -> dict[int, Problem]:
        runs = {run.number: run for run in self.history.full_runs([entry.number for entry in entries])}
        items = [Item(entry, runs[entry.number]) for entry in entries if entry.number in runs]
        problems = {
            entry.id: Problem("the run is archived, or not in the store", refused=True)
            for entry in entries
            if entry.number not in runs
        }
        return {**problems, **self._offer(items)}

    def _offer(self, items: Sequence[Item]) -> Mapping[int, Problem]:
        """Give items to the sink; one that it stumbles over is told from the others."""
        if not items:
            return {}
        try:
            return self.sink.send(items)
        except ExportFailed:
            raise
        except Exception as error:
            if len(items) == 1:
                log.exception("%s: run %s cannot be told", self.name, items[0].run.id)
                return {items[0].entry.id: Problem(f"{type(error).__name__}: {error}")}
        problems: dict[int, Problem] = {}
        for item in items:
            problems |= self._offer([item])
        return problems

    def _count(self, settled: Settled) -> None:
        self.done.sent += len(settled.delivered)
        for entry in settled.changed:
            self.done.failed += bool(entry.error)
            if entry.dead:
                self.done.dead += 1
                log.error("%s: run %d is not taken: %s", self.name, entry.number, entry.error)

    def _tell(self, connection: Connection, error: str) -> None:
        with connection.begin():
            queue.seen(connection, self.name, self.holder, self.clock(), error=error)
        self._seen = self.clock()
