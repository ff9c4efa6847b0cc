"""What the commands do that ask the history: ``lineage``, ``runs``, ``datasets``, ``activity``."""

from __future__ import annotations

import datetime
import json
import os
import sys
from argparse import Namespace
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from chronos_plugin.cli.output import moment, plainly, print_table
from chronos_plugin.cli.shown import (
    dataset_value,
    links_value,
    log_place,
    print_json,
    print_lineage,
    run_value,
    seconds,
    short,
    time,
)
from chronos_plugin.errors import InputInvalid

if TYPE_CHECKING:
    from chronos_plugin.client.history import RemoteHistory
    from chronos_plugin.db.store.history import History
    from chronos_plugin.lineage.model import Dataset

    Asked = History | RemoteHistory

_COUNTED = 8
_SHORT = 60


@plainly
def ancestors(arguments: Namespace) -> None:
    """Print what a dataset was made from."""
    history, dataset = _one(arguments)
    found = history.ancestors(dataset.id or 0, depth=arguments.depth, limit=arguments.limit)
    print_lineage(found, dataset, arguments.json, back=True)


@plainly
def descendants(arguments: Namespace) -> None:
    """Print what was made from a dataset."""
    history, dataset = _one(arguments)
    found = history.descendants(dataset.id or 0, depth=arguments.depth, limit=arguments.limit)
    print_lineage(found, dataset, arguments.json, back=False)


@plainly
def import_events(arguments: Namespace) -> int:
    """Hand OpenLineage events over to the recorder."""
    told = _told_there(arguments) if _server(arguments) else _told_here(arguments.file)
    if arguments.json:
        print(json.dumps(told))
    else:
        print(", ".join(f"{count} events {word}" for word, count in told.items() if count) or "no events")
    return 1 if told["failed"] else 0


@plainly
def list_runs(arguments: Namespace) -> None:
    """Print a page of runs, and how many fit by facet."""
    from chronos_plugin.lineage.model import RunState
    from chronos_plugin.lineage.questions import RunFilter

    names = ("kind", "workflow", "step", "version", "image", "target", "node", "error")
    state = arguments.state.upper() if arguments.state else None
    if state is not None and state not in RunState.__members__:
        raise InputInvalid(f"--state: write one of {', '.join(s.name.lower() for s in RunState)}")
    words: dict[str, Any] = {name: getattr(arguments, name) or "" for name in names}
    wanted = RunFilter(
        state=RunState[state] if state else None,
        since=moment_of(arguments.since),
        until=moment_of(arguments.until),
        **words,
    )
    page = _history(arguments).runs(wanted, limit=arguments.limit, cursor=arguments.cursor)
    if arguments.json:
        print_json({"runs": [run_value(r) for r in page.runs], "next": page.next, "counts": page.counts})
        return
    for name, counts in (page.counts or {}).items():
        if len(counts) > 1:
            shown = [f"{value[:_SHORT]} {count:,}" for value, count in list(counts.items())[:_COUNTED]]
            print(f"{name}: {', '.join(shown)}{' …' if len(counts) > _COUNTED else ''}")
    print_table(
        ("RUN", "JOB", "STATE", "STARTED", "SECONDS", "TARGET", "NODE"),
        [
            (str(r.id), r.job.name, r.state.name, time(r.started), seconds(r), r.target, r.node)
            for r in page.runs
        ],
    )
    if page.next:
        print(f"more: --cursor {page.next}")


@plainly
def show_run(arguments: Namespace) -> None:
    """Print one run: context, inputs, outputs, where its log is."""
    history = _history(arguments)
    run = history.run(identity_of(arguments.run))
    log = log_place(history, run)
    if arguments.json:
        print_json({**run_value(run), "log": log, "links": links_value(run), "facets": dict(run.facets)})
        return
    rows = [(k, str(v)) for k, v in run_value(run).items() if v not in (None, "", -1)]
    rows += [("log", log)] if log else []
    context = run.facets.get("context") or {}
    rows += [("command", " ".join(context["command"]))] if context.get("command") else []
    rows += [("work directory", context["work_directory"])] if context.get("work_directory") else []
    print_table(("RUN", str(run.id)), rows[1:])
    print()
    print_table(
        ("", "PORT", "DATASET", "LOCATION"),
        [(link["direction"], link["port"], str(link["id"]), link["location"]) for link in links_value(run)],
    )


@plainly
def diff_runs(arguments: Namespace) -> int:
    """Print why two runs differ; status 1 if they do."""
    found = _history(arguments).compare(identity_of(arguments.first), identity_of(arguments.second))
    if arguments.json:
        print_json([vars(d) for d in found])
    elif found:
        rows = [(d.what, short(d.first), short(d.second)) for d in found]
        print_table(("WHAT", "FIRST", "SECOND"), rows)
    else:
        print("no difference in job, place, inputs, parameters and results")
    return 1 if found else 0


@plainly
def find_datasets(arguments: Namespace) -> None:
    """Print a page of datasets."""
    from chronos_plugin.lineage.questions import DatasetFilter

    wanted = DatasetFilter(
        text=" ".join(arguments.words),
        type=arguments.type or "",
        attributes=dict(_attribute(text) for text in arguments.attribute or ()),
        checksum=arguments.checksum or "",
        since=moment_of(arguments.since),
        until=moment_of(arguments.until),
    )
    page = _history(arguments).datasets(wanted, limit=arguments.limit, cursor=arguments.cursor)
    if arguments.json:
        print_json({"datasets": [dataset_value(d) for d in page.datasets], "next": page.next})
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
    history, dataset = _one(arguments)
    dataset = history.dataset(dataset.id or 0)
    producer = history.producer(dataset.id or 0)
    if arguments.json:
        made_by = run_value(producer) if producer else None
        print_json({**dataset_value(dataset), "facets": dict(dataset.facets), "producer": made_by})
        return
    rows = [(k, str(v)) for k, v in dataset_value(dataset).items() if v not in (None, "", [], {})]
    rows += [(f"facet {name}", short(value)) for name, value in dataset.facets.items()]
    rows.append(("made by", f"{producer.job.name} {producer.id}" if producer else "no known run"))
    print_table(("DATASET", dataset.name), rows)


@plainly
def activity(arguments: Namespace) -> None:
    """Print what was done between two dates."""
    until = moment_of(arguments.until) or datetime.datetime.now(datetime.UTC)
    since = moment_of(arguments.since) or until - datetime.timedelta(days=30)
    buckets = _history(arguments).activity(since, until, by_hour=arguments.hours)
    if arguments.json:
        print_json([{**vars(b), "period": b.period.isoformat(), "state": b.state.name} for b in buckets])
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


def _server(arguments: Namespace) -> str:
    return arguments.server or os.environ.get("CHRONOS_SERVER") or ""


def _history(arguments: Namespace) -> Asked:
    """Return the history of the CHRONOS that is named, else of this installation's database."""
    if _server(arguments):
        return _there(arguments)
    from chronos_plugin.db.store.history import History

    return History()


def _there(arguments: Namespace) -> RemoteHistory:
    from chronos_plugin.client import Client

    client = Client(_server(arguments))
    client.log_in()
    return client.history


def _told_there(arguments: Namespace) -> dict[str, int]:
    told = _there(arguments).record(_events(arguments.file))
    return {"recorded": told["recorded"], "without a run": told["without_run"], "failed": 0}


def _told_here(file: str) -> dict[str, int]:
    from chronos_plugin import settings
    from chronos_plugin.lineage.openlineage import record_of_event
    from chronos_plugin.lineage.recording import record

    spool = settings.load().spool_root
    told = {"recorded": 0, "without a run": 0, "failed": 0}
    for event in _events(file):
        made = record_of_event(event)
        told["without a run" if made is None else "recorded" if record(made, spool) else "failed"] += 1
    return told


def _one(arguments: Namespace) -> tuple[Asked, Dataset]:
    history = _history(arguments)
    return history, one_dataset(history, arguments.dataset)


def one_dataset(history: Asked, text: str) -> Dataset:
    """Return the dataset that a word of the command line means: an id, a path, a URI, or a name."""
    if text.isdigit():
        return history.dataset(int(text))
    found = history.datasets_at(text) if "/" in text else history.named(text)
    if not found:
        raise InputInvalid(f"{text}: the history knows no such dataset")
    if len({(d.namespace, d.path) for d in found}) > 1:
        places = "\n".join(f"  {d.id}  {d.location}" for d in found[:_COUNTED])
        raise InputInvalid(f"{text}: there are several; write an id or a location\n{places}")
    return found[0]


def identity_of(text: str) -> UUID | int:
    """Return the id or number of a run that a word of the command line is."""
    if text.isdigit():
        return int(text)
    try:
        return UUID(text)
    except ValueError as error:
        raise InputInvalid(f"{text}: no id of a run; airflow chronos runs list shows them") from error


def moment_of(text: str | None) -> datetime.datetime | None:
    """Return the moment that a word of the command line is; None for none."""
    return moment(text) if text else None


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
