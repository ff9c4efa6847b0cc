"""``airflow chronos atlas``: types, the exporter's way to the double, comparison and repair."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chronos_plugin import settings
from chronos_plugin.db import engine as engines
from chronos_plugin.db.store.service import serve
from chronos_plugin.exporters.atlas import PROCESS
from chronos_plugin.hooks.atlas.double.server import AtlasDouble, serving
from chronos_plugin.lineage.recording import record as tell
from tests.db.store.conftest import product, record

Airflow = Callable[..., tuple[int, str, str]]


@pytest.fixture
def double(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AtlasDouble]:
    """An Atlas, and a recorder that has loaded two runs with the exporter on."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("AIRFLOW__CHRONOS__DATABASE", f"sqlite:///{tmp_path}/chronos.db")
    monkeypatch.setenv("AIRFLOW__CHRONOS__SPOOL_ROOT", str(tmp_path / "spool"))
    monkeypatch.setenv("AIRFLOW__CHRONOS__EXPORTERS", "atlas")
    made = AtlasDouble("admin", "s3cret")
    with serving(made) as url:
        address = {"conn_type": "chronos_atlas", "host": url, "login": "admin", "password": "s3cret"}
        monkeypatch.setenv("AIRFLOW_CONN_ATLAS_DEFAULT", json.dumps(address))
        spool = settings.load().spool_root
        tell(record("one", [product("/d/in.nc", "raw")], [product("/d/a.nc", "out")]), spool)
        tell(record("two", [product("/d/a.nc", "in")], [product("/d/b.nc", "out")], minute=1), spool)
        serve(once=True)
        yield made
    engines.dispose()


def test_from_record_to_atlas(airflow: Airflow, double: AtlasDouble) -> None:
    status, out, _ = airflow("atlas", "status", "--json")
    assert status == 1
    assert len(json.loads(out)["types"]) == 5
    status, out, err = airflow("exporter", "--once")
    assert status == 1
    assert "airflow chronos atlas init" in err
    assert "would" in airflow("atlas", "init", "--dry-run")[1].lower()
    assert PROCESS not in double.model.types
    status, out, err = airflow("atlas", "init", "--json")
    assert (status, len(json.loads(out)["types"])) == (0, 5), err
    status, out, err = airflow("exporter", "--once", "--json")
    assert status == 0, err
    assert json.loads(out)["atlas"] == {"sent": 2, "failed": 0, "dead": 0}
    status, out, err = airflow("atlas", "status")
    assert status == 0, out + err
    assert "s3cret" not in out + err
    assert airflow("atlas", "verify", "--all")[0] == 0


def test_what_atlas_lost_is_told_again(airflow: Airflow, double: AtlasDouble) -> None:
    airflow("atlas", "init")
    airflow("exporter", "--once")
    lost = [guid for guid, e in double.model.entities.items() if e["typeName"] == PROCESS][:1]
    for guid in lost:
        double.model.delete(PROCESS, double.model.entities[guid]["attributes"]["qualifiedName"])
    status, out, _ = airflow("atlas", "verify", "--all", "--json")
    assert (status, len(json.loads(out)["missing"])) == (1, 1)
    assert airflow("atlas", "verify", "--all", "--repair")[0] == 0
    assert json.loads(airflow("atlas", "verify", "--all", "--json")[1])["waiting"] == 1
    airflow("exporter", "--once")
    assert json.loads(airflow("atlas", "verify", "--all", "--json")[1])["missing"] == []
    assert json.loads(airflow("atlas", "replay", "--all", "--json")[1])["added"] == 2
    assert airflow("atlas", "verify")[0] == 1
