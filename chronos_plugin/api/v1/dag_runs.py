"""Runs of workflows in Airflow: state, what they published, jobs on targets, cancelling, wishes."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException

from chronos_plugin import settings
from chronos_plugin.api.authz import may_read_dag, may_steer
from chronos_plugin.api.models import workflows as models
from chronos_plugin.api.v1.asking import DagId, DagRunId
from chronos_plugin.execution.store import read_json, run_folder

router = APIRouter(tags=["DAG runs"])

_PATH = "/dags/{dag_id}/runs/{run_id}"


@router.get(_PATH, operation_id="get_dag_run", name="get_dag_run", dependencies=[Depends(may_read_dag)])
def get_dag_run(dag_id: DagId, run_id: DagRunId) -> models.DagRun:
    """Return the state of a run."""
    from chronos_plugin.rendering import dag_runs

    return run_model(dag_runs.look(dag_id, run_id, settings.load()))


@router.get(f"{_PATH}/outputs", operation_id="get_outputs", dependencies=[Depends(may_read_dag)])
def outputs(dag_id: DagId, run_id: DagRunId) -> dict[str, Any]:
    """Return the output object of a run; 404 while it has none."""
    value = read_json(run_folder(settings.load().work_root, dag_id, run_id) / "outputs.json")
    if value is None:
        raise HTTPException(404, f"run {run_id} of {dag_id} has published no outputs")
    return dict(value)


@router.get(f"{_PATH}/error", operation_id="get_error", dependencies=[Depends(may_read_dag)])
def error(dag_id: DagId, run_id: DagRunId) -> dict[str, Any]:
    """Return the error that a task of a run recorded last; 404 if there is none."""
    value = read_json(run_folder(settings.load().work_root, dag_id, run_id) / "error.json")
    if value is None:
        raise HTTPException(404, f"run {run_id} of {dag_id} recorded no error")
    return dict(value)


@router.post(f"{_PATH}/cancel", operation_id="cancel_run")
def cancel(dag_id: DagId, run_id: DagRunId, user: Annotated[Any, Depends(may_steer)]) -> models.DagRun:
    """End a run and its tools; a run that has ended stays as it is."""
    from chronos_plugin.rendering import dag_runs

    return run_model(dag_runs.cancel(dag_id, run_id, settings.load(), user=user.get_name()))


@router.get(f"{_PATH}/jobs", operation_id="list_jobs_of_run", dependencies=[Depends(may_read_dag)])
def jobs(dag_id: DagId, run_id: DagRunId) -> models.TargetJobs:
    """List the jobs of a run on targets that are not concluded, with the last that the target said."""
    from chronos_plugin.execution.jobs import open_jobs_of_run

    folders = open_jobs_of_run(settings.load().work_root, dag_id, run_id)
    return models.TargetJobs(jobs=[_job(folder) for folder in folders])


@router.post(f"{_PATH}/wishes", operation_id="wish", status_code=202)
def wish(
    dag_id: DagId, run_id: DagRunId, body: models.Wish, user: Annotated[Any, Depends(may_steer)]
) -> models.TargetJobs:
    """Ask the targets to hold, release, suspend or resume a run's jobs; their logs say what became of it."""
    from chronos_plugin.execution.jobs import open_jobs_of_run, parse_key

    root = settings.load().work_root
    found = {
        folder.path: folder
        for key in [parse_key(step) for step in body.steps] or [()]
        for folder in open_jobs_of_run(root, dag_id, run_id, key)
        if folder.exit() is None
    }
    if not found:
        raise HTTPException(404, "no target has a job of this run, or of these steps")
    for folder in found.values():
        folder.write_wish(body.wish, user.get_name())
    return models.TargetJobs(jobs=[_job(folder) for folder in found.values()])


def run_model(run: Any) -> models.DagRun:
    """Return a run as clients see it."""
    return models.DagRun(
        dag_id=run.dag_id,
        run_id=run.run_id,
        id=run.id,
        state=run.state,
        cancelled=run.cancelled,
        paused=run.paused,
        run_after=run.run_after,
        started=run.started,
        ended=run.ended,
        who=run.who,
        inputs={name: value for name, value in run.conf.items() if ":" not in name},
    )


def _job(folder: Any) -> models.TargetJob:
    from chronos_plugin.execution.jobs import step_of

    job, target, _ = folder.job()
    status, submission = folder.status(), folder.submission() or {}
    return models.TargetJob(
        id=job.id,
        name=job.name,
        step=step_of(folder),
        target=target,
        native_id=submission.get("native"),
        state=status.state.value if status else None,
        native_state=status.native_state if status else "",
        reason=status.reason if status else "",
        node=status.node if status else "",
        wish=folder.wish(),
    )
