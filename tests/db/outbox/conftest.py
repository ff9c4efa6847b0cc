"""An outbox on each kind of database, a sink that does as it is told, and a clock that stands."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import pytest
from sqlalchemy import Engine

from chronos_plugin.db.engine import reading
from chronos_plugin.db.outbox import queue
from chronos_plugin.db.outbox.queue import Standing
from chronos_plugin.db.outbox.worker import Worker
from chronos_plugin.db.store.history import History
from chronos_plugin.db.store.loader import Loader
from chronos_plugin.errors import ExportFailed
from chronos_plugin.exporters.delivery import Item, Pace, Problem
from tests.db.store.conftest import NOON, TYPES


@dataclass
class Sink:
    """Keeps what it is sent; ``answers`` are by run id, ``away`` is an outage."""

    answers: dict[str, Problem] = field(default_factory=dict)
    away: bool = False
    got: list[tuple[str, str]] = field(default_factory=list)

    def send(self, items: Sequence[Item]) -> Mapping[int, Problem]:
        if self.away:
            raise ExportFailed("it is away")
        problems = {}
        for item in items:
            problem = self.answers.get(str(item.run.id))
            if problem is not None:
                problems[item.entry.id] = problem
            else:
                self.got.append((str(item.run.id), item.entry.state.name))
        return problems

    def close(self) -> None:
        """Nothing is held."""


@dataclass
class Clock:
    now: float = NOON.timestamp()

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sink() -> Sink:
    return Sink()


@pytest.fixture
def loader(database: Engine, clock: Clock) -> Loader:
    return Loader(database, TYPES, clock=clock, exporters=["openlineage"])


@pytest.fixture
def worker(database: Engine, sink: Sink, clock: Clock) -> Worker:
    return Worker(
        "openlineage",
        database,
        History(database, TYPES),
        sink,
        batch=10,
        pace=Pace(first=10, longest=100, attempts=3),
        clock=clock,
        chance=lambda: 0.0,
    )


@pytest.fixture
def standing(database: Engine) -> Callable[[], Standing]:
    def ask() -> Standing:
        with reading(database) as connection:
            (one,) = queue.standings(connection, ["openlineage"])
        return one

    return ask
