"""Runs as clients of WES see them."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any, get_args
from urllib.parse import quote, urlencode

from chronos_plugin.api.v1.asking import history
from chronos_plugin.api.wes import models
from chronos_plugin.api.wes.submission import KEY, run_id_of
from chronos_plugin.errors import NotKnown
from chronos_plugin.execution.store import read_json, run_folder
from chronos_plugin.lineage.questions import RunFilter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chronos_plugin.lineage.model import Run
    from chronos_plugin.rendering.dag_runs import StartedRun
    from chronos_plugin.settings import Settings

_OF_THE_TOOL = ("StepFailed", "StepFailedTemporarily", "InputInvalid")
STATES = get_args(models.State)


def state(run: StartedRun, configured: Settings) -> models.State:
    """Return the state of a run in WES's words."""
    if run.cancelled:
        return "CANCELED"
    if run.state == "queued":
        return "PAUSED" if run.paused else "QUEUED"
    folder = run_folder(configured.work_root, run.dag_id, run.run_id)
    if run.state == "running":
        return "RUNNING" if (folder / "inputs.json").exists() else "INITIALIZING"
    if run.state == "success":
        return "COMPLETE"
    if run.state != "failed":
        return "UNKNOWN"
    kind = (read_json(folder / "error.json") or {}).get("kind")
    return "EXECUTOR_ERROR" if kind in _OF_THE_TOOL else "SYSTEM_ERROR"


def summary(run: StartedRun, configured: Settings) -> models.RunSummary:
    """Return a run for a list."""
    return models.RunSummary(
        run_id=run_id_of(run),
        state=state(run, configured),
        start_time=_time(run.started),
        end_time=_time(run.ended),
        tags=request(run).tags,
    )


def run_log(run: StartedRun, configured: Settings, url: str) -> models.RunLog:
    """Return all that is known of a run.

    Args:
        url: Of the run.
    """
    folder = run_folder(configured.work_root, run.dag_id, run.run_id)
    error = read_json(folder / "error.json") if run.state == "failed" else None
    return models.RunLog(
        run_id=run_id_of(run),
        request=request(run),
        state=state(run, configured),
        run_log=models.Log(
            name=run.dag_id,
            start_time=_time(run.started),
            end_time=_time(run.ended),
            exit_code={"success": 0, "failed": 1}.get(run.state),
            system_logs=[str(error["message"])] if error else None,
        ),
        task_logs_url=f"{url}/tasks",
        outputs=read_json(folder / "outputs.json"),
    )


def request(run: StartedRun) -> models.RunRequest:
    """Return what a run was asked for with; of runs that others started, what is equal to it."""
    asked: Mapping[str, Any] = run.conf.get(KEY) or {
        "workflow_type": "CWL",
        "workflow_type_version": "v1.2",
        "workflow_url": run.dag_id,
    }
    return models.RunRequest(
        **asked, workflow_params={name: value for name, value in run.conf.items() if name != KEY}
    )


def tasks(
    run: StartedRun, base: str, *, limit: int, cursor: str | None
) -> tuple[list[models.TaskLog], str | None]:
    """Return a page of the executions that a run consists of, once they have ended.

    Args:
        base: URL under which CHRONOS is.
    """
    try:
        page = history().runs(RunFilter(parent=run.id), limit=limit, cursor=cursor, counts=False)
    except NotKnown:
        # Nothing of it has been recorded yet.
        return [], None
    return [_task(part, run, base) for part in page.runs], page.next


def task(run: StartedRun, found: Run, base: str) -> models.TaskLog:
    """Return one execution with its command."""
    command = (found.facets.get("context") or {}).get("command")
    return _task(found, run, base).model_copy(update={"cmd": [str(w) for w in command] if command else None})


def _task(part: Run, run: StartedRun, base: str) -> models.TaskLog:
    name = part.job.step or part.job.name
    element = part.element or (str(part.map_index) if part.map_index >= 0 else "")
    return models.TaskLog(
        id=str(part.id),
        name=f"{name}@{element}" if element else name,
        start_time=_time(part.started),
        end_time=_time(part.ended),
        exit_code=part.exit_code,
        stdout=(log := _log(part, run, base)),
        stderr=log,
        system_logs=[f"{part.target} {part.node}".strip(), *([part.error] if part.error else [])],
    )


def _log(part: Run, run: StartedRun, base: str) -> str | None:
    task_id = (part.job.facets.get("task") or {}).get("task_id")
    if not task_id:
        return None
    place = "/".join(
        quote(word, safe="") for word in ("dags", run.dag_id, "runs", run.run_id, "tasks", task_id)
    )
    which = urlencode({"map_index": part.map_index, "try_number": part.attempt})
    return f"{base}/api/v1/{place}/log?{which}"


def _time(moment: datetime.datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
