"""``airflow chronos exporter`` and ``exports``: from the recorder's batch to the file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chronos_plugin import settings
from chronos_plugin.db import engine as engines
from chronos_plugin.db.engine import writing
from chronos_plugin.db.outbox import queue
from chronos_plugin.db.store.service import serve
from chronos_plugin.lineage.model import RunState
from chronos_plugin.lineage.recording import record as tell
from tests.db.store.conftest import product, record

Airflow = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A recorder that has loaded one run with an exporter on."""
    monkeypatch.setenv("AIRFLOW__CHRONOS__DATABASE", f"sqlite:///{tmp_path}/chronos.db")
    monkeypatch.setenv("AIRFLOW__CHRONOS__SPOOL_ROOT", str(tmp_path / "spool"))
    monkeypatch.setenv("AIRFLOW__CHRONOS__EXPORTERS", "openlineage")
    monkeypatch.setenv("AIRFLOW__CHRONOS__OPENLINEAGE_FILE", str(tmp_path / "events.jsonl"))
    tell(record("one", [], [product("/d/a.nc", "out")]), settings.load().spool_root)
    serve(once=True)
    yield
    engines.dispose()


def test_from_record_to_file(airflow: Airflow, tmp_path: Path) -> None:
    status, out, _ = airflow("exports", "status", "--json")
    (one,) = json.loads(out)["exporters"]
    assert (status, one["waiting"], one["running"], one["on"]) == (1, 1, False, True)
    status, out, err = airflow("exporter", "--once", "--json")
    assert status == 0, err
    assert json.loads(out)["openlineage"]["sent"] == 1
    events = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert [event["eventType"] for event in events] == ["START", "COMPLETE"]
    status, out, _ = airflow("exports", "status")
    assert status == 0
    assert "running" in out


def test_dead_entries(airflow: Airflow) -> None:
    with writing() as connection:
        queue.drop(connection, "openlineage", only_dead=False)
        queue.fill(connection, ["openlineage"], [queue.Told(10**9, RunState.COMPLETE, True)], 0.0)
    assert airflow("exporter", "--once")[0] == 0
    assert airflow("exports", "status")[0] == 1
    (one,) = json.loads(airflow("exports", "dead", "openlineage", "--json")[1])["dead"]
    assert "archived" in one["error"]
    assert json.loads(airflow("exports", "retry", "openlineage", str(one["id"]), "--json")[1]) == {
        "retried": 1
    }
    assert airflow("exporter", "--once")[0] == 0
    assert "1 entries would" in airflow("exports", "drop", "openlineage", "--dry-run")[1]
    assert json.loads(airflow("exports", "drop", "openlineage", "--json")[1]) == {"dropped": 1}


def test_replay(airflow: Airflow) -> None:
    assert airflow("exporter", "--once")[0] == 0
    assert airflow("exports", "replay", "openlineage")[0] == 1
    assert "1 runs would wait" in airflow("exports", "replay", "openlineage", "--all", "--dry-run")[1]
    assert (
        json.loads(airflow("exports", "replay", "openlineage", "--since", "2026-03-01", "--json")[1])["added"]
        == 1
    )
    assert json.loads(airflow("exports", "replay", "openlineage", "--all", "--json")[1])["waiting"] == 1
    assert airflow("exports", "replay", "nobody", "--all")[0] == 1


def test_nothing_is_on(airflow: Airflow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CHRONOS__EXPORTERS", "")
    status, _, err = airflow("exporter", "--once")
    assert status == 1
    assert "no exporter is on" in err
    monkeypatch.setenv("AIRFLOW__CHRONOS__EXPORTERS", "kafka")
    assert airflow("exporter", "--once")[0] == 1
