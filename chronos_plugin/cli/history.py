"""What the commands do that ask the history: ``lineage``, ``runs``, ``datasets``, ``activity``."""

from __future__ import annotations

import datetime
import json
import sys
from argparse import Namespace
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from chronos_plugin.cli.output import plainly, print_table
from chronos_plugin.errors import InputInvalid

if TYPE_CHECKING:
    from chronos_plugin.db.store.history import History
    from chronos_plugin.lineage.model import Dataset, Run
    from chronos_plugin.lineage.questions import Lineage

_COUNTED = 8
_SHORT = 60


@plainly
def ancestors(arguments: Namespace) -> None:
    """Print what a dataset was made from."""
    history, dataset = _one(arguments.dataset)
    found = history.ancestors(dataset.id or 0, depth=arguments.depth, limit=arguments.limit)
    _print_lineage(found, dataset, arguments.json, back=True)


@plainly
def descendants(arguments: Namespace) -> None:
    """Print what was made from a dataset."""
    history, dataset = _one(arguments.dataset)
    found = history.descendants(dataset.id or 0, depth=arguments.depth, limit=arguments.limit)
    _print_lineage(found, dataset, arguments.json, back=False)


@plainly
def import_events(arguments: Namespace) -> int:
    """Hand OpenLineage events over to the recorder."""
    from chronos_plugin import settings
    from chronos_plugin.lineage.openlineage import record_of_event
    from chronos_plugin.lineage.recording import record

    spool = settings.load().spool_root
    told = {"recorded": 0, "without a run": 0, "failed": 0}
    for event in _events(arguments.file):
        made = record_of_event(event)
        told["without a run" if made is None else "recorded" if record(made, spool) else "failed"] += 1
    if arguments.json:
        print(json.dumps(told))
    else:
        print(", ".join(f"{count} events {word}" for word, count in told.items() if count) or "no events")
    return 1 if told["failed"] else 0


@plainly
def list_runs(arguments: Namespace) -> None:
    """Print a page of runs, and how many fit by facet."""
    from chronos_plugin.db.store.history import History
    from chronos_plugin.lineage.model import RunState
    from chronos_plugin.lineage.questions import RunFilter

    names = ("kind", "workflow", "step", "version", "image", "target", "node", "error")
    state = arguments.state.upper() if arguments.state else None
    if state is not None and state not in RunState.__members__:
        raise InputInvalid(f"--state: write one of {', '.join(s.name.lower() for s in RunState)}")
    words: dict[str, Any] = {name: getattr(arguments, name) or "" for name in names}
    wanted = RunFilter(
        state=RunState[state] if state else None,
        since=_moment(arguments.since),
        until=_moment(arguments.until),
        **words,
    )
    page = History().runs(wanted, limit=arguments.limit, cursor=arguments.cursor)
    if arguments.json:
        _print_json({"runs": [_run(r) for r in page.runs], "next": page.next, "counts": page.counts})
        return
    for name, counts in (page.counts or {}).items():
        if len(counts) > 1:
            shown = [f"{value[:_SHORT]} {count:,}" for value, count in list(counts.items())[:_COUNTED]]
            print(f"{name}: {', '.join(shown)}{' …' if len(counts) > _COUNTED else ''}")
    print_table(
        ("RUN", "JOB", "STATE", "STARTED", "SECONDS", "TARGET", "NODE"),
        [
            (str(r.id), r.job.name, r.state.name, _time(r.started), _seconds(r), r.target, r.node)
            for r in page.runs
        ],
    )
    if page.next:
        print(f"more: --cursor {page.next}")


@plainly
def show_run(arguments: Namespace) -> None:
    """Print one run: context, inputs, outputs, where its log is."""
    from chronos_plugin.db.store.history import History

    history = History()
    run = history.run(_identity(arguments.run))
    log = _log_place(history, run)
    if arguments.json:
        _print_json({**_run(run), "log": log, "links": _links(run), "facets": dict(run.facets)})
        return
    rows = [(k, str(v)) for k, v in _run(run).items() if v not in (None, "", -1)]
    rows += [("log", log)] if log else []
    context = run.facets.get("context") or {}
    rows += [("command", " ".join(context["command"]))] if context.get("command") else []
    rows += [("work directory", context["work_directory"])] if context.get("work_directory") else []
    print_table(("RUN", str(run.id)), rows[1:])
    print()
    print_table(
        ("", "PORT", "DATASET", "LOCATION"),
        [(link["direction"], link["port"], str(link["id"]), link["location"]) for link in _links(run)],
    )


@plainly
def diff_runs(arguments: Namespace) -> int:
    """Print why two runs differ; status 1 if they do."""
    from chronos_plugin.db.store.history import History

    found = History().compare(_identity(arguments.first), _identity(arguments.second))
    if arguments.json:
        _print_json([vars(d) for d in found])
    elif found:
        rows = [(d.what, _value(d.first), _value(d.second)) for d in found]
        print_table(("WHAT", "FIRST", "SECOND"), rows)
    else:
        print("no difference in job, place, inputs, parameters and results")
    return 1 if found else 0


@plainly
def find_datasets(arguments: Namespace) -> None:
    """Print a page of datasets."""
    from chronos_plugin.db.store.history import History
    from chronos_plugin.lineage.questions import DatasetFilter

    wanted = DatasetFilter(
        text=" ".join(arguments.words),
        type=arguments.type or "",
        attributes=dict(_attribute(text) for text in arguments.attribute or ()),
        checksum=arguments.checksum or "",
        since=_moment(arguments.since),
        until=_moment(arguments.until),
    )
    page = History().datasets(wanted, limit=arguments.limit, cursor=arguments.cursor)
    if arguments.json:
        _print_json({"datasets": [_dataset(d) for d in page.datasets], "next": page.next})
        return
    print_table(
        ("DATASET", "NAME", "TYPE", "BYTES"),
        [(str(d.id), d.name, d.type, "" if d.size is None else f"{d.size:,}") for d in page.datasets],
    )
    if page.next:
        print(f"more: --cursor {page.next}")


@plainly
def show_dataset(arguments: Namespace) -> None:
    """Print one dataset and the run that made it."""
    history, dataset = _one(arguments.dataset)
    dataset = history.dataset(dataset.id or 0)
    producer = history.producer(dataset.id or 0)
    if arguments.json:
        made_by = _run(producer) if producer else None
        _print_json({**_dataset(dataset), "facets": dict(dataset.facets), "producer": made_by})
        return
    rows = [(k, str(v)) for k, v in _dataset(dataset).items() if v not in (None, "", [], {})]
    rows += [(f"facet {name}", _value(value)) for name, value in dataset.facets.items()]
    rows.append(("made by", f"{producer.job.name} {producer.id}" if producer else "no known run"))
    print_table(("DATASET", dataset.name), rows)


@plainly
def activity(arguments: Namespace) -> None:
    """Print what was done between two dates."""
    from chronos_plugin.db.store.history import History

    until = _moment(arguments.until) or datetime.datetime.now(datetime.UTC)
    since = _moment(arguments.since) or until - datetime.timedelta(days=30)
    buckets = History().activity(since, until, by_hour=arguments.hours)
    if arguments.json:
        _print_json([{**vars(b), "period": b.period.isoformat(), "state": b.state.name} for b in buckets])
        return
    shown = "%Y-%m-%d %H:00" if arguments.hours else "%Y-%m-%d"
    rows = [
        (
            f"{b.period:{shown}}",
            b.workflow,
            b.step,
            b.state.name,
            f"{b.runs:,}",
            f"{b.cpu_seconds / 3600:,.1f}",
            f"{b.outputs:,}",
            f"{b.output_bytes / 1e9:,.1f}",
        )
        for b in buckets
    ]
    print_table(("PERIOD", "WORKFLOW", "STEP", "STATE", "RUNS", "CPU-h", "OUTPUTS", "GB"), rows)


# -- what is asked for -----------------------------------------------------------------------------


def _one(text: str) -> tuple[History, Dataset]:
    """Return the dataset that a word of the command line means: an id, a path, a URI, or a name."""
    from chronos_plugin.db.store.history import History

    history = History()
    if text.isdigit():
        return history, history.dataset(int(text))
    found = history.datasets_at(text) if "/" in text else history.named(text)
    if not found:
        raise InputInvalid(f"{text}: the history knows no such dataset")
    if len({(d.namespace, d.path) for d in found}) > 1:
        places = "\n".join(f"  {d.id}  {d.location}" for d in found[:_COUNTED])
        raise InputInvalid(f"{text}: there are several; write an id or a location\n{places}")
    return history, found[0]


def _identity(text: str) -> UUID | int:
    if text.isdigit():
        return int(text)
    try:
        return UUID(text)
    except ValueError as error:
        raise InputInvalid(f"{text}: no id of a run; airflow chronos runs list shows them") from error


def _moment(text: str | None) -> datetime.datetime | None:
    if not text:
        return None
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError as error:
        raise InputInvalid(f"{text}: write a date as 2026-03-01 or 2026-03-01T12:00:00Z") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)


def _attribute(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise InputInvalid(f"--attribute {text}: write NAME=VALUE")
    return name, value


def _events(file: str) -> Iterable[Any]:
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except OSError as error:
        raise InputInvalid(f"{file}: cannot be read: {error.strerror}") from error
    try:
        whole = json.loads(text)
        return whole if isinstance(whole, list) else [whole]
    except ValueError:
        pass
    try:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    except ValueError as error:
        raise InputInvalid(f"{file}: neither JSON nor JSON lines: {error}") from error


# -- what is shown ---------------------------------------------------------------------------------


def _print_lineage(found: Lineage, start: Dataset, as_json: bool, *, back: bool) -> None:
    if as_json:
        _print_json(
            {
                "datasets": [_dataset(d) for d in found.datasets.values()],
                "runs": [_run(r) for r in found.runs.values()],
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


def _run(run: Run) -> dict[str, Any]:
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


def _dataset(dataset: Dataset) -> dict[str, Any]:
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


def _links(run: Run) -> list[dict[str, Any]]:
    return [
        {
            "direction": link.direction.value,
            "port": link.port,
            "id": link.dataset.id,
            "location": link.dataset.location,
        }
        for link in run.links or ()
    ]


def _log_place(history: History, run: Run) -> str:
    """Return where Airflow keeps the log of a step's run, by its default template."""
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


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, default=str))


def _value(value: Any) -> str:
    text = "" if value is None else value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= 2 * _SHORT else text[: 2 * _SHORT] + "…"


def _time(moment: datetime.datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def _seconds(run: Run) -> str:
    return "" if run.duration is None else f"{run.duration:.1f}"
