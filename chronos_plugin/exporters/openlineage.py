"""OpenLineage run events of the history, by the specification 2-0-2 and its facets."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

from chronos_plugin import __version__
from chronos_plugin.exporters.delivery import Item
from chronos_plugin.lineage.model import Dataset, Direction, JobKind, Link, Run, RunState

PRODUCER = f"https://pypi.org/project/chronos-airflow/{__version__}"
_SPEC = "https://openlineage.io/spec"
_CORE = f"{_SPEC}/2-0-2/OpenLineage.json"
SCHEMA = f"{_CORE}#/$defs/RunEvent"
_STANDARD = {
    "parent": ("1-2-0", "ParentRunFacet"),
    "errorMessage": ("1-0-1", "ErrorMessageRunFacet"),
    "processing_engine": ("1-1-1", "ProcessingEngineRunFacet"),
    "jobType": ("2-0-4", "JobTypeJobFacet"),
    "version": ("1-0-1", "DatasetVersionDatasetFacet"),
    "outputStatistics": ("1-0-2", "OutputStatisticsOutputDatasetFacet"),
    "inputStatistics": ("1-0-0", "InputStatisticsInputDatasetFacet"),
}
_OURS = {
    "chronos_execution": "RunFacet",
    "chronos_process": "JobFacet",
    "chronos_product": "DatasetFacet",
}
"""Facets that the specification does not have; it lets them be anything of these kinds."""
_FACETS = {
    **{name: f"{_SPEC}/facets/{of}/{kind}.json#/$defs/{kind}" for name, (of, kind) in _STANDARD.items()},
    **{name: f"{_CORE}#/$defs/{kind}" for name, kind in _OURS.items()},
}
_TYPES = {
    RunState.RUNNING: "START",
    RunState.COMPLETE: "COMPLETE",
    # OpenLineage has no word for it; the facet chronos_execution says that it was skipped.
    RunState.SKIPPED: "COMPLETE",
    RunState.FAIL: "FAIL",
    RunState.ABORT: "ABORT",
}


def events_of(item: Item) -> list[dict[str, Any]]:
    """Return the events of an entry: of a run whose start nobody told, that one too."""
    if item.entry.state is RunState.RUNNING:
        return [run_event(item.run, RunState.RUNNING)]
    events = [run_event(item.run, RunState.RUNNING)] if item.entry.began else []
    return [*events, run_event(item.run, item.entry.state)]


def run_event(run: Run, state: RunState) -> dict[str, Any]:
    """Return the event that a run has come to a state."""
    moment = run.started if state is RunState.RUNNING else run.ended or run.started
    ended = state.final
    return {
        "eventType": _TYPES[state],
        "eventTime": _time(moment),
        "producer": PRODUCER,
        "schemaURL": SCHEMA,
        "run": {"runId": str(run.id), "facets": _run_facets(run, state)},
        "job": {
            "namespace": run.job.namespace,
            "name": run.job.name,
            "facets": _job_facets(run),
        },
        "inputs": [_input(link.dataset, link.port) for link in _links(run, Direction.INPUT)],
        "outputs": [_output(link.dataset, link.port) for link in _links(run, Direction.OUTPUT) if ended],
    }


# -- facets ----------------------------------------------------------------------------------------


def _run_facets(run: Run, state: RunState) -> dict[str, Any]:
    facets: dict[str, Any] = {
        "processing_engine": {"name": "CHRONOS", "version": __version__},
        "chronos_execution": _known(
            state=state.name,
            attempt=run.attempt,
            mapIndex=run.map_index if run.map_index >= 0 else None,
            element=run.element,
            target=run.target,
            node=run.node,
            exitCode=run.exit_code,
            cpuSeconds=run.usage.cpu_seconds,
            maxRssBytes=run.usage.max_rss_bytes,
            waitSeconds=run.usage.wait_seconds,
        ),
    }
    if run.parent is not None:
        name = run.job.workflow or run.job.name
        facets["parent"] = {
            "run": {"runId": str(run.parent)},
            "job": {"namespace": run.job.namespace, "name": name},
        }
    if run.error and state in (RunState.FAIL, RunState.ABORT):
        facets["errorMessage"] = {"message": run.error, "programmingLanguage": "CWL"}
    return _facets(facets)


def _job_facets(run: Run) -> dict[str, Any]:
    kind = {JobKind.WORKFLOW: "WORKFLOW", JobKind.STEP: "STEP"}.get(run.job.kind, "JOB")
    return _facets(
        {
            "jobType": {"processingType": "BATCH", "integration": "CHRONOS", "jobType": kind},
            "chronos_process": _known(
                version=run.job.version, workflow=run.job.workflow, step=run.job.step, image=run.job.image
            ),
        }
    )


def _input(dataset: Dataset, port: str) -> dict[str, Any]:
    more = {} if dataset.size is None else {"inputStatistics": {"size": dataset.size}}
    return {**_dataset(dataset, port), "inputFacets": _facets(more)}


def _output(dataset: Dataset, port: str) -> dict[str, Any]:
    more = {} if dataset.size is None else {"outputStatistics": {"size": dataset.size}}
    return {**_dataset(dataset, port), "outputFacets": _facets(more)}


def _dataset(dataset: Dataset, port: str) -> dict[str, Any]:
    facets: dict[str, Any] = {}
    if dataset.checksum:
        facets["version"] = {"datasetVersion": dataset.checksum.removeprefix("version$")}
    about = _known(type=dataset.type, attributes=dict(dataset.attributes), port=port)
    if about:
        facets["chronos_product"] = about
    return {"namespace": dataset.namespace, "name": dataset.path, "facets": _facets(facets)}


def _facets(values: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {
        name: {"_producer": PRODUCER, "_schemaURL": _FACETS[name], **value}
        for name, value in values.items()
        if value
    }


def _links(run: Run, direction: Direction) -> Sequence[Link]:
    found: dict[tuple[str, str], Link] = {}
    for link in run.links or ():
        if link.direction is direction:
            # A dataset at two ports is one dataset.
            found.setdefault((link.dataset.namespace, link.dataset.path), link)
    return list(found.values())


def _known(**values: Any) -> dict[str, Any]:
    return {k: v for k, v in values.items() if v is not None and v != "" and v != {}}


def _time(moment: datetime.datetime) -> str:
    return moment.astimezone(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
