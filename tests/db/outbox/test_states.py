"""The outbox as a state machine: whatever happens, all is told, in order, and nothing is lost."""

from __future__ import annotations

import random
import tempfile
from functools import cache
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from chronos_plugin.db import migrate
from chronos_plugin.db.engine import make_engine, writing
from chronos_plugin.db.outbox import queue
from chronos_plugin.db.outbox.queue import Told
from chronos_plugin.exporters.delivery import Entry, Pace, Problem, settle
from chronos_plugin.lineage.model import RunState

RUNS = st.integers(1, 3)
STATES = [RunState.RUNNING, RunState.COMPLETE]


@cache
def _empty() -> bytes:
    """An empty database with all tables."""
    with tempfile.TemporaryDirectory() as folder:
        engine = make_engine(f"sqlite:///{folder}/o.db")
        migrate.upgrade(engine)
        with engine.connect() as connection:
            connection.exec_driver_sql("ROLLBACK")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        engine.dispose()
        return (Path(folder) / "o.db").read_bytes()


class OutboxMachine(RuleBasedStateMachine):
    """A receiver that takes, fails, refuses, or loses the worker after it took."""

    refusing = True

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        file = Path(self.folder.name) / "o.db"
        file.write_bytes(_empty())
        self.engine = make_engine(f"sqlite:///{file}")
        self.now = 1000.0
        self.pace = Pace(first=10, longest=40, attempts=3 if self.refusing else 10**6)
        self.random = random.Random(7)
        self.heard: list[Entry] = []
        self.gone: set[int] = set()

    @initialize()
    def begin(self) -> None:
        self.record(1)

    @rule(run=RUNS)
    def record(self, run: int) -> None:
        with writing(self.engine) as connection:
            queue.fill(connection, ["openlineage"], [Told(run, s, False) for s in STATES], self.now)

    @rule(fails=st.sets(RUNS), refuses=st.sets(RUNS), limit=st.integers(1, 4), lost=st.booleans())
    def deliver(self, fails: set[int], refuses: set[int], limit: int, lost: bool) -> None:
        with writing(self.engine) as connection:
            batch = queue.next_batch(connection, "openlineage", limit, self.now)
        assert [e.id for e in batch] == sorted(e.id for e in batch)
        assert all(e.due <= self.now and not e.dead for e in batch)
        problems = {}
        for entry in batch:
            if entry.number in refuses and self.refusing:
                problems[entry.id] = Problem("never", refused=True)
            elif entry.number in fails:
                problems[entry.id] = Problem("not now")
            else:
                self.heard.append(entry)
        if lost:
            return
        settled = settle(batch, problems, now=self.now, pace=self.pace, random=self.random.random)
        assert {*settled.delivered, *(e.id for e in settled.changed)} == {e.id for e in batch}
        for entry in settled.changed:
            if entry.id in problems:
                assert entry.dead or self.now < entry.due <= self.now + self.pace.longest
        with writing(self.engine) as connection:
            queue.keep(connection, settled)
        self.gone |= set(settled.delivered)

    @rule(seconds=st.integers(1, 60))
    def wait(self, seconds: int) -> None:
        self.now += seconds

    @rule()
    def revive(self) -> None:
        with writing(self.engine) as connection:
            queue.revive(connection, "openlineage")

    @invariant()
    def what_is_gone_was_heard(self) -> None:
        assert self.gone <= {entry.id for entry in self.heard}

    def teardown(self) -> None:
        """Once the receiver takes all, nothing waits, and what it heard last of a run is the last known."""
        for _ in range(100):
            self.now += 100
            with writing(self.engine) as connection:
                queue.revive(connection, "openlineage")
                batch = queue.next_batch(connection, "openlineage", 50, self.now)
                self.heard += batch
                queue.keep(
                    connection, settle(batch, {}, now=self.now, pace=self.pace, random=self.random.random)
                )
            if not batch:
                break
        with writing(self.engine) as connection:
            (standing,) = queue.standings(connection, ["openlineage"])
        self.engine.dispose()
        self.folder.cleanup()
        assert (standing.waiting, standing.dead) == (0, 0)
        for run in () if self.refusing else (1, 2, 3):
            heard = [entry.id for entry in self.heard if entry.number == run]
            assert not heard or heard[-1] == max(heard)


class PatientMachine(OutboxMachine):
    """A receiver that never refuses, and is tried for ever."""

    refusing = False


OutboxMachine.TestCase.settings = settings(max_examples=10, stateful_step_count=15, deadline=None)
PatientMachine.TestCase.settings = OutboxMachine.TestCase.settings
TestOutbox = OutboxMachine.TestCase
TestPatience = PatientMachine.TestCase
