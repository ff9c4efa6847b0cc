"""Workflows to measure with, and the environment to measure in."""

from __future__ import annotations

import os
from pathlib import Path

_STEP = """\
  step{i}:
    in: {{text: {source}}}
    out: [result]
    run:
      class: CommandLineTool
      baseCommand: [echo]
      inputs: {{text: {{type: string, inputBinding: {{}}}}}}
      outputs: {{result: {{type: string, outputBinding: {{outputEval: $(inputs.text)}}}}}}
"""


def chain(steps: int, label: str = "A chain") -> str:
    """Return a workflow of ``steps`` tools one after the other."""
    body = "".join(
        _STEP.format(i=i, source="text" if i == 0 else f"step{i - 1}/result") for i in range(steps)
    )
    return (
        f"cwlVersion: v1.2\nclass: Workflow\nlabel: {label}\n"
        "inputs: {text: {type: string, default: hello}}\n"
        f"outputs: {{result: {{type: string, outputSource: step{steps - 1}/result}}}}\nsteps:\n{body}"
    )


def parallel(steps: int) -> str:
    """Return a workflow of ``steps`` independent trivial tools."""
    body = "".join(
        f"  step{i}:\n    in: {{}}\n    out: []\n    run: "
        "{class: CommandLineTool, baseCommand: 'true', inputs: [], outputs: []}\n"
        for i in range(steps)
    )
    return f"cwlVersion: v1.2\nclass: Workflow\ninputs: []\noutputs: []\nsteps:\n{body}"


def bash_chain(steps: int) -> str:
    """Return the DAG file of the peer of :func:`chain`: as many BashOperators in a row."""
    return f"""
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

with DAG("bash_chain", schedule=None) as dag:
    previous = None
    for i in range({steps}):
        task = BashOperator(task_id=f"step{{i}}", bash_command="echo hello")
        if previous is not None:
            previous >> task
        previous = task
"""


def bash_parallel(steps: int) -> str:
    """Return the DAG file of the peer of :func:`parallel`."""
    return f"""
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

with DAG("bash_parallel", schedule=None) as dag:
    for i in range({steps}):
        BashOperator(task_id=f"step{{i}}", bash_command="true")
"""


def airflow_environment(home: Path) -> dict[str, str]:
    """Return the environment of an Airflow whose home is ``home`` and whose DAGs lie in ``home/dags``."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("AIRFLOW")}
    checkout = str(Path(__file__).resolve().parents[1])
    return {
        **kept,
        "PYTHONPATH": checkout,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    }
