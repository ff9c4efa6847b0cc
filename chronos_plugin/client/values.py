"""Answers of the REST API, as the values that the history has."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from chronos_plugin.lineage.model import Dataset, Direction, Job, JobKind, Link, Run, RunState, Usage
from chronos_plugin.lineage.questions import Bucket, Lineage, Part

Value = Mapping[str, Any]


def job(value: Value, facets: Value | None = None) -> Job:
    """Return a job."""
    return Job(
        namespace=value["namespace"],
        name=value["name"],
        version=value["version"],
        kind=JobKind(value["kind"]),
        workflow=value["workflow"],
        step=value["step"],
        image=value["image"],
        facets=dict(value.get("facets") or facets or {}),
    )


def run(value: Value) -> Run:
    """Return a run; with its links where the answer has them."""
    links = value.get("links")
    return Run(
        id=UUID(value["id"]),
        job=job(value["job"], value.get("job_facets")),
        state=RunState[value["state"]],
        started=moment(value["started"]),
        ended=moment(value["ended"]) if value["ended"] else None,
        parent=UUID(value["parent"]) if value["parent"] else None,
        attempt=value["attempt"],
        map_index=value["map_index"],
        element=value["element"],
        target=value["target"],
        node=value["node"],
        exit_code=value["exit_code"],
        usage=Usage(value["cpu_seconds"], value["max_rss_bytes"], value["wait_seconds"]),
        error=value["error"],
        facets=dict(value.get("facets") or {}),
        links=None if links is None else tuple(_link(link) for link in links),
    )


def dataset(value: Value) -> Dataset:
    """Return a dataset; with version, copies and facets where the answer has them."""
    return Dataset(
        namespace=value["namespace"],
        path=value["path"],
        size=value["size"],
        checksum=value["checksum"],
        type=value["type"],
        facets=dict(value.get("facets") or {}),
        id=value["id"],
        version=value.get("version"),
        locations=tuple(value.get("locations") or ()),
        attributes=dict(value["attributes"]),
    )


def lineage(value: Value) -> Lineage:
    """Return a part of the history; its runs are numbered as they come."""
    runs = {n: run(one) for n, one in enumerate(value["runs"], start=1)}
    numbers = {str(one.id): n for n, one in runs.items()}
    return Lineage(
        datasets={one["id"]: dataset(one) for one in value["datasets"]},
        runs=runs,
        reads=tuple((edge["dataset"], numbers[edge["run"]]) for edge in value["reads"]),
        writes=tuple((numbers[edge["run"]], edge["dataset"]) for edge in value["writes"]),
        shown=value["shown"],
        at_least=value["at_least"],
        cut=value["cut"],
        open=tuple(value["open"]),
    )


def bucket(value: Value) -> Bucket:
    """Return what was done in a period."""
    known = {**value, "period": moment(value["period"]), "state": RunState[value["state"]]}
    return Bucket(**known)


def part(value: Value) -> Part:
    """Return a count of parts."""
    return Part(job(value["job"]), RunState[value["state"]], value["runs"])


def moment(text: str) -> datetime.datetime:
    """Return a moment, aware."""
    found = datetime.datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=datetime.UTC)


def _link(value: Value) -> Link:
    return Link(Direction(value["direction"]), value["port"], dataset(value["dataset"]))
