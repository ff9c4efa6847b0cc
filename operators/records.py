"""What the operators tell the history: workflow runs when they begin and end, executions when they end.

Nothing here may fail a task: what cannot be told is a warning in the task's log.
"""

from __future__ import annotations

import datetime
import functools
import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from airflow.sdk.exceptions import AirflowSkipException, TaskDeferred

from chronos_plugin import settings
from chronos_plugin.execution.delegation.bus import InnerState
from chronos_plugin.lineage.facets import WORK_DIRECTORY, replace_in
from chronos_plugin.lineage.files import files_in, published
from chronos_plugin.lineage.model import Job, JobKind, Run, RunState, Usage
from chronos_plugin.lineage.record import Record, part_id, run_id
from chronos_plugin.lineage.recording import record

if TYPE_CHECKING:
    from airflow.sdk import Context

    from chronos_plugin.execution.delegation.bus import InnerJob
    from chronos_plugin.execution.run import Run as RunFiles
    from chronos_plugin.execution.store import Key

log = logging.getLogger("chronos.lineage")

NAMESPACE = "airflow"
_MOST_PARAMETERS = 4096
"""Characters of JSON of the values, other than files, that are kept with a run."""
_F = TypeVar("_F", bound=Callable[..., Any])


def workflow_id(moment: datetime.datetime, dag_id: str, dag_run_id: str) -> UUID:
    """Return the id of a workflow run in the history.

    Args:
        moment: When the DAG run was to run (``run_after``).
    """
    return run_id(moment, NAMESPACE, dag_id, dag_run_id)


def told(method: _F) -> _F:
    """Tell the history of a step operator's executions when ``method`` ends, unless it defers.

    The operator's ``begun`` is the run and the executions that the method handles.
    """

    @functools.wraps(method)
    def telling(operator: Any, context: Context, *arguments: Any, **more: Any) -> Any:
        operator.begun = None
        problem: BaseException | None = None
        try:
            return method(operator, context, *arguments, **more)
        except BaseException as error:
            problem = error
            raise
        finally:
            if operator.begun is not None and not isinstance(problem, TaskDeferred):
                _quietly(_executions, operator, context, problem)

    return telling  # type: ignore[return-value]


def workflow_began(run: RunFiles, context: Context, inputs: Mapping[str, Any]) -> None:
    """Tell that a workflow run has its inputs."""
    _quietly(_workflow, run, context, RunState.RUNNING, inputs=inputs)


def workflow_ended(run: RunFiles, context: Context, outputs: Mapping[str, Any]) -> None:
    """Tell that a workflow run has published its outputs."""
    _quietly(_workflow, run, context, RunState.COMPLETE, outputs=outputs)


def workflow_refused(run: RunFiles, context: Context, error: Exception) -> None:
    """Tell that a workflow run was not begun, since its inputs are wrong."""
    _quietly(_workflow, run, context, RunState.FAIL, error=str(error))


# -- workflow runs ---------------------------------------------------------------------------------


def _workflow(
    run: RunFiles,
    context: Context,
    state: RunState,
    *,
    inputs: Mapping[str, Any] | None = None,
    outputs: Mapping[str, Any] | None = None,
    error: str = "",
) -> None:
    dag_run = context["dag_run"]
    facets: dict[str, Any] = {"airflow": {"dag_id": dag_run.dag_id, "run_id": dag_run.run_id}}
    if inputs is not None and (kept := _parameters(inputs)):
        facets["parameters"] = kept
    made = Run(
        id=workflow_id(dag_run.run_after, dag_run.dag_id, dag_run.run_id),
        job=Job(
            NAMESPACE,
            dag_run.dag_id,
            version=run.document.digest[:16],
            kind=JobKind.WORKFLOW,
            workflow=dag_run.dag_id,
        ),
        state=state,
        started=dag_run.start_date or dag_run.run_after,
        ended=_now() if state.final else None,
        facets=facets,
        error=error,
    )
    collected = run.scope_outputs(()) if outputs is not None else {}
    _hand_over(Record(made, tuple(files_in(inputs or {})), tuple(published(collected, outputs or {}))))


# -- executions ------------------------------------------------------------------------------------


def _executions(operator: Any, context: Context, problem: BaseException | None) -> None:
    run, keys = operator.begun
    for number, key in enumerate(keys):
        # The first of a batch has the id of the task instance, so that its absence shows.
        made = _execution(run, key, number > 0, operator.task_id, context, problem)
        if made is not None:
            _hand_over(made)


def inner_job(context: Context, job: InnerJob, logs: Sequence[Path], target: str) -> None:
    """Tell what became of a job inside a workflow that Toil runs.

    Args:
        logs: Its log files, the oldest first.
    """
    _quietly(_inner_job, context, job, logs, target)


def _inner_job(context: Context, job: InnerJob, logs: Sequence[Path], target: str) -> None:
    from chronos_plugin.execution.context import last_lines

    instance, dag_run = context["ti"], context["dag_run"]
    _, *parts = job.name.split(".")
    # Toil numbers the elements of a scatter between the names of steps.
    names = [part for part in parts if not part.isdecimal()]
    failed = job.state is not InnerState.SUCCEEDED
    # What the tool wrote says more than what Toil's worker says of it.
    telling = [path for path in logs if ".std" in path.name] or logs
    lines = last_lines(telling[-1]) if telling else []
    known = {"native_id": job.batch_id, "last_lines": lines, "logs": [str(path) for path in logs]}
    made = Run(
        id=part_id(UUID(str(instance.id)), "toil", job.id),
        parent=workflow_id(dag_run.run_after, dag_run.dag_id, dag_run.run_id),
        job=Job(
            NAMESPACE,
            ".".join([dag_run.dag_id, instance.task_id, *names]),
            kind=JobKind.STEP,
            workflow=dag_run.dag_id,
            step="/".join([*instance.task_id.split("."), *names]),
        ),
        state=RunState.FAIL if failed else RunState.COMPLETE,
        started=_moment(job.issued_at, instance.start_date),
        ended=_moment(job.ended_at, None),
        attempt=job.tries,
        map_index=-1 if instance.map_index is None else instance.map_index,
        element="/".join(part for part in parts if part.isdecimal()),
        target=target,
        exit_code=job.exit_code,
        error=f"{job.state} in Toil" + (f": {lines[-1]}" if lines else "") if failed else "",
        facets={"context": {name: value for name, value in known.items() if value}},
    )
    _hand_over(Record(made, (), ()))


def _execution(
    run: RunFiles,
    key: Key,
    is_part: bool,
    task_id: str,
    context: Context,
    problem: BaseException | None,
) -> Record | None:
    from chronos_plugin.execution import context as contexts
    from chronos_plugin.execution.store import RESULT

    instance, dag_run = context["ti"], context["dag_run"]
    tries = contexts.of(run.store, key)
    kept = tries[max(tries)] if tries else {}
    result = run.store.read(key, RESULT) or {}
    state = _state(kept, result, problem)
    if state is None:
        return None
    element = "/".join(str(index) for _, index in key if index is not None)
    usage = kept.get("usage") or {}
    failed = state is RunState.FAIL
    made = Run(
        id=part_id(UUID(str(instance.id)), element) if is_part else UUID(str(instance.id)),
        parent=workflow_id(dag_run.run_after, dag_run.dag_id, dag_run.run_id),
        job=_job(run, key, task_id, dag_run.dag_id, str(kept.get("image") or "")),
        state=state,
        started=_moment(kept.get("started"), instance.start_date),
        ended=_moment(kept.get("ended"), None),
        attempt=instance.try_number,
        map_index=-1 if instance.map_index is None else instance.map_index,
        element=element,
        target=str(kept.get("target") or "local"),
        node=str(kept.get("node") or ""),
        exit_code=kept.get("exit_code"),
        usage=Usage(usage.get("cpu_seconds"), usage.get("max_rss_bytes")),
        error=str(kept.get("message") or problem or "failed") if failed else "",
        facets={"context": _context(kept, result)} if kept else {},
    )
    inputs = result.get("inputs") if state is RunState.COMPLETE else _inputs(run, key)
    outputs = result.get("outputs") if state is RunState.COMPLETE else {}
    return Record(made, tuple(files_in(inputs or {})), tuple(files_in(outputs or {})))


def _state(
    kept: Mapping[str, Any], result: Mapping[str, Any], problem: BaseException | None
) -> RunState | None:
    if kept.get("state") == "failed":
        return RunState.FAIL
    if result.get("status") == "skipped" and kept.get("state") in (None, "success"):
        return RunState.SKIPPED
    if result.get("status") == "success":
        return RunState.COMPLETE
    if problem is None or isinstance(problem, AirflowSkipException):
        return None
    return RunState.FAIL


def _job(run: RunFiles, key: Key, task_id: str, dag_id: str, image: str) -> Job:
    path = tuple(name for name, _ in key)
    return Job(
        NAMESPACE,
        f"{dag_id}.{task_id}",
        version=run.document.specification_digest(path)[:16],
        kind=JobKind.STEP,
        workflow=dag_id,
        step="/".join(path),
        image=image,
        facets={"task": {"dag_id": dag_id, "task_id": task_id}},
    )


def _context(kept: Mapping[str, Any], result: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is kept of how an execution ran; environment variables are masked already."""
    names = {
        "command": "command",
        "work": "work_directory",
        "environment": "environment",
        "native": "native_id",
        "why": "why",
        "asked": "asked",
        "last_lines": "last_lines",
    }
    found = {new: kept[old] for old, new in names.items() if kept.get(old)}
    folder = found.get("work_directory")
    if folder:
        # It is long, and stands in most arguments.
        for name in ("command", "environment"):
            if name in found:
                found[name] = replace_in(found[name], folder, WORK_DIRECTORY)
    if parameters := _parameters(result.get("inputs") or {}):
        found["parameters"] = parameters
    return found


def _inputs(run: RunFiles, key: Key) -> Mapping[str, Any]:
    from chronos_plugin.errors import ChronosError
    from chronos_plugin.execution.tasks import input_object

    try:
        return input_object(run, key) or {}
    except (ChronosError, OSError):
        return {}


def _parameters(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that are no files, unless they are long."""
    found = {name: value for name, value in values.items() if not any(_files(value)) and value is not None}
    return found if len(json.dumps(found, default=str)) <= _MOST_PARAMETERS else {}


def _files(value: Any) -> Iterator[bool]:
    if isinstance(value, Mapping):
        yield value.get("class") in ("File", "Directory")
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from _files(inner)


def _moment(seconds: Any, otherwise: datetime.datetime | None) -> datetime.datetime:
    if seconds is None:
        return otherwise or _now()
    return datetime.datetime.fromtimestamp(float(seconds), datetime.UTC)


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def _hand_over(made: Record) -> None:
    record(made, settings.load().spool_root)


def _quietly(tell: Callable[..., None], *arguments: Any, **more: Any) -> None:
    try:
        tell(*arguments, **more)
    except Exception as error:  # noqa: BLE001 - a step's work must not be lost because it could not be told
        log.warning("the history will lack this execution: %s: %s", type(error).__name__, error)
