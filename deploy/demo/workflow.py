"""Run the demo workflow in an installation and show what comes of it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from deploy.demo.errors import DemoError, NotReady
from deploy.demo.follow import Progress, Screen, follow
from deploy.demo.installation import Installation
from deploy.demo.layout import Layout

if TYPE_CHECKING:
    from chronos_plugin.client import Client

WORKFLOW = "swot_coverage"
OUTPUTS_TASK = "chronos.outputs"
DAG_TIMEOUT = 60.0
_LOG_LINES = 30
_SHOWN_FAILURES = 5
_POLL_SECONDS = 0.25


def run(installation: Installation, layout: Layout, since: datetime, pause: Callable[[float], None]) -> bool:
    """Run the demo workflow with its defaults, print its progress and its outputs.

    Args:
        installation: Where it runs.
        layout: Where the output object is kept.
        since: The installation's start; the workflow's file must have been read after it.
        pause: Waits; raises when there is no point in waiting.

    Returns:
        Whether the run succeeded.
    """
    api = installation.api
    wait_for_dag(api, since, pause)
    run_id = api.trigger(WORKFLOW)
    start = time.monotonic()
    print(f"running {WORKFLOW} through the scheduler, {run_id}", flush=True)
    screen = Screen()
    progress = Progress((str(task["task_id"]) for task in api.tasks(WORKFLOW)), plain=not screen.live)
    state = follow(
        lambda: api.run_state(WORKFLOW, run_id),
        lambda: api.task_instances(WORKFLOW, run_id),
        progress,
        screen,
        pause,
    )
    seconds = time.monotonic() - start
    if state != "success":
        print(f"\nThe run failed after {seconds:.0f} s.")
        show_failures(api, run_id)
        return False
    outputs = api.result(WORKFLOW, run_id, OUTPUTS_TASK)
    text = json.dumps(outputs, indent=2)
    layout.outputs.write_text(text + "\n", encoding="utf-8")
    print(
        f"\nThe run succeeded in {seconds:.1f} s ({progress.summary()}). Its CWL output object:\n\n{text}\n"
    )
    for line in places(outputs):
        print(line)
    return True


def wait_for_dag(api: Client, since: datetime, pause: Callable[[float], None]) -> None:
    """Return when the workflow's file, as it is now, has become a DAG.

    Raises:
        DemoError: The file cannot be imported; the message is the importer's.
        NotReady: It was not read in time.
    """
    deadline = time.monotonic() + DAG_TIMEOUT
    while time.monotonic() < deadline:
        dag = api.dag(WORKFLOW)
        # After an earlier start the database knows the DAG of an earlier file.
        if dag is not None and is_parsed(dag, since):
            return
        for error in api.import_errors():
            if Path(str(error.get("filename"))).stem == WORKFLOW and _time(error.get("timestamp")) >= since:
                raise DemoError(f"{error['filename']} cannot be imported:\n{error['stack_trace']}")
        pause(_POLL_SECONDS)
    raise NotReady(f"The DAG {WORKFLOW} was not there after {DAG_TIMEOUT:.0f} s; see dag-processor.log.")


def is_parsed(dag: dict[str, Any], since: datetime) -> bool:
    """Tell whether a DAG's file was read after ``since`` and is in the DAGs folder still."""
    return not dag.get("is_stale") and _time(dag.get("last_parsed_time")) >= since


def show_failures(api: Client, run_id: str) -> None:
    """Print the last lines of the logs of the tasks that failed, of a few when there are many."""
    failed = [entry for entry in api.task_instances(WORKFLOW, run_id) if entry.get("state") == "failed"]
    for entry in failed[:_SHOWN_FAILURES]:
        task, index = str(entry["task_id"]), int(entry["map_index"])
        print(f"\nThe last lines of {task}" + (f"[{index}]" if index >= 0 else "") + ":")
        for line in api.log_lines(WORKFLOW, run_id, task, index, int(entry["try_number"]))[-_LOG_LINES:]:
            print(f"  {line}")
    if len(failed) > _SHOWN_FAILURES:
        print(f"\n{len(failed) - _SHOWN_FAILURES} more tasks failed; their logs are in the web interface.")


def places(outputs: Any) -> list[str]:
    """Return lines that say where the files of an output object lie, shortest form first.

    The folder that they share stands once, above the names in it.
    """
    paths = sorted(set(_paths(outputs)))
    if not paths:
        return ["The run has no files."]
    folder = os.path.commonpath([os.path.dirname(path) for path in paths])
    return [f"The files, in {folder}:", *(f"  {os.path.relpath(path, folder)}" for path in paths)]


def _paths(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if value.get("class") in ("File", "Directory") and "location" in value:
            yield unquote(urlsplit(str(value["location"])).path)
        for inner in value.values():
            yield from _paths(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _paths(inner)


def _time(value: object) -> datetime:
    text = str(value) if value else "1970-01-01T00:00:00Z"
    # Python 3.11 reads the "Z".
    return datetime.fromisoformat(text)
