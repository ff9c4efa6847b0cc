"""What production uses: PostgreSQL for Airflow's metadata, workers behind RabbitMQ."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benches.installation import Installation, installation
from tests.services import service

pytestmark = [pytest.mark.airflow, pytest.mark.postgres, pytest.mark.slow]

DAGS = Path(__file__).parent / "executors"
WORKERS = 2
_CELERY = {"celery_config_options": "chronos_plugin.rendering.celery.CONFIG", "worker_concurrency": "2"}


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    """The address of a PostgreSQL server's database of ours, without the driver."""
    with service("postgres", "fsync=off") as address:
        name = f"airflow_{uuid.uuid4().hex[:8]}"
        _tell(address, f"CREATE DATABASE {name}")
        yield f"{address.rpartition('/')[0]}/{name}"
        _tell(address, f"DROP DATABASE {name} WITH (FORCE)")


def _tell(address: str, statement: str) -> None:
    import psycopg2

    connection = psycopg2.connect(address)
    connection.autocommit = True
    connection.cursor().execute(statement)
    connection.close()


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    """The address of a RabbitMQ server."""
    with service("rabbitmq") as address:
        yield address


def on_postgres(database: str) -> dict[str, dict[str, str]]:
    driven = database.replace("postgresql://", "postgresql+psycopg2://")
    return {"database": {"sql_alchemy_conn": driven}, "core": {"executor": "LocalExecutor"}}


def greet(running: Installation) -> list[dict[str, Any]]:
    """Run scattered steps and subworkflows; return the task instances."""
    running.wait_for_dag("greetings")
    run_id = running.api.trigger("greetings", {"names": ["ann", "bob", "eve", "ida"]})
    deadline = time.monotonic() + 300
    while (state := running.api.run_state("greetings", run_id)) not in ("success", "failed"):
        running.processes.check()
        assert time.monotonic() < deadline, running.api.task_instances("greetings", run_id)
        time.sleep(0.5)
    instances = running.api.task_instances("greetings", run_id)
    assert state == "success", instances
    outputs = running.api.result("greetings", run_id, "chronos.outputs")
    assert outputs["loud"] == ["ANN", "BOB", "EVE", "IDA"]
    assert outputs["pairs"][0] == [None, "ann+bob", "ann+eve", "ann+ida"]
    return instances


def library_is_there(running: Installation) -> bool:
    running.wait_for_dag("preloaded")
    run_id = running.api.trigger("preloaded")
    deadline = time.monotonic() + 120
    while (state := running.api.run_state("preloaded", run_id)) not in ("success", "failed"):
        assert time.monotonic() < deadline, state
        time.sleep(0.5)
    return bool(running.api.result("preloaded", run_id, "library"))


def test_local_executor_on_postgres(database: str) -> None:
    with installation(dags=DAGS, changes=on_postgres(database)) as running:
        assert not (running.home / "airflow.db").exists()
        greet(running)
        assert library_is_there(running)


@pytest.mark.rabbitmq
def test_celery_workers_behind_rabbitmq(database: str, broker: str, tmp_path: Path) -> None:
    changes = on_postgres(database)
    changes["core"]["executor"] = "CeleryExecutor"
    backend = f"db+{changes['database']['sql_alchemy_conn']}"
    changes["celery"] = {**_CELERY, "broker_url": broker, "result_backend": backend}
    with installation(dags=DAGS, changes=changes) as running:
        workers = [Worker(running.home, f"worker{n}", tmp_path) for n in range(WORKERS)]
        try:
            instances = greet(running)
            assert library_is_there(running)
        finally:
            for worker in workers:
                worker.stop()
        did = {name: len(worker.tasks()) for name, worker in zip(("one", "two"), workers, strict=True)}
    assert sum(did.values()) >= len(instances), did
    assert all(did.values()), did


class Worker:
    """``airflow celery worker`` as an administrator starts it."""

    def __init__(self, home: Path, name: str, folder: Path) -> None:
        self._log = folder / f"{name}.log"
        environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("AIRFLOW")},
            "AIRFLOW_HOME": str(home),
            "AIRFLOW_CONFIG": str(home / "airflow.cfg"),
            "NO_PROXY": "127.0.0.1",
        }
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    str(Path(sys.executable).parent / "airflow"),
                    *(
                        "celery",
                        "worker",
                        "--skip-serve-logs",
                        "--celery-hostname",
                        name,
                        "--pid",
                        str(folder / name),
                    ),
                ],
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def tasks(self) -> list[str]:
        """Return what the worker said of the tasks that it ended."""
        lines = self._log.read_text(errors="replace").splitlines()
        return [line for line in lines if "execute_workload" in line and "succeeded" in line]

    def stop(self) -> None:
        from demo.processes import end
        from demo.proctable import ProcessId

        if self._process.poll() is None:
            end([ProcessId.of(self._process.pid)], grace=30)
            self._process.wait(30)
