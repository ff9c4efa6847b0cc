"""The four kinds of task, each a function of the run and of what it is asked: the only entry points.

Airflow operators and the in-process runner call the same ones.
"""

from __future__ import annotations

import datetime
import logging
import os
import shutil
import time
import uuid
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from chronos_plugin.compiler.graph import Task
from chronos_plugin.errors import RunFailed, StepCancelled, StepFailed, StepLost
from chronos_plugin.execution import context, detached, links
from chronos_plugin.execution.bindings.decision import Placement
from chronos_plugin.execution.bindings.document import WORKER, TargetSetting
from chronos_plugin.execution.contexts import prepare_work
from chronos_plugin.execution.inputs import as_input_object, normal_requirements
from chronos_plugin.execution.process import ToolProcesses
from chronos_plugin.execution.remote import check_remote, publish_outputs, remote_again, stage_in
from chronos_plugin.execution.run import SKIPPED, SUCCESS, Run, batches
from chronos_plugin.execution.store import RESULT, Key, strip, write_json
from chronos_plugin.execution.targets.base import LOG_FILE, Job, JobState, JobStatus, Usage
from chronos_plugin.execution.targets.folder import Exit, JobFolder, completed
from chronos_plugin.execution.targets.registry import target_class
from chronos_plugin.execution.targets.script import render
from chronos_plugin.execution.tool import (
    Execution,
    complete_inputs,
    execute,
    image_of,
    step_of,
)

if TYPE_CHECKING:
    from chronos_plugin.data.location import Location

log = logging.getLogger("chronos.run")


def open_run(run: Run, given: Mapping[str, Any], requirements: Any) -> dict[str, Any]:
    """Check the input object and open the run's folder.

    Args:
        given: Values by input name, files as paths, URIs or CWL objects.
        requirements: ``cwl:requirements`` of the input object, as a list or by class.

    Returns:
        The completed input object.

    Raises:
        InputInvalid: If it does not fit the process, or files are not there; all of them are named.
        TransferFailed: If a storage does not say whether they are.
    """
    scope = run.scope(())
    if scope is None:
        raise RunFailed(f"{run.document.file.name} has no inputs")
    record = {
        "document": run.document.digest,
        "file": str(run.document.file),
        "started": datetime.datetime.now(datetime.UTC).isoformat(),
        "requirements": normal_requirements(requirements),
    }
    write_json(run.store.root / "run.json", record)
    specification = run.specification(())
    inputs = as_input_object(given, scope.shell["inputs"], specification, run)
    check_remote(run, inputs)
    completed = complete_inputs(run, specification, scope, inputs, toplevel=True)
    check_remote(run, {name: value for name, value in completed.items() if name not in inputs})
    write_json(run.store.root / "inputs.json", completed)
    return completed


def lay_out_scatter(run: Run, task: Task) -> tuple[int, int, int]:
    """Evaluate a scattered step; keep what each of its task instances handles.

    Returns:
        The number of task instances, of elements to run, and of elements that ``when`` skips.
    """
    keys: list[Key] = []
    skipped = 0
    name = task.step[-1]
    for parent in run.instances(task):
        plan = run.lay_out(parent, task.step)
        left_out = set(plan["skipped"])
        skipped += len(left_out)
        keys.extend((*parent, (name, i)) for i in range(plan["count"]) if i not in left_out)
    parts = batches(keys, batch=task.execution.batch, limit=run.options.max_scatter_tasks)
    return run.store.write_batches(task.id, parts), len(keys), skipped


def run_step(
    run: Run, key: Key, processes: ToolProcesses, *, airflow_try: int | None = None
) -> dict[str, Any]:
    """Execute a step once (one scatter element, where it is scattered), in this process.

    Args:
        airflow_try: Number of the task instance's try, for the record.

    Returns:
        The result: ``status`` (``success`` or ``skipped``), ``inputs``, ``outputs``, and for an
        execution ``command``, ``exit_code``, ``usage``, ``work``.

    Raises:
        StepFailed, CwlUnsupported: As :func:`chronos_plugin.execution.tool.execute`.
    """
    specification = run.specification(tuple(name for name, _ in key))
    inputs = input_object(run, key)
    if inputs is None:
        return _skipped(run, key)
    _require_own_files(run, inputs)
    work = prepare_work(_fresh(run.store.work(key)))
    image = image_of(step_of(specification))
    node = os.uname().nodename
    context.begin(run.store, key, work, target=WORKER, node=node, image=image, airflow_try=airflow_try)
    processes.on_start = partial(context.update, run.store, key, work)
    try:
        staged = stage_in(run, inputs, lambda: processes.cancelled)
        execution = execute(run, specification, staged, work, processes)
    except StepFailed as error:
        _ended(run, key, work, error, usage=asdict(processes.usage))
        raise
    return _succeeded(run, key, inputs, execution)


def prepare_step(
    run: Run,
    key: Key,
    setting: TargetSetting,
    placement: Placement,
    name: str,
    *,
    generation: int = 0,
    labels: Mapping[str, str] | None = None,
    airflow_try: int | None = None,
) -> JobFolder | dict[str, Any]:
    """Prepare a step's execution by a target, or return its result where nothing is to be executed.

    Args:
        name: Of the job, for people.
        generation: Changes when somebody wants the step executed anew.
        labels: Of the job: ``dag_id``, ``run_id``, ``task_id``, ``map_index`` of its task instance.
        airflow_try: Number of the task instance's try, for the record.

    Raises:
        StepFailed, CwlUnsupported: As :func:`chronos_plugin.execution.tool.execute`.
    """
    specification = run.specification(tuple(name for name, _ in key))
    inputs = input_object(run, key)
    if inputs is None:
        return _skipped(run, key)
    _require_own_files(run, inputs)
    work = prepare_work(_fresh(run.store.work(key)))
    kind = target_class(setting.kind)
    how = detached.Elsewhere(
        engine=setting.container_engine or run.options.container_engine,
        image_by_target=kind.runs_images,
        default_image=setting.options.get("default_image"),
    )
    context.begin(run.store, key, work, target=setting.name, why=placement.why, airflow_try=airflow_try)
    try:
        inputs = stage_in(run, inputs)
        prepared = detached.prepare(run, specification, inputs, work, how)
    except StepFailed as error:
        _ended(run, key, work, error)
        raise
    if isinstance(prepared, Execution):
        return _succeeded(run, key, inputs, prepared)
    job = Job(
        id=f"chronos-{uuid.uuid4().hex[:20]}",
        name=name,
        folder=work,
        resources=prepared.resources,
        options=placement.options,
        image=prepared.image if how.image_by_target else None,
        labels=labels or {},
    )
    folder = JobFolder(work)
    script = render(prepared.command, work, os.environ.get("PATH", ""), guarded=kind.guards)
    record = {"elsewhere": asdict(how), "inputs": strip(inputs), "generation": generation}
    folder.write_job(job, setting.name, script, record)
    context.update(
        run.store,
        key,
        work,
        job=job.id,
        command=list(prepared.command.arguments),
        environment=dict(prepared.command.environment),
        image=prepared.image,
        asked=asdict(prepared.resources),
    )
    return folder


def last_try(run: Run, key: Key) -> JobFolder | None:
    """Return the last try of an execution if a target runs or ran it, else None."""
    tries = sorted(run.store.work(key).glob("try-*"), key=context.number_of)
    folder = JobFolder(tries[-1]) if tries else None
    return folder if folder is not None and folder.prepared else None


def collect_step(run: Run, key: Key, folder: JobFolder, status: JobStatus) -> dict[str, Any]:
    """Read the outputs of an execution that a target has ended; the result is as :func:`run_step`'s.

    Raises:
        StepFailed, StepFailedTemporarily: If the tool failed or its outputs are not right.
        StepLost: If the tool was not run to its end, through no fault of its own.
    """
    _, target, record = folder.job()
    ended = folder.exit()
    final = completed(status, ended)
    facts = {
        "native": (folder.submission() or {}).get("native"),
        "node": final.node,
        "image_found": folder.image(),
        "usage": _known(final.usage),
        "reason": final.reason,
        "last_lines": context.last_lines(folder.path / LOG_FILE),
    }
    try:
        if ended is None:
            raise _not_ended(target, status)
        interrupted = _interrupted(folder, target, status, ended)
        if interrupted is not None:
            raise interrupted
        how = detached.Elsewhere(**record["elsewhere"])
        specification = run.specification(tuple(name for name, _ in key))
        execution = detached.collect(run, specification, record["inputs"], folder.path, ended, how)
    except StepFailed as error:
        if final.reason and final.reason not in str(error):
            error.args = (f"{error}: {final.reason}",)
        _ended(run, key, folder.path, error, **facts)
        raise
    execution.usage = _known(final.usage)
    result = _succeeded(run, key, record["inputs"], execution, **facts)
    folder.conclude("success")
    return result


def _known(usage: Usage) -> dict[str, float]:
    names = {"cpu_seconds": "cpu_seconds", "max_rss": "max_rss_bytes", "wall_seconds": "wall_seconds"}
    return {names[k]: v for k, v in asdict(usage).items() if v is not None}


def _ended(run: Run, key: Key, work: Path, error: StepFailed, **facts: Any) -> None:
    """Keep that a try has failed."""
    JobFolder(work).conclude("failed", message=str(error), exit_code=error.exit_code)
    facts.setdefault("last_lines", [])
    more = {"state": "failed", "ended": time.time(), "exit_code": error.exit_code, "message": str(error)}
    context.update(run.store, key, work, **more, **facts)


def _not_ended(target: str, status: JobStatus) -> StepFailed:
    said = status.reason or status.native_state or status.state
    if status.state is JobState.CANCELLED:
        return StepCancelled(f"cancelled on target {target}: {said}", exit_code=status.exit_code)
    if status.state is JobState.REFUSED:
        return StepFailed(f"target {target} refused the job: {said}")
    return StepLost(f"target {target} ended the job before its tool had ended: {said}")


def _interrupted(folder: JobFolder, target: str, status: JobStatus, ended: Exit) -> StepFailed | None:
    """Return what to raise where the tool ended since somebody asked it to; None where it ended by itself."""
    if ended.exit_code == 0 or not (ended.asked or status.infrastructure):
        return None
    if status.state is JobState.CANCELLED or folder.wish() == "cancel":
        by = "as somebody asked CHRONOS to" if folder.wish() == "cancel" else status.reason or "from outside"
        return StepCancelled(f"cancelled on target {target}: {by}", exit_code=ended.exit_code)
    if status.infrastructure or not status.reason:
        how = f"signal {ended.asked}" if ended.asked else f"exit code {ended.exit_code}"
        return StepLost(f"target {target} ended the job before its tool had ended ({how})")
    return StepFailed(f"target {target} ended the tool", exit_code=ended.exit_code)


def _skipped(run: Run, key: Key) -> dict[str, Any]:
    ports = links.ports(run.step(tuple(name for name, _ in key)))
    result: dict[str, Any] = {"status": SKIPPED, "outputs": dict.fromkeys(ports)}
    run.store.write(key, RESULT, result)
    return result


def _succeeded(
    run: Run, key: Key, inputs: dict[str, Any], execution: Execution, **facts: Any
) -> dict[str, Any]:
    ports = links.ports(run.step(tuple(name for name, _ in key)))
    shutil.rmtree(Path(execution.work) / "tmp", ignore_errors=True)
    result = {
        "status": SUCCESS,
        "inputs": remote_again(run, strip(inputs)),
        "outputs": remote_again(run, {port: execution.outputs.get(port) for port in ports}),
        "command": execution.command,
        "exit_code": execution.exit_code,
        "usage": execution.usage,
        "work": execution.work,
    }
    run.store.write(key, RESULT, result)
    more = {"state": SUCCESS, "ended": time.time(), "usage": execution.usage, **facts}
    context.update(run.store, key, Path(execution.work), exit_code=execution.exit_code, **more)
    return result


def close_run(run: Run, place: Path | Location) -> dict[str, Any]:
    """Collect the workflow's outputs, publish their files to ``place``, return the output object.

    Raises:
        RunFailed: If they cannot be published.
        StepFailed: If an input that is an output too cannot be fetched.
    """
    published = publish_outputs(run, run.scope_outputs(()), place)
    write_json(run.store.root / "outputs.json", published)
    return published


def input_object(run: Run, key: Key) -> dict[str, Any] | None:
    """Return the input object of one execution; None if ``when`` skips it."""
    parent, (name, index) = key[:-1], key[-1]
    if run.scope_inputs(parent) is None:
        return None
    if index is not None:
        value = run.store.element((*parent, (name, None)), index)
        return None if value is None else dict(value)
    return next(run.plan(parent, tuple(n for n, _ in key)))


def _require_own_files(run: Run, value: Any) -> None:
    """Refuse inputs that the run itself made and whose work directory has been removed since."""
    if isinstance(value, list):
        for inner in value:
            _require_own_files(run, inner)
    elif isinstance(value, Mapping):
        location = str(value.get("location") or "")
        path = Path(unquote(urlsplit(location).path)) if location.startswith("file:") else None
        if path is not None and path.is_relative_to(run.store.root) and not os.path.lexists(path):
            raise StepFailed(
                f"{path} is gone: the work directories of this run have been removed (options keep_work and "
                "keep_work_days of [chronos]); clear the steps before this one too, or the whole run"
            )
        for inner in value.values():
            _require_own_files(run, inner)


def _fresh(folder: Path) -> Path:
    """Return a new sub-folder for the next try; earlier tries stay for comparison."""
    folder.mkdir(parents=True, exist_ok=True)
    number = 1
    while True:
        candidate = folder / f"try-{number}"
        try:
            candidate.mkdir()
        except FileExistsError:
            number += 1
        else:
            return candidate
