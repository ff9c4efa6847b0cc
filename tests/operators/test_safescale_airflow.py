"""The example DAG in a real Airflow, with the agent as people run it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from chronos_plugin.db.cloud import Requests
from chronos_plugin.db.engine import make_engine
from chronos_plugin.hooks.safescale.double.cloud import KEY_BODY, PASSWORD
from chronos_plugin.hooks.safescale.double.server import Double
from tests.safescale import request

CHECKOUT = Path(__file__).resolve().parents[2]
AIRFLOW = Path(sys.executable).with_name("airflow")


def columns_with(database: Path, *secrets: str) -> list[str]:
    """Return the tables whose rows hold one of the secrets."""
    with sqlite3.connect(database) as connection:
        tables = [
            name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        return [
            table
            for table in tables
            for row in connection.execute(f'SELECT * FROM "{table}"')
            if any(secret in str(row) for secret in secrets)
        ]


def wait(condition: Callable[[], object]) -> None:
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.1)


@pytest.mark.slow
@pytest.mark.airflow
def test_the_example_runs_and_no_secret_is_left_behind(double: Double, tmp_path: Path) -> None:
    home = tmp_path / "airflow"
    (home / "dags").mkdir(parents=True)
    for name in ("safescale_host.py", "safescale_cluster.py"):
        shutil.copy(CHECKOUT / "dags" / "examples" / name, home / "dags")
    port = double.address.rpartition(":")[2]
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")},
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "DEBUG",
        "AIRFLOW_CONN_SAFESCALE_DEFAULT": f'{{"conn_type": "chronos_safescale", "host": "127.0.0.1", '
        f'"port": {port}, "extra": {{"tenant": "test", "question_timeout": 30}}}}',
    }

    def airflow(*words: str) -> subprocess.CompletedProcess[str]:
        # At this level Airflow's commands log to where JSON is printed.
        level = {"AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR"} if "--json" in words else {}
        return subprocess.run(
            [AIRFLOW, *words],
            env={**environment, **level},
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )

    assert airflow("db", "migrate").returncode == 0
    agent = subprocess.Popen(
        [AIRFLOW, "chronos", "cloud", "agent"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        ran = airflow("dags", "test", "safescale_host")
        clustered = airflow("dags", "test", "safescale_cluster")
        status = airflow("chronos", "cloud", "status", "--json")
        table = Requests(make_engine(f"sqlite:///{home}/chronos/chronos.db"))
        for name, owner in (("kept", ""), ("orphan", "run:safescale_host:gone")):
            here = {"owner": owner, "connection": "safescale_default"}
            table.submit(replace(request(name, "host", "create", name, {"sizing": "cpu=1"}), **here))
        wait(lambda: all((one := table.get(name)) and one.state.final for name in ("kept", "orphan")))
        double.cloud.add(double.cloud.tenants["test"], "volume", "foreign", "")
        listed = airflow("chronos", "cloud", "list", "--all", "--json")
        rehearsed = airflow("chronos", "cloud", "reap", "--dry-run", "--json")
        unasked = airflow("chronos", "cloud", "reap")
        before = sorted(double.cloud.tenants["test"].host)
        reaped = airflow("chronos", "cloud", "reap", "--yes")
    finally:
        agent.send_signal(signal.SIGTERM)
        output, _ = agent.communicate(timeout=60)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert clustered.returncode == 0, clustered.stdout + clustered.stderr
    assert status.returncode == 0, status.stderr
    assert listed.returncode == 0, listed.stderr
    assert agent.returncode == 0, output
    whats = [what for what, kind, _ in double.cloud.journal if kind == "host"]
    assert whats[:2] == ["create", "delete"]
    findings = {one["name"]: one["finding"] for one in json.loads(listed.stdout)}
    assert findings == {"kept": "kept", "orphan": "orphan", "foreign": "foreign"}
    assert [one["name"] for one in json.loads(rehearsed.stdout)] == ["orphan"]
    assert unasked.returncode == 1
    assert "say --yes" in unasked.stderr
    assert before == ["kept", "orphan"]
    assert reaped.returncode == 0, reaped.stderr
    assert "host orphan: deleted" in reaped.stdout
    assert sorted(double.cloud.tenants["test"].host) == ["kept"]
    assert "Linux" in ran.stdout + ran.stderr
    logs = [file.read_text(errors="replace") for file in (home / "logs").rglob("*.log")]
    everything = "".join([ran.stdout, ran.stderr, status.stdout, listed.stdout, output, *logs])
    assert "create host chronos-create-" in everything
    assert KEY_BODY not in everything
    assert PASSWORD not in everything
    assert columns_with(home / "airflow.db", KEY_BODY, PASSWORD) == []
    assert columns_with(home / "chronos" / "chronos.db", KEY_BODY, PASSWORD) == []
    # Of the host: create, run, delete; of the cluster: create, expand, delete.
    assert columns_with(home / "chronos" / "chronos.db", "chronos-create-") == ["cloud_request"] * 6
    assert "cloud_request" in columns_with(home / "chronos" / "chronos.db", "HS_STARTED")
