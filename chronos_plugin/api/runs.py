"""What runs produced."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, HTTPException

from chronos_plugin import settings
from chronos_plugin.api.authz import may_read_dag
from chronos_plugin.execution.store import read_json, run_folder

router = APIRouter(tags=["runs"])


@router.get("/dags/{dag_id}/runs/{run_id}/outputs", dependencies=[Depends(may_read_dag)])
def outputs(dag_id: str, run_id: str) -> dict[str, Any]:
    """Return the output object of a run; 404 while it has none."""
    value = read_json(run_folder(settings.load().work_root, dag_id, run_id) / "outputs.json")
    if value is None:
        raise HTTPException(404, f"run {run_id} of {dag_id} has published no outputs")
    return dict(value)


@router.get("/dags/{dag_id}/runs/{run_id}/error", dependencies=[Depends(may_read_dag)])
def error(dag_id: str, run_id: str) -> dict[str, Any]:
    """Return the error that a task of a run recorded last; 404 if there is none."""
    value = read_json(run_folder(settings.load().work_root, dag_id, run_id) / "error.json")
    if value is None:
        raise HTTPException(404, f"run {run_id} of {dag_id} recorded no error")
    return dict(value)
