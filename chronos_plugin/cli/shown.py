"""How the commands that ask the history show what they found."""

from __future__ import annotations

import datetime
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chronos_plugin.client.history import RemoteHistory
    from chronos_plugin.db.store.history import History
    from chronos_plugin.lineage.model import Dataset, Run
    from chronos_plugin.lineage.questions import Lineage

    Asked = History | RemoteHistory

_SHORT = 60


def print_lineage(found: Lineage, start: Dataset, as_json: bool, *, back: bool) -> None:
    """Print lineage as a tree, or as JSON."""
    if as_json:
        print_json(
            {
                "datasets": [dataset_value(d) for d in found.datasets.values()],
                "runs": [run_value(r) for r in found.runs.values()],
                "reads": found.reads,
                "writes": found.writes,
                "shown": found.shown,
                "at_least": found.at_least,
                "cut": found.cut,
                "open": found.open,
            }
        )
        return
    from chronos_plugin.cli.tree import lineage_lines

    for line in lineage_lines(found, start.id or 0, back=back):
        print(line)
    if found.cut:
        print(
            f"first {found.shown:,} of {found.at_least:,} or more; raise --limit, or ask on from an id above"
        )
    elif found.open:
        print(f"{len(found.open)} datasets at the end may lead on; raise --depth, or ask on from an id above")


def run_value(run: Run) -> dict[str, Any]:
    """Return a run as ``--json`` shows it."""
    job, usage = run.job, run.usage
    return {
        "id": str(run.id),
        "job": job.name,
        "kind": job.kind.value,
        "workflow": job.workflow,
        "step": job.step,
        "version": job.version,
        "image": job.image,
        "state": run.state.name,
        "started": run.started.isoformat(),
        "ended": run.ended.isoformat() if run.ended else None,
        "parent": str(run.parent) if run.parent else None,
        "attempt": run.attempt,
        "map_index": run.map_index,
        "element": run.element,
        "target": run.target,
        "node": run.node,
        "exit_code": run.exit_code,
        "cpu_seconds": usage.cpu_seconds,
        "max_rss_bytes": usage.max_rss_bytes,
        "wait_seconds": usage.wait_seconds,
        "error": run.error,
        "number": run.number,
    }


def dataset_value(dataset: Dataset) -> dict[str, Any]:
    """Return a dataset as ``--json`` shows it."""
    return {
        "id": dataset.id,
        "name": dataset.name,
        "type": dataset.type,
        "location": dataset.location,
        "locations": list(dataset.locations),
        "size": dataset.size,
        "checksum": dataset.checksum,
        "version": dataset.version,
        "attributes": dict(dataset.attributes),
    }


def links_value(run: Run) -> list[dict[str, Any]]:
    """Return inputs and outputs as ``--json`` shows them."""
    return [
        {
            "direction": link.direction.value,
            "port": link.port,
            "id": link.dataset.id,
            "location": link.dataset.location,
        }
        for link in run.links or ()
    ]


def log_place(history: Asked, run: Run) -> str:
    """Return where the log of a step's run is: a URL, or Airflow's file by its default template."""
    from chronos_plugin.client.history import RemoteHistory

    if isinstance(history, RemoteHistory):
        return history.log_place(run.id)
    from airflow.configuration import conf

    task = run.job.facets.get("task")
    if not task or run.parent is None:
        return ""
    workflow = history.run(run.parent).facets.get("airflow") or {}
    if "run_id" not in workflow:
        return ""
    parts = [f"dag_id={task['dag_id']}", f"run_id={workflow['run_id']}", f"task_id={task['task_id']}"]
    parts += [f"map_index={run.map_index}"] if run.map_index >= 0 else []
    folder = conf.get("logging", "base_log_folder")
    return "/".join([folder, *parts, f"attempt={run.attempt}.log"])


def print_json(value: Any) -> None:
    """Print a value as JSON."""
    print(json.dumps(value, indent=2, default=str))


def short(value: Any) -> str:
    """Return a value as one cell of a table."""
    text = "" if value is None else value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= 2 * _SHORT else text[: 2 * _SHORT] + "…"


def time(moment: datetime.datetime) -> str:
    """Return a moment as tables show it."""
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def seconds(run: Run) -> str:
    """Return how long a run took, as tables show it."""
    return "" if run.duration is None else f"{run.duration:.1f}"
