"""One Airflow for all end-to-end tests: its real components, SQLite, LocalExecutor."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from benches.installation import Installation, installation


@dataclass
class Finished:
    """A run that has ended."""

    state: str
    run_id: str
    instances: list[dict[str, Any]]
    outputs: Any

    def states(self, task_id: str) -> list[str]:
        """Return the states of a task's instances by map index."""
        found = [i for i in self.instances if i["task_id"] == task_id]
        return [str(i["state"]) for i in sorted(found, key=lambda i: int(i["map_index"]))]


@pytest.fixture(scope="package")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A running installation with the documents of ``data/`` and two that no repository should hold."""
    dags = tmp_path_factory.mktemp("e2e") / "dags"
    shutil.copytree(Path(__file__).parent / "data", dags)
    (dags / "huge.cwl").write_bytes(b"# " + b"x" * (9 << 20))
    (dags / "binary.cwl").write_bytes(b"\x00\x01\x02class: Workflow")
    with installation(dags=dags) as running:
        yield running


@pytest.fixture(scope="package")
def add(airflow: Installation) -> Callable[[str], None]:
    """Wait until the DAG of a document in ``data/`` is there."""
    return lambda dag_id: airflow.wait_for_dag(dag_id)


@pytest.fixture(scope="package")
def run(airflow: Installation) -> Callable[..., Finished]:
    """Run a DAG to its end."""

    def start(dag_id: str, **values: Any) -> Finished:
        run_id = airflow.api.trigger(dag_id, values)
        deadline = time.monotonic() + 180
        while (state := airflow.api.run_state(dag_id, run_id)) not in ("success", "failed"):
            airflow.processes.check()
            assert time.monotonic() < deadline, f"{dag_id} is still {state}"
            time.sleep(0.2)
        outputs = airflow.api.result(dag_id, run_id, "chronos.outputs") if state == "success" else None
        return Finished(state, run_id, airflow.api.task_instances(dag_id, run_id), outputs)

    return start
