"""The outbox: filled with the record, delivered in order, tried again, set aside."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import Engine, event

from chronos_plugin.db.engine import writing
from chronos_plugin.db.outbox import queue
from chronos_plugin.db.outbox.lock import held
from chronos_plugin.db.outbox.queue import Standing
from chronos_plugin.db.outbox.replay import replay
from chronos_plugin.db.outbox.worker import Worker
from chronos_plugin.db.store.history import History
from chronos_plugin.db.store.loader import Loader
from chronos_plugin.errors import ExportFailed
from chronos_plugin.exporters.delivery import Problem
from chronos_plugin.lineage.model import RunState
from chronos_plugin.lineage.questions import RunFilter
from chronos_plugin.lineage.record import run_id
from tests.db.outbox.conftest import Clock, Sink
from tests.db.store.conftest import NOON, TYPES, product, record

Ask = Callable[[], Standing]
ONE, TWO = (str(run_id(NOON, name)) for name in ("one", "two"))


def test_what_is_recorded_is_delivered_once(
    loader: Loader, worker: Worker, sink: Sink, standing: Ask
) -> None:
    begun = record("one", state=RunState.RUNNING)
    loader.load([begun])
    loader.load([record("one", [], [product("/d/a", "out")]), record("two")])
    loader.load([record("two")])
    assert standing().waiting == 3
    assert worker.run_once().sent == 3
    assert sink.got == [(ONE, "RUNNING"), (ONE, "COMPLETE"), (TWO, "COMPLETE")]
    assert (standing().waiting, standing().sent) == (0, 3)


def test_a_batch_that_is_rolled_back_leaves_nothing(
    loader: Loader, standing: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("at the last moment")

    monkeypatch.setattr("chronos_plugin.db.store.loader._keep_positions", fail)
    with pytest.raises(RuntimeError):
        loader.load([record("one")])
    assert standing().waiting == 0


def test_no_statement_where_no_exporter_is_on(database: Engine, clock: Clock) -> None:
    said: list[str] = []

    def note(*arguments: object) -> None:
        said.append(str(arguments[2]))

    event.listen(database, "before_cursor_execute", note)
    Loader(database, TYPES, clock=clock).load([record("one")])
    assert said
    assert not [statement for statement in said if "outbox" in statement]


def test_failures_are_tried_again_with_growing_pauses_and_in_order(
    loader: Loader, worker: Worker, sink: Sink, clock: Clock, standing: Ask
) -> None:
    loader.load([record("one", state=RunState.RUNNING)])
    loader.load([record("one"), record("two")])
    sink.answers[ONE] = Problem("not now")
    worker.run_once()
    assert sink.got == [(TWO, "COMPLETE")]
    assert (standing().waiting, standing().failing) == (2, 2)
    del sink.answers[ONE]
    clock.now += 4
    worker.run_once()
    assert len(sink.got) == 1
    clock.now += 1
    worker.run_once()
    assert sink.got[1:] == [(ONE, "RUNNING"), (ONE, "COMPLETE")]


def test_what_fails_too_often_or_is_refused_is_set_aside(
    loader: Loader, worker: Worker, sink: Sink, clock: Clock, standing: Ask, database: Engine
) -> None:
    loader.load([record("one"), record("two")])
    sink.answers = {ONE: Problem("not now"), TWO: Problem("never", refused=True)}
    for _ in range(3):
        worker.run_once()
        clock.now += 100
    assert (standing().waiting, standing().dead) == (0, 2)
    with writing(database) as connection:
        assert [(e.error, e.attempts) for e in queue.dead(connection, "openlineage", 10)] == [
            ("not now", 3),
            ("never", 1),
        ]
        assert queue.revive(connection, "openlineage") == 2
    sink.answers = {}
    worker.run_once()
    assert len(sink.got) == 2
    assert standing().dead == 0


def test_an_outage_costs_no_try(loader: Loader, worker: Worker, sink: Sink, standing: Ask) -> None:
    loader.load([record("one")])
    sink.away = True
    for _ in range(5):
        with pytest.raises(ExportFailed):
            worker.run_once()
    assert (standing().waiting, standing().failing, standing().dead) == (1, 0, 0)
    sink.away = False
    assert worker.run_once().sent == 1


def test_what_was_taken_before_an_outage_is_done_with(
    loader: Loader, worker: Worker, sink: Sink, standing: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    loader.load([record("one"), record("two")])

    def half(items: list[object]) -> None:
        raise ExportFailed("it is away", taken=frozenset({items[0].entry.id}))  # type: ignore[attr-defined]

    monkeypatch.setattr(sink, "send", half)
    with pytest.raises(ExportFailed):
        worker.run_once()
    assert (standing().waiting, standing().sent) == (1, 1)


def test_one_that_cannot_be_told_does_not_stop_the_others(
    loader: Loader, worker: Worker, sink: Sink, monkeypatch: pytest.MonkeyPatch, standing: Ask
) -> None:
    loader.load([record("one"), record("two")])
    send = sink.send

    def stumble(items: list[object]) -> object:
        if any(str(item.run.id) == ONE for item in items):  # type: ignore[attr-defined]
            raise ZeroDivisionError("a bug")
        return send(items)  # type: ignore[arg-type]

    monkeypatch.setattr(sink, "send", stumble)
    worker.run_once()
    assert sink.got == [(TWO, "COMPLETE")]
    assert standing().failing == 1


def test_one_process_at_a_time(database: Engine, loader: Loader, worker: Worker, sink: Sink) -> None:
    loader.load([record("one")])
    with held(database, "openlineage") as mine:
        assert mine is not None
        assert worker.run_once().sent == 0
        with held(database, "atlas") as other:
            assert other is not None
    assert worker.run_once().sent == 1


def test_archived_runs_are_set_aside(database: Engine, loader: Loader, worker: Worker, standing: Ask) -> None:
    with writing(database) as connection:
        told = [queue.Told(12345, RunState.COMPLETE, True)]
        queue.fill(connection, ["openlineage"], told, 0.0)
    worker.run_once()
    assert standing().dead == 1


def test_the_history_is_told_again(database: Engine, loader: Loader, worker: Worker, sink: Sink) -> None:
    silent = Loader(database, TYPES, clock=loader.clock)
    silent.load([record(f"run {n}", minute=n) for n in range(20)])
    history = History(database, TYPES)
    wanted = RunFilter(since=NOON)
    assert replay(database, history, "openlineage", wanted, dry_run=True) == (20, 0)
    assert worker.run_once().sent == 0
    assert replay(database, history, "openlineage", wanted) == (20, 0)
    assert replay(database, history, "openlineage", wanted) == (0, 20)
    assert worker.run_once().sent == 20
    assert len(set(sink.got)) == 20
