"""``airflow chronos clean`` against Airflow's own tables."""

from __future__ import annotations

import datetime
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chronos_plugin.execution.store import run_folder

Airflow = Callable[..., tuple[int, str, str]]
NOW = datetime.datetime.now(datetime.UTC)


@pytest.fixture(scope="module", autouse=True)
def tables() -> Iterator[None]:
    """Airflow's tables in the session's database."""
    from airflow import models
    from airflow.models.base import Base
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session

    with create_session() as session:
        models.import_all_models()
        Base.metadata.create_all(session.get_bind())
    yield
    with create_session() as session:
        session.query(DagRun).delete()


@pytest.fixture(autouse=True)
def roots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AIRFLOW__CHRONOS__WORK_ROOT", str(tmp_path / "work"))
    monkeypatch.setenv("AIRFLOW__CHRONOS__OUTPUT_ROOT", str(tmp_path / "outputs"))
    return tmp_path


def add(root: Path, dag_id: str, run_id: str, state: str | None = "success", days: float = 40) -> Path:
    """Make the files of a run that ended some days ago, and its row unless ``state`` is None."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session

    folder = run_folder(root / "work", dag_id, run_id)
    published = run_folder(root / "outputs", dag_id, run_id)
    for path in (folder / "work" / "f", folder / "state" / "f", published / "f"):
        path.parent.mkdir(parents=True)
        path.write_bytes(b"x" * 5000)
    (folder / "outputs.json").write_text("{}")
    ended = NOW - datetime.timedelta(days=days)
    for path in (*folder.rglob("*"), *published.rglob("*"), published):
        os.utime(path, (ended.timestamp(),) * 2)
    if state is not None:
        finished = state in ("success", "failed")
        with create_session() as session:
            session.query(DagRun).filter_by(dag_id=dag_id, run_id=run_id).delete()
            run = DagRun(dag_id=dag_id, run_id=run_id, run_type="manual", run_after=ended)
            run._state = state
            run.end_date = ended if finished else None
            session.add(run)
    return folder


def left(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir()) if folder.is_dir() else []


ALL = ["outputs.json", "state", "work"]


def test_settings_say_what_goes(roots: Path, airflow: Airflow, monkeypatch: pytest.MonkeyPatch) -> None:
    old, young = add(roots, "a", "old"), add(roots, "a", "young", days=20)
    status, out, _ = airflow("clean", "--yes")
    assert status == 0, out
    assert "old" in out
    assert left(old) == ["outputs.json", "state"]
    assert left(young) == ALL
    monkeypatch.setenv("AIRFLOW__CHRONOS__KEEP_STATE_DAYS", "10")
    monkeypatch.setenv("AIRFLOW__CHRONOS__KEEP_OUTPUTS_DAYS", "30")
    assert airflow("clean", "--yes")[0] == 0
    assert left(old) == left(young) == []
    assert [p.name for p in (roots / "outputs" / "a").iterdir()] == ["young"]


@pytest.mark.parametrize("state", ["running", "queued"])
def test_runs_that_have_not_finished_are_never_touched(roots: Path, airflow: Airflow, state: str) -> None:
    folder = add(roots, "b", "r", state)
    status, out, _ = airflow("clean", "--what", "work,state,outputs", "--older-than", "0", "--yes")
    assert (status, left(folder)) == (0, ALL)
    assert "nothing to remove" in out


def test_run_that_is_cleared_meanwhile_stays(
    roots: Path, airflow: Airflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chronos_plugin.cli import clean

    folder = add(roots, "c", "r")
    sweep = clean.sweep

    def cleared_meanwhile(settings: Any) -> None:
        sweep(settings)
        add_row_only(roots)

    def add_row_only(root: Path) -> None:
        from airflow.models.dagrun import DagRun
        from airflow.utils.session import create_session

        with create_session() as session:
            session.query(DagRun).filter_by(dag_id="c").one()._state = "running"

    monkeypatch.setattr(clean, "sweep", cleared_meanwhile)
    status, _, err = airflow("clean", "--yes")
    assert (status, left(folder)) == (1, ALL)
    assert "started again" in err


def test_dry_run_and_json(roots: Path, airflow: Airflow) -> None:
    folder = add(roots, "d", "scheduled__2026-01-01T00:00:00+00:00", "failed")
    other = add(roots, "e", "x" * 230)
    add(roots, "e", "forgotten", None)
    status, out, _ = airflow("clean", "--what", "work", "--older-than", "39", "--dry-run", "--json")
    assert status == 0
    shown = json.loads(out)
    assert shown["removed"] is False
    rows = {(r["dag_id"], r["run_id"]): r for r in shown["files_of_runs"]}
    assert set(rows) == {
        ("d", "scheduled__2026-01-01T00:00:00+00:00"),
        ("e", "x" * 230),
        ("e", "forgotten"),
    }
    assert {r["bytes"] for r in rows.values()} == {8192}
    assert [r["known"] for r in rows.values()].count(False) == 1
    assert (left(folder), left(other)) == (ALL, ALL)
    assert airflow("clean", "--what", "work", "--older-than", "39", "--dag-id", "e", "-y")[0] == 0
    assert left(folder) == ALL
    assert left(other) == ["outputs.json", "state"]


def test_nothing_goes_unasked(roots: Path, airflow: Airflow) -> None:
    folder = add(roots, "f", "r")
    status, out, err = airflow("clean")
    assert (status, left(folder)) == (1, ALL)
    assert "--yes" in err
    assert "8.0 KiB" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--what", "logs"], "work, state, outputs"),
        (["--older-than", "3"], "needs --what"),
        (["--what", "work", "--older-than", "-1"], "0 or more"),
        (["--what", "work", "--older-than", "nan"], "0 or more"),
    ],
)
def test_wrong_words(airflow: Airflow, words: list[str], message: str) -> None:
    status, _, err = airflow("clean", *words)
    assert status == 1
    assert message in err
