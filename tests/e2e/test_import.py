"""What the DAG processor makes of files in the DAG folder."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from benches.installation import Installation

pytestmark = pytest.mark.airflow

DATA = Path(__file__).parent / "data"


def test_broken_file_is_an_import_error_with_its_place_and_others_go_on(
    airflow: Installation, add: Callable[[str], None]
) -> None:
    add("healthy")
    errors = _errors(airflow, {"broken.cwl", "huge.cwl", "binary.cwl"})
    assert "line 3" in errors["broken.cwl"]
    assert "sting" in errors["broken.cwl"]
    assert "Traceback" not in errors["broken.cwl"]
    airflow.processes.check()


def test_tools_and_subworkflows_do_not_become_dags(airflow: Installation, add: Callable[[str], None]) -> None:
    add("whole")
    assert airflow.api.dag("part_tool") is None
    assert airflow.api.dag("part_workflow") is None


def test_source_of_a_dag_is_the_document(airflow: Installation, add: Callable[[str], None]) -> None:
    add("healthy")
    answer = airflow.api.request("GET", "/api/v2/dagSources/healthy")
    assert answer["content"] == (DATA / "healthy.cwl").read_text()


def test_a_dropped_file_is_seen(airflow: Installation) -> None:
    (airflow.dags / "dropped.cwl").write_text((DATA / "healthy.cwl").read_text())
    airflow.wait_for_dag("dropped")


def _errors(airflow: Installation, names: set[str]) -> dict[str, str]:
    deadline = time.monotonic() + 60
    while True:
        found = {
            str(e["filename"]).rsplit("/", 1)[-1]: str(e["stack_trace"]) for e in airflow.api.import_errors()
        }
        if names <= set(found):
            return found
        assert time.monotonic() < deadline, f"only {sorted(found)}"
        time.sleep(0.5)
