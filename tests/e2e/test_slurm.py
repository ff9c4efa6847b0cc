"""Steps of a DAG in a real Slurm, and a workflow that Toil runs there: through Airflow's components."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from benches.installation import Installation, installation

pytestmark = [pytest.mark.slurm, pytest.mark.airflow]

CWL = """\
cwlVersion: v1.2
class: Workflow
requirements: {ScatterFeatureRequirement: {}, InlineJavascriptRequirement: {}}
inputs: {numbers: "int[]"}
outputs: {sums: {type: "File[]", outputSource: one/out}}
steps:
  one:
    run:
      class: CommandLineTool
      baseCommand: [sh, -c]
      arguments: ['echo "number $0 in job $SLURM_JOB_ID"; echo said $0 >&2', $(inputs.number)]
      inputs: {number: int}
      outputs: {out: {type: stdout}}
      requirements:
        ResourceRequirement: {coresMin: 1, ramMin: 300}
        EnvVarRequirement: {envDef: {CHRONOS_TEST: $(String(inputs.number))}}
    scatter: number
    in: {number: numbers}
    out: [out]
"""

DELEGATED = """\
from airflow.sdk import DAG
from chronos_plugin.operators.toil import ToilCwlOperator
with DAG("delegated_to_slurm", schedule=None):
    ToilCwlOperator(task_id="all", cwl="{cwl}", inputs={{"numbers": [1, 2]}}, target="hpc")
"""

TARGETS = """\
targets:
  hpc:
    kind: toil
    poll_interval: 1
    container_engine: none
    options:
      system: slurm
      account: development
      environment: {{SLURM_CONF: {conf}}}
bindings:
  - {{workflow: in_slurm, step: one, target: hpc, options: {{queue: short}}}}
"""


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("slurm")
    dags = folder / "dags"
    dags.mkdir()
    (dags / "in_slurm.cwl").write_text(CWL)
    (dags / "delegated.py").write_text(DELEGATED.format(cwl=dags / "in_slurm.cwl"))
    targets = folder / "targets.yaml"
    targets.write_text(TARGETS.format(conf=os.environ["SLURM_CONF"]))
    options = {
        "AIRFLOW__CHRONOS__TARGETS_FILE": str(targets),
        "AIRFLOW__CHRONOS__CONTAINER_ENGINE": "none",
    }
    with installation(options, dags=dags) as running:
        yield running


def run(airflow: Installation, dag_id: str, task_id: str, values: dict[str, Any]) -> Any:
    airflow.wait_for_dag(dag_id)
    run_id = airflow.api.trigger(dag_id, values)
    deadline = time.monotonic() + 600
    while (state := airflow.api.run_state(dag_id, run_id)) not in ("success", "failed"):
        airflow.processes.check()
        assert time.monotonic() < deadline, state
        time.sleep(0.5)
    assert state == "success"
    return airflow.api.result(dag_id, run_id, task_id)


def contents(files: list[dict[str, Any]]) -> list[str]:
    return [Path(unquote(urlsplit(file["location"]).path)).read_text() for file in files]


def jobs(name: str) -> list[list[str]]:
    """Return partition and account of the jobs in the accounting whose name has ``name``."""
    line = [
        "sacct",
        "--noheader",
        "--parsable2",
        "--allocations",
        "--format=JobName%200,Partition,Account,State",
    ]
    found = subprocess.run(line, capture_output=True, text=True, check=True).stdout
    return [row.split("|") for row in found.splitlines() if name in row]


def settled(ask: Callable[[], list[Any]], wanted: list[Any], seconds: float = 60) -> list[Any]:
    """Ask the accounting, which hears of jobs a while after they have ended, until it says what is wanted."""
    deadline = time.monotonic() + seconds
    while (found := ask()) != wanted and time.monotonic() < deadline:
        time.sleep(0.5)
    return found


def test_scattered_steps_run_in_slurm(airflow: Installation) -> None:
    outputs = run(airflow, "in_slurm", "chronos.outputs", {"numbers": [3, 5, 7]})
    texts = contents(outputs["sums"])
    assert [text.split()[1] for text in texts] == ["3", "5", "7"]
    wanted = [["short", "development", "COMPLETED"]] * 3
    assert settled(lambda: [row[1:] for row in jobs("in_slurm.one")[-3:]], wanted) == wanted


def test_a_delegated_workflow_runs_in_slurm(airflow: Installation) -> None:
    outputs = run(airflow, "delegated_to_slurm", "all", {})
    texts = contents(outputs["sums"])
    # Toil's workers are Slurm jobs, and the tools run inside them.
    assert [text.split()[1] for text in texts] == ["1", "2"]
    wanted = ["development"] * 2
    assert settled(lambda: [row[2] for row in jobs("in_slurm.cwl")[-2:]], wanted) == wanted
