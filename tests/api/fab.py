"""Asks the API under Airflow's FAB auth manager, in a process of its own; prints a status by person and route.

Run as ``python -m tests.api.fab HOME`` by ``test_fab.py``.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from argparse import Namespace
from pathlib import Path
from typing import Any

warnings.simplefilter("ignore")
HOME = Path(sys.argv[1])
SETTINGS = {
    "AIRFLOW_HOME": str(HOME),
    "AIRFLOW__CORE__AUTH_MANAGER": "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager",
    "AIRFLOW__CORE__DAGS_FOLDER": str(HOME / "dags"),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__FAB__CACHE_TTL": "0",
    "AIRFLOW__API_AUTH__JWT_SECRET": "a secret of the tests, long enough for its hash function",
    "AIRFLOW__CHRONOS__DATABASE": f"sqlite:///{HOME}/chronos.db",
    "AIRFLOW__CHRONOS__SPOOL_ROOT": str(HOME / "spool"),
    "AIRFLOW__CHRONOS__WORK_ROOT": str(HOME / "work"),
    "AIRFLOW__CHRONOS__PRELOAD": "never",
}
CWL = "cwlVersion: v1.2\nclass: Workflow\ninputs: {}\noutputs: {}\nsteps: {}\n"


def main() -> None:
    os.environ.update(SETTINGS)
    (HOME / "dags").mkdir()
    for name in ("open", "secret"):
        (HOME / "dags" / f"{name}.cwl").write_text(CWL)
    from airflow.utils.db import initdb

    initdb()
    _read_dags()
    found: dict[str, Any] = {"before": {}, "after": {}}
    client = _client()
    _people()
    found["before"]["admin"] = _status(client, _token(client, "admin"), "/runs")
    from chronos_plugin.cli import rights

    rights.init(Namespace(dry_run=False, json=True))
    ids = _history()
    for who in ("admin", "viewer", "limited", "nobody"):
        token = _token(client, who)
        found["after"][who] = {
            "runs": _runs(client, token),
            "open": _status(client, token, f"/runs/{ids['open']}"),
            "secret": _status(client, token, f"/runs/{ids['secret']}"),
            "workflows": _names(client, token, "/workflows", "workflows", "dag_id"),
            "datasets": _names(client, token, "/datasets?text=made", "datasets", "name"),
            "lineage": _names(client, token, f"/lineage?dataset={ids['dataset']}", "datasets", "name"),
            "secret log": _status(client, token, "/dags/secret/runs/x/tasks/t/log"),
            "start": client.post("/chronos/api/v1/workflows/open/runs", headers=token, json={}).status_code,
        }
    (HOME / "found.json").write_text(json.dumps(found))


def _read_dags() -> None:
    from airflow.dag_processing.dagbag import BundleDagBag, sync_bag_to_db
    from airflow.models.dagbundle import DagBundleModel
    from airflow.utils.session import create_session

    with create_session() as session:
        session.add(DagBundleModel(name="dags-folder"))
    bag = BundleDagBag(HOME / "dags", bundle_path=HOME / "dags", bundle_name="dags-folder")
    assert sorted(bag.dags) == ["open", "secret"], bag.import_errors
    sync_bag_to_db(bag, "dags-folder", None)


def _client() -> Any:
    from airflow.api_fastapi.app import create_app
    from fastapi.testclient import TestClient

    client = TestClient(create_app(apps="all"), base_url="http://localhost")
    client.__enter__()
    return client


def _people() -> None:
    from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder

    with get_application_builder() as builder:
        manager = builder.sm
        limited = manager.add_role("Limited")
        wanted = [("can_read", f"CHRONOS {what}") for what in ("History", "Workflows", "Runs")]
        for action, resource in [*wanted, ("can_read", "DAG:open"), ("can_read", "DAG Runs")]:
            manager.add_permission_to_role(limited, manager.create_permission(action, resource))
        for name, role in (
            ("admin", "Admin"),
            ("viewer", "Viewer"),
            ("limited", "Limited"),
            ("nobody", "Public"),
        ):
            manager.add_user(name, name, name, f"{name}@x", manager.find_role(role), password=f"{name}'s")


def _history() -> dict[str, Any]:
    from chronos_plugin.db import engine as engines
    from chronos_plugin.db.store.history import History
    from chronos_plugin.db.store.loader import Loader
    from chronos_plugin.lineage.model import Job, JobKind, Run, RunState
    from chronos_plugin.lineage.record import Record, run_id
    from tests.db.store.conftest import NOON, TYPES, product

    def made(workflow: str, name: str, inputs: list[Any], outputs: list[Any]) -> Record:
        job = Job("airflow", workflow, kind=JobKind.WORKFLOW, workflow=workflow)
        run = Run(run_id(NOON, name), job, RunState.COMPLETE, started=NOON, ended=NOON)
        return Record(run, tuple(inputs), tuple(outputs))

    records = [
        made("open", "a", [product("/in")], [product("/made_open_1")]),
        made("secret", "b", [product("/made_open_1")], [product("/made_secret")]),
        # Beyond the secret one, and not to be reached through it.
        made("open", "c", [product("/made_secret")], [product("/made_open_2")]),
        made("spark", "d", [], [product("/made_spark")]),
    ]
    Loader(engines.engine(), TYPES).load(records)
    dataset = History().datasets_at("/made_open_1")[0].id
    return {"open": records[0].run.id, "secret": records[1].run.id, "dataset": dataset}


def _token(client: Any, who: str) -> dict[str, str]:
    answer = client.post("/auth/token", json={"username": who, "password": f"{who}'s"})
    assert answer.status_code == 201, answer.text
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def _status(client: Any, token: dict[str, str], path: str) -> int:
    return int(client.get(f"/chronos/api/v1{path}", headers=token).status_code)


def _names(client: Any, token: dict[str, str], path: str, key: str, name: str) -> Any:
    answer = client.get(f"/chronos/api/v1{path}", headers=token)
    return (
        sorted(str(one[name]) for one in answer.json()[key])
        if answer.status_code == 200
        else answer.status_code
    )


def _runs(client: Any, token: dict[str, str]) -> Any:
    answer = client.get("/chronos/api/v1/runs?counts=true", headers=token)
    return answer.json()["counts"]["workflow"] if answer.status_code == 200 else answer.status_code


if __name__ == "__main__":
    main()
