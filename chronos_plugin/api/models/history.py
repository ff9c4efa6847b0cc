"""Jobs, runs and datasets, in OpenLineage's words."""

from __future__ import annotations

import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from chronos_plugin.lineage import model as domain
from chronos_plugin.lineage import questions

RunState = Literal["UNKNOWN", "RUNNING", "COMPLETE", "FAIL", "ABORT", "SKIPPED"]
JobKind = Literal["workflow", "step", "other"]

RUN_ID = "01a210f5-d4fd-7a6d-a38b-7e8060278f18"
_JOB = {
    "namespace": "airflow",
    "name": "swot_coverage.swath",
    "version": "b87c752bd090cfd3",
    "kind": "step",
    "workflow": "swot_coverage",
    "step": "swath",
    "image": "registry.example/swath:1.4",
}
_RUN: dict[str, Any] = {
    "id": RUN_ID,
    "job": _JOB,
    "state": "FAIL",
    "started": "2026-03-01T12:00:00Z",
    "ended": "2026-03-01T12:03:20Z",
    "duration_seconds": 200.0,
    "parent": "01a210f5-d4e1-7c11-8d0a-0b1f8f1d3a55",
    "attempt": 1,
    "map_index": 3,
    "element": "3",
    "target": "hpc",
    "node": "hpc-114",
    "exit_code": 137,
    "cpu_seconds": 188.5,
    "max_rss_bytes": 4294967296,
    "wait_seconds": 12.0,
    "error": "killed by signal 9",
}
_DATASET: dict[str, Any] = {
    "id": 4355,
    "namespace": "file",
    "path": "/data/SSH/005/SWOT_L2_LR_SSH_Expert_005_012_20260301T010203_20260301T015304_PIC0_01.nc",
    "name": "SWOT_L2_LR_SSH_Expert_005_012_20260301T010203_20260301T015304_PIC0_01.nc",
    "type": "SWOT_L2_LR_SSH_Expert",
    "location": "file:///data/SSH/005/SWOT_L2_LR_SSH_Expert_005_012_20260301T010203_20260301T015304_PIC0_01.nc",
    "size": 8388608,
    "checksum": "sha1$2fd4e1c67a2d28fced849ee1bb76e7391b93eb12",
    "attributes": {"cycle": "005", "pass": "012"},
}


class Job(BaseModel):
    """What can be run; another content is another version."""

    namespace: str = Field(description="Who names it: airflow, or another system's namespace")
    name: str = Field(description="Unique in the namespace; for a step WORKFLOW.STEP")
    version: str = Field(default="", description="Digest of what it is made of")
    kind: JobKind = "other"
    workflow: str = Field(default="", description="Name of the workflow (the DAG)")
    step: str = Field(default="", description="The step in it; empty for a workflow")
    image: str = Field(default="", description="Container image; empty: none")

    @classmethod
    def of(cls, job: domain.Job) -> Job:
        """Return the job as clients see it."""
        return cls(
            namespace=job.namespace,
            name=job.name,
            version=job.version,
            kind=job.kind.value,
            workflow=job.workflow,
            step=job.step,
            image=job.image,
        )


class JobDetail(Job):
    """A job with its facets."""

    facets: dict[str, Any] = Field(default_factory=dict)

    @classmethod
    def of(cls, job: domain.Job) -> JobDetail:
        """Return the job as clients see it."""
        return cls(**Job.of(job).model_dump(), facets=dict(job.facets))


class Run(BaseModel):
    """One execution of a job: a whole workflow, a step's try, an element of a scatter."""

    model_config = ConfigDict(json_schema_extra={"examples": [_RUN]})

    id: UUID
    job: Job
    state: RunState = Field(description="UNKNOWN: only its parts were told of yet")
    started: datetime.datetime
    ended: datetime.datetime | None = Field(default=None, description="null while it runs")
    duration_seconds: float | None = None
    parent: UUID | None = Field(default=None, description="The run that it is a part of")
    attempt: int = Field(default=1, description="Counts retries from 1")
    map_index: int = Field(default=-1, description="Of the Airflow task instance; -1: not mapped")
    element: str = Field(default="", description="Scatter element, such as 3 or 3/4; in details only")
    target: str = Field(default="", description="Where it ran: local, or an execution target")
    node: str = ""
    exit_code: int | None = Field(default=None, description="null where no process ran")
    cpu_seconds: float | None = None
    max_rss_bytes: int | None = None
    wait_seconds: float | None = Field(default=None, description="In the target's queue")
    error: str = Field(default="", description="Error signature; in details the whole message")

    @classmethod
    def of(cls, run: domain.Run) -> Run:
        """Return the run as clients see it."""
        return cls(**_fields(run))


class Dataset(BaseModel):
    """One version of a product or file."""

    model_config = ConfigDict(json_schema_extra={"examples": [_DATASET]})

    id: int
    namespace: str
    path: str
    name: str = Field(description="The last part of the path")
    type: str = Field(default="", description="Product type; empty: none is recognised")
    location: str = Field(description="URI")
    size: int | None = Field(default=None, description="Bytes; null: unknown")
    checksum: str = Field(default="", description="As CWL writes it: sha1$…; empty: unknown")
    attributes: dict[str, str] = Field(
        default_factory=dict, description="What the product type's rule reads from the name"
    )

    @classmethod
    def of(cls, dataset: domain.Dataset) -> Dataset:
        """Return the dataset as clients see it."""
        return cls(**_dataset_fields(dataset))


class DatasetDetail(Dataset):
    """A dataset with its version, copies, facets, and the run that made it."""

    version: int | None = Field(default=None, description="Counts the contents at this path from 1")
    locations: list[str] = Field(default_factory=list, description="URIs of copies")
    facets: dict[str, Any] = Field(default_factory=dict)
    producer: Run | None = Field(default=None, description="null: no known run, or none that you may see")

    @classmethod
    def detailed(cls, dataset: domain.Dataset, producer: domain.Run | None) -> DatasetDetail:
        """Return the dataset as clients see it."""
        return cls(
            **_dataset_fields(dataset),
            version=dataset.version,
            locations=list(dataset.locations),
            facets=dict(dataset.facets),
            producer=Run.of(producer) if producer else None,
        )


class Link(BaseModel):
    """A dataset on one side of a run."""

    direction: Literal["input", "output"]
    port: str = Field(description="CWL input or output; empty: unknown")
    dataset: Dataset


class AirflowPlace(BaseModel):
    """The Airflow objects that a run was."""

    dag_id: str
    run_id: str | None = Field(default=None, description="null: not known any more")
    task_id: str | None = Field(default=None, description="null for a workflow run")
    map_index: int = -1
    try_number: int = 1


class RunDetail(Run):
    """A run with its inputs, outputs and facets."""

    links: list[Link] = Field(default_factory=list)
    facets: dict[str, Any] = Field(
        default_factory=dict, description="By name; `context`: command, environment, work directory …"
    )
    job_facets: dict[str, Any] = Field(default_factory=dict)
    airflow: AirflowPlace | None = Field(default=None, description="null: it was no run of Airflow")

    @classmethod
    def detailed(cls, run: domain.Run, airflow: AirflowPlace | None) -> RunDetail:
        """Return the run as clients see it."""
        links = [
            Link(direction=link.direction.value, port=link.port, dataset=Dataset.of(link.dataset))
            for link in run.links or ()
        ]
        return cls(
            **_fields(run),
            links=links,
            facets=dict(run.facets),
            job_facets=dict(run.job.facets),
            airflow=airflow,
        )


class RunPage(BaseModel):
    """A page of runs, the youngest first."""

    runs: list[Run]
    next: str | None = Field(description="`cursor` of the next page; null: this was the last one")
    counts: dict[str, dict[str, int]] | None = Field(
        default=None,
        description="How many ended runs fit, by facet and value; with the first page, if asked for",
    )


class RunCounts(BaseModel):
    """How many ended runs fit, by facet and value, the most frequent first."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"counts": {"state": {"COMPLETE": 1203, "FAIL": 4}, "target": {"hpc": 1207}, "day": {}}}
            ]
        }
    )

    counts: dict[str, dict[str, int]]


class PartCount(BaseModel):
    """How many executions of one job have one state."""

    job: Job
    state: RunState
    runs: int

    @classmethod
    def of(cls, part: questions.Part) -> PartCount:
        """Return the count as clients see it."""
        fields: dict[str, Any] = {"job": Job.of(part.job), "state": part.state.name, "runs": part.runs}
        return cls(**fields)


class Parts(BaseModel):
    """What a workflow run consists of, counted."""

    parts: list[PartCount]


class DatasetPage(BaseModel):
    """A page of datasets, the youngest first; it may be short although there are more."""

    datasets: list[Dataset]
    next: str | None = Field(description="`cursor` of the next page; null: this was the last one")


class JobPage(BaseModel):
    """A page of jobs, the newest first."""

    jobs: list[JobDetail]
    next: str | None = Field(description="`cursor` of the next page; null: this was the last one")


class Difference(BaseModel):
    """One thing that is not the same in two runs; null: not there."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"what": "job.version", "first": "b87c752b", "second": "0a4dc912"}]}
    )

    what: str
    first: Any = None
    second: Any = None


class Differences(BaseModel):
    """Why two runs differ, causes before effects."""

    first: UUID
    second: UUID
    differences: list[Difference]


def _fields(run: domain.Run) -> dict[str, Any]:
    return {
        "id": run.id,
        "job": Job.of(run.job),
        "state": run.state.name,
        "started": run.started,
        "ended": run.ended,
        "duration_seconds": run.duration,
        "parent": run.parent,
        "attempt": run.attempt,
        "map_index": run.map_index,
        "element": run.element,
        "target": run.target,
        "node": run.node,
        "exit_code": run.exit_code,
        "cpu_seconds": run.usage.cpu_seconds,
        "max_rss_bytes": run.usage.max_rss_bytes,
        "wait_seconds": run.usage.wait_seconds,
        "error": run.error,
    }


def _dataset_fields(dataset: domain.Dataset) -> dict[str, Any]:
    return {
        "id": dataset.id,
        "namespace": dataset.namespace,
        "path": dataset.path,
        "name": dataset.name,
        "type": dataset.type,
        "location": dataset.location,
        "size": dataset.size,
        "checksum": dataset.checksum,
        "attributes": dict(dataset.attributes),
    }
