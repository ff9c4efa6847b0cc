"""OpenLineage events of others, as records: of Airflow's provider for tasks that are not CWL, Spark, dbt."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from chronos_plugin.errors import InputInvalid
from chronos_plugin.lineage.facets import facet_types
from chronos_plugin.lineage.model import Dataset, Job, Run, RunState, Usage
from chronos_plugin.lineage.record import Product, Record

_STATES = {
    "START": RunState.RUNNING,
    "RUNNING": RunState.RUNNING,
    "OTHER": RunState.RUNNING,
    "COMPLETE": RunState.COMPLETE,
    "FAIL": RunState.FAIL,
    "ABORT": RunState.ABORT,
}
_READ_RUN_FACETS = ("parent", "errorMessage")
_ABOUT_THE_FACET = ("_producer", "_schemaURL", "_deleted")


def record_of_event(event: Mapping[str, Any]) -> Record | None:
    """Return the record of a run event; None for a job or dataset event, which tells of no run.

    Args:
        event: By the OpenLineage specification 2-0-2 or an earlier one.

    Raises:
        InputInvalid: If it is no OpenLineage event.
    """
    if "run" not in event and ("dataset" in event or "job" in event):
        return None
    try:
        return _record(event)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputInvalid(f"not an OpenLineage run event: {type(error).__name__}: {error}") from error


def _record(event: Mapping[str, Any]) -> Record:
    moment = _moment(event["eventTime"])
    told = str(event.get("eventType", "OTHER")).upper()
    if told not in _STATES:
        raise ValueError(f"eventType {told!r}")
    state = _STATES[told]
    run, job = event["run"], event["job"]
    facets = run.get("facets") or {}
    made = Run(
        id=UUID(str(run["runId"])),
        parent=_parent(facets),
        job=_job(job),
        state=state,
        # Where no event told the start before, the end is the best that is known.
        started=moment,
        ended=moment if state.final else None,
        target="",
        usage=Usage(),
        error=str((facets.get("errorMessage") or {}).get("message", "")) or _why(state),
        facets=_own(facets, "run"),
    )
    return Record(made, tuple(_products(event.get("inputs"))), tuple(_products(event.get("outputs"))))


def _why(state: RunState) -> str:
    return {RunState.FAIL: "failed", RunState.ABORT: "aborted"}.get(state, "")


def _parent(facets: Mapping[str, Any]) -> UUID | None:
    identity = ((facets.get("parent") or {}).get("run") or {}).get("runId")
    return UUID(str(identity)) if identity else None


def _job(job: Mapping[str, Any]) -> Job:
    facets = job.get("facets") or {}
    code = facets.get("sourceCodeLocation") or {}
    name = _text(job, "name")
    return Job(
        namespace=_text(job, "namespace"),
        name=name,
        version=str(code.get("version", "")),
        workflow=name.partition(".")[0],
        step=name.partition(".")[2],
    )


def _products(values: Iterable[Mapping[str, Any]] | None) -> Iterable[Product]:
    for value in values or ():
        facets = value.get("facets") or {}
        statistics = (value.get("outputFacets") or {}).get("outputStatistics") or {}
        version = (facets.get("version") or {}).get("datasetVersion")
        size = statistics.get("size")
        dataset = Dataset(
            namespace=_text(value, "namespace"),
            path=_text(value, "name"),
            size=None if size is None else int(size),
            checksum=f"version${version}" if version else "",
            facets=_own({k: v for k, v in facets.items() if k != "version"}, "dataset"),
        )
        yield Product(dataset, "")


def _text(value: Mapping[str, Any], key: str) -> str:
    found = value[key]
    if not isinstance(found, str):
        raise TypeError(f"{key} is no text: {found!r}")
    return found


def _own(facets: Mapping[str, Any], of: str) -> dict[str, Any]:
    """Return the facets as the store keeps them, without what they say of themselves."""
    found = {}
    for name, value in facets.items():
        if name in _READ_RUN_FACETS or not isinstance(value, Mapping) or value.get("_deleted"):
            continue
        # A name of ours with another's meaning must not be held against our schema.
        known = facet_types().get(name)
        key = f"openlineage_{name}" if known is not None and known.of != of else name
        found[key] = {k: v for k, v in value.items() if k not in _ABOUT_THE_FACET}
    return found


def _moment(text: str) -> datetime.datetime:
    moment = datetime.datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)
