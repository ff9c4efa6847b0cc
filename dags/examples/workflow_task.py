"""A CWL workflow as one task among others; ``target="local"`` would send its steps elsewhere."""

from __future__ import annotations

from pathlib import Path

from airflow.sdk import DAG

from chronos_plugin.operators.workflow import CwlWorkflowOperator

with DAG("workflow_task", schedule=None, tags=["example"], doc_md=__doc__):
    CwlWorkflowOperator(
        task_id="names",
        cwl=str(Path(__file__).parent / "scatter.cwl"),
        inputs={"cycles": [16, 17], "passes": [307, 12], "bands": ["Ka", "Ku"]},
        parallel=2,
    )
