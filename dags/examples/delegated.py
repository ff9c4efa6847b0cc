"""A CWL workflow that Toil runs as one piece, here on this host; with ``target=…``, in a batch system."""

from __future__ import annotations

from pathlib import Path

from airflow.sdk import DAG

from chronos_plugin.operators.toil import ToilCwlOperator

with DAG("delegated", schedule=None, tags=["example"], doc_md=__doc__):
    ToilCwlOperator(
        task_id="names",
        cwl=str(Path(__file__).parent / "scatter.cwl"),
        inputs={"cycles": [16, 17], "passes": [307, 12], "bands": ["Ka", "Ku"]},
    )
