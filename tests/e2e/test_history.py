"""What the operators tell, in the history of a real installation."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from benches.installation import Installation
from chronos_plugin.db import migrate
from chronos_plugin.db.engine import make_engine
from chronos_plugin.db.store.history import History
from chronos_plugin.db.store.reconcile import Reconciler
from chronos_plugin.db.store.recorder import Recorder
from chronos_plugin.lineage.model import Direction, RunState
from chronos_plugin.lineage.product_types import BUILT_IN, ProductTypes
from chronos_plugin.lineage.questions import RunFilter
from chronos_plugin.lineage.spool import Spool

pytestmark = pytest.mark.airflow
TYPES = ProductTypes(BUILT_IN)


@pytest.fixture
def engine(airflow: Installation) -> Iterator[Engine]:
    """The database that the recorder beside the scheduler fills."""
    made = make_engine(f"sqlite:///{airflow.home}/chronos/chronos.db")
    yield made
    made.dispose()


def _when(ask: Callable[[], Any], seconds: float = 60) -> Any:
    """Return what ``ask`` answers as soon as it is something."""
    deadline = time.monotonic() + seconds
    while not (answer := ask()):
        assert time.monotonic() < deadline, "the recorder has not loaded it"
        time.sleep(0.5)
    return answer


def test_steps_files_and_published_products(
    engine: Engine, add: Callable[[str], None], run: Callable[..., Any]
) -> None:
    add("choice")
    finished = run("choice", left=False)
    history = History(engine, TYPES)
    location = finished.outputs["file"]["location"]
    (product,) = _when(lambda: history.datasets_at(location))
    back = history.ancestors(product.id)
    (made_by,) = [r for r in back.runs.values() if (r.number, product.id) in back.writes]
    assert (made_by.job.workflow, made_by.job.step, made_by.state) == ("choice", "b", RunState.COMPLETE)
    whole = history.run(made_by.parent)
    assert whole.facets["airflow"] == {"dag_id": "choice", "run_id": finished.run_id}
    assert whole.state is RunState.COMPLETE
    assert [d.id for d in whole.datasets(Direction.OUTPUT)] == [product.id]
    assert history.dataset(product.id).locations == (location,)
    page = history.runs(RunFilter(workflow="choice", kind="step"))
    assert {r.job.step: r.state for r in page.runs}["a"] is RunState.SKIPPED
    step = history.run(made_by.id)
    assert step.facets["context"]["command"]
    assert step.exit_code == 0
    assert step.usage.cpu_seconds is not None


def test_every_element_of_a_scatter_is_a_run(
    engine: Engine, add: Callable[[str], None], run: Callable[..., Any]
) -> None:
    add("greetings")
    finished = run("greetings")
    history = History(engine, TYPES)

    def loud() -> list[Any]:
        page = history.runs(RunFilter(workflow="greetings", kind="step"), limit=200)
        mine = [r for r in page.runs if r.parent == whole(r)]
        return mine if len(mine) >= 9 else []

    def whole(step: Any) -> Any:
        parent = history.run(step.parent)
        return parent.id if parent.facets.get("airflow", {}).get("run_id") == finished.run_id else None

    steps = _when(loud)
    elements = sorted(history.run(r.id).element for r in steps if r.job.step == "each/say")
    assert elements == ["0", "1", "2"]


def test_failures_are_told_and_their_workflow_ended_by_the_reconciler(
    airflow: Installation, engine: Engine, add: Callable[[str], None], run: Callable[..., Any], tmp_path: Path
) -> None:
    add("failing")
    run("failing")
    history = History(engine, TYPES)
    failed = _when(lambda: history.runs(RunFilter(workflow="failing", state=RunState.FAIL, kind="step")).runs)
    assert history.run(failed[0].id).exit_code == 7
    assert failed[0].error == "the tool ended with exit code 7"
    parent = _when(lambda: history.run(failed[0].parent))
    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=10)
    source = make_engine(f"sqlite:///{airflow.home}/airflow.db")
    spool = Spool(tmp_path / "spool")
    Reconciler(engine, spool, source).reconcile(later)
    Recorder(engine, spool, TYPES).load_all()
    assert history.run(parent.id).state is RunState.FAIL
    assert history.run(parent.id).job.version == parent.job.version
    assert Reconciler(engine, spool, source).reconcile(later).workflows == 0
    source.dispose()


def test_an_empty_history_is_repaired_from_airflows_tables(
    airflow: Installation, add: Callable[[str], None], run: Callable[..., Any], tmp_path: Path
) -> None:
    add("failing")
    run("failing")
    empty = make_engine(f"sqlite:///{tmp_path}/empty.db")
    source = make_engine(f"sqlite:///{airflow.home}/airflow.db")
    migrate.upgrade(empty)
    spool = Spool(tmp_path / "spool")
    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=10)
    repaired = Reconciler(empty, spool, source).reconcile(later)
    assert repaired.runs >= 1
    assert repaired.workflows >= 1
    totals = Recorder(empty, spool, TYPES).load_all()
    # A workflow run whose step came first is changed, not new.
    assert totals.new + totals.changed == repaired.runs + repaired.workflows
    assert totals.broken == 0
    assert Reconciler(empty, spool, source).reconcile(later) == type(repaired)(repaired.seen, 0, 0)
    states = {r.state for r in History(empty, TYPES).runs(RunFilter(workflow="failing")).runs}
    assert RunState.FAIL in states
    for one in (empty, source):
        one.dispose()
