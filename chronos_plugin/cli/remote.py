"""Running a document through the scheduler and workers of a running CHRONOS.

Neither the CWL library nor Airflow is imported here: the server compiles, the workers run.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from chronos_plugin.cli.delivery import deliver
from chronos_plugin.client import Client
from chronos_plugin.client.bundle import name_of, pack
from chronos_plugin.cwl.references import collect_bundle
from chronos_plugin.errors import CwlInvalid, CwlUnsupported, RunFailed, ServiceFailed
from chronos_plugin.execution.job import load_job

DAG_TIMEOUT = 60.0
_LOG_LINES = 20
_LOGS = 3
_PAUSE = 0.2


def run_remotely(options: argparse.Namespace, job_arguments: list[str]) -> dict[str, Any] | None:
    """Deploy, start, follow, fetch; return the output object (None after ``--validate``).

    Raises:
        ChronosError: If any of these fails.
    """
    job = load_job(options.process, options.job, job_arguments)
    path, _, fragment = job.process.partition("#")
    client = Client(options.server)
    client.log_in()
    say = (lambda _: None) if options.quiet else _say
    dag_id = deploy(client, Path(path), fragment, dry_run=options.validate)
    if options.validate:
        say(f"{path}: valid")
        return None
    dag = client.dag(dag_id)
    if dag and dag["is_paused"]:
        # Airflow's default for DAGs that it sees for the first time; this one is there to be run.
        client.resume_dag(dag_id)
    values = job.values(lambda: client.input_schemas(dag_id))
    if job.requirements:
        values["cwl:requirements"] = job.requirements
    run_id = client.trigger(dag_id, values)
    say(f"run {run_id} of {dag_id}")
    previous = signal.signal(signal.SIGTERM, _interrupt)
    try:
        state = follow(client, dag_id, run_id, say)
    except KeyboardInterrupt:
        _say("cancelling the run")
        client.stop_run(dag_id, run_id)
        raise
    finally:
        signal.signal(signal.SIGTERM, previous)
    if state != "success":
        raise _failure(client, dag_id, run_id)
    outputs = client.outputs(dag_id, run_id)
    if outputs is None:
        raise ServiceFailed(f"run {run_id} succeeded, but its outputs are not there")
    return deliver(outputs, Path(options.outdir))


def deploy(
    client: Client, file: Path, fragment: str, *, name: str | None = None, dry_run: bool = False
) -> str:
    """Send a document with all that it includes; wait until its DAG can be started; return the DAG's id.

    Args:
        name: The DAG's id; default: from the file's name and content, so that the same document sent
            again is the same DAG.

    Raises:
        CwlInvalid, CwlUnsupported: If the document does not compile.
        ServiceFailed: If the DAG does not appear.
    """
    bundle = collect_bundle(file)
    files = [*bundle.files]
    for folder in bundle.directories:
        files += [p for p in folder.rglob("*") if p.is_file()]
    archive = pack(bundle.base, files)
    if name is None:
        name = name_of(archive, fragment, file.stem)
    root = bundle.root_file.relative_to(bundle.base).as_posix()
    before = None if dry_run else client.dag(name)
    try:
        deployed = client.deploy(name, archive, root, fragment, dry_run=dry_run)
    except CwlInvalid as error:
        # Where a file is missing, this side sees which one may have been meant. A missing default is no
        # error as long as the input is given, so the server decides.
        raise bundle.errors[0] if bundle.errors else error from error
    if not dry_run:
        parsed = before["last_parsed_time"] if before and deployed["created"] else None
        _wait_for_dag(client, name, root, parsed)
    return name


def follow(client: Client, dag_id: str, run_id: str, say: Any) -> str:
    """Tell what changes until a run ends; return its last state."""
    told: dict[str, str] = {}
    pause = _PAUSE
    while True:
        asked = time.monotonic()
        state = client.run_state(dag_id, run_id)
        counts: dict[str, Counter[str]] = {}
        for instance in client.task_instances(dag_id, run_id):
            counts.setdefault(instance["task_id"], Counter())[str(instance["state"] or "waiting")] += 1
        changed = {task: _summary(states) for task, states in counts.items()}
        for task, text in changed.items():
            if text and told.get(task) != text:
                say(f"{task}: {text}")
                pause = _PAUSE
        told.update(changed)
        if state in ("success", "failed"):
            return state
        # A run of many tasks takes several requests: the server should have most of its time for others.
        time.sleep(max(pause, 2 * (time.monotonic() - asked)))
        pause = min(pause * 1.3, 5.0)


def _summary(states: Counter[str]) -> str:
    total = states.total()
    if total == 1:
        state = next(iter(states))
        return state if state in ("running", "success", "failed", "skipped", "upstream_failed") else ""
    parts = [f"{states['success']}/{total} done"]
    parts += [f"{states[s]} {s}" for s in ("failed", "skipped", "upstream_failed") if states[s]]
    return ", ".join(parts) if states["success"] or len(parts) > 1 else ""


def _wait_for_dag(client: Client, name: str, root: str, parsed: str | None) -> None:
    """Wait until the DAG can be started; ``parsed``: when its former content was last read."""
    deadline, pause = time.monotonic() + DAG_TIMEOUT, 0.1
    while not _is_current(dag := client.dag(name), parsed):
        error = (
            client.import_error(f"/{name}/{root}")
            if pause > 1 or (dag and dag["has_import_errors"])
            else None
        )
        if error:
            raise ServiceFailed(f"the server cannot import the document:\n{error}")
        if time.monotonic() > deadline:
            raise ServiceFailed(
                f"DAG {name} did not appear within {DAG_TIMEOUT:.0f} s: is the DAG processor up?"
            )
        time.sleep(pause)
        pause = min(pause * 1.2, 2.0)


def _is_current(dag: Any, parsed: str | None) -> bool:
    return bool(
        dag and not dag["is_stale"] and not dag["has_import_errors"] and dag["last_parsed_time"] != parsed
    )


def _failure(client: Client, dag_id: str, run_id: str) -> Exception:
    recorded = client.error(dag_id, run_id)
    if recorded and recorded.get("kind") == CwlUnsupported.kind:
        return CwlUnsupported(str(recorded["message"]))
    failed = [i for i in client.task_instances(dag_id, run_id) if i["state"] == "failed"]
    for instance in failed[:_LOGS]:
        which = f"[{instance['map_index']}]" if instance["map_index"] >= 0 else ""
        print(f"--- last lines of {instance['task_id']}{which}", file=sys.stderr)
        task, index, attempt = instance["task_id"], instance["map_index"], instance["try_number"]
        for line in client.log_lines(dag_id, run_id, task, index, attempt)[-_LOG_LINES:]:
            print(f"    {line}", file=sys.stderr)
    if len(failed) > _LOGS:
        print(f"--- and {len(failed) - _LOGS} other failed tasks", file=sys.stderr)
    said = f": {recorded['message']}" if recorded else ""
    return RunFailed(f"run {run_id} of {dag_id} failed{said}")


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _say(message: str) -> None:
    print(f"chronos: {message}", file=sys.stderr)
