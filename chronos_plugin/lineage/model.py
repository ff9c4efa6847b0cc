"""Job, Run, Dataset: what the history is made of. Plain values, without a framework.

A *job* is what can be run, a *run* is one execution of it, a *dataset* is one version of a product or file.
Runs and datasets are tied by *links*, which carry the port (CWL input or output) and the direction.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Any
from uuid import UUID


class RunState(IntEnum):
    """Where a run stands (OpenLineage's run states, and CWL's skipped steps)."""

    UNKNOWN = 0
    """Another record names the run as its parent; its own record has not come."""
    RUNNING = 1
    COMPLETE = 2
    FAIL = 3
    ABORT = 4
    SKIPPED = 5

    @property
    def final(self) -> bool:
        """Whether the run has ended."""
        return self >= RunState.COMPLETE


class JobKind(StrEnum):
    """What a job is."""

    WORKFLOW = "workflow"
    STEP = "step"
    OTHER = "other"


class Direction(StrEnum):
    """The side of a run on which a dataset stands."""

    INPUT = "input"
    OUTPUT = "output"


@dataclass(frozen=True)
class Job:
    """What can be run: a workflow, a step, or another system's job; one value for each version.

    Attributes:
        namespace: Who names it, for example ``airflow``.
        name: Unique in the namespace; for a step ``WORKFLOW.STEP``.
        version: Digest of what it is made of; another content is another version.
        workflow: Name of the workflow (the DAG) that it belongs to or is.
        step: The step in it, empty for a workflow.
        image: Container image, empty for none.
        facets: By facet name.
    """

    namespace: str
    name: str
    version: str = ""
    kind: JobKind = JobKind.OTHER
    workflow: str = ""
    step: str = ""
    image: str = ""
    facets: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Dataset:
    """One version of a product or file.

    Attributes:
        namespace: OpenLineage's: ``file``, ``s3://BUCKET``, ``postgres://HOST:PORT`` …
        path: Unique in the namespace at a time; for files the absolute path.
        size: Bytes; None where unknown.
        checksum: As CWL writes it, ``sha1$…``, or another algorithm's name before the ``$``; empty: unknown.
        type: Product type; empty: to be recognised from the name.
        facets: By facet name.
        id: In the store; None: not stored.
        version: Counts the datasets of this namespace and path from 1; None: not asked for.
        locations: Where copies lie, beside namespace and path.
        attributes: What the product type's rule reads from the name.
    """

    namespace: str
    path: str
    size: int | None = None
    checksum: str = ""
    type: str = ""
    facets: Mapping[str, Any] = field(default_factory=dict)
    id: int | None = None
    version: int | None = None
    locations: tuple[str, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The last part of the path: what people call the product."""
        return self.path.rpartition("/")[2]

    @property
    def location(self) -> str:
        """The URI."""
        return location_of(self.namespace, self.path)


@dataclass(frozen=True)
class Link:
    """A dataset on one side of a run.

    Attributes:
        port: Name of the CWL input or output; empty: unknown.
    """

    direction: Direction
    port: str
    dataset: Dataset


@dataclass(frozen=True)
class Usage:
    """What a run used; None where nobody measured it."""

    cpu_seconds: float | None = None
    max_rss_bytes: int | None = None
    wait_seconds: float | None = None


@dataclass(frozen=True)
class Run:
    """One execution of a job.

    Attributes:
        id: Unique for ever.
        parent: The run that this one is a part of: a step's workflow run.
        started: Aware.
        ended: None while it runs.
        attempt: Counts retries from 1.
        map_index: Of the Airflow task instance; -1: not mapped.
        element: Scatter element, for example ``3`` or ``3/4``.
        target: Where it ran: ``local``, or the name of an execution target.
        node: The machine.
        exit_code: Of the tool; None where no process ran.
        error: Why it failed; empty for none.
        facets: Context and whatever else is known, by facet name.
        links: Inputs and outputs; None where they were not asked for.
        number: In the store; None: not stored.
    """

    id: UUID
    job: Job
    state: RunState
    started: datetime.datetime
    ended: datetime.datetime | None = None
    parent: UUID | None = None
    attempt: int = 1
    map_index: int = -1
    element: str = ""
    target: str = "local"
    node: str = ""
    exit_code: int | None = None
    usage: Usage = field(default_factory=Usage)
    error: str = ""
    facets: Mapping[str, Any] = field(default_factory=dict)
    links: tuple[Link, ...] | None = None
    number: int | None = None

    @property
    def duration(self) -> float | None:
        """Seconds from start to end."""
        return None if self.ended is None else (self.ended - self.started).total_seconds()

    def datasets(self, direction: Direction) -> tuple[Dataset, ...]:
        """Return the datasets on one side."""
        return tuple(link.dataset for link in self.links or () if link.direction is direction)


def location_of(namespace: str, path: str) -> str:
    """Return the URI of a dataset."""
    if namespace == "file" or namespace.startswith("file://"):
        from urllib.parse import quote

        return f"file://{namespace[7:]}{quote(path, safe='/~')}"
    return f"{namespace}/{path.lstrip('/')}"


def split_location(location: str) -> tuple[str, str]:
    """Return the namespace and the path of a URI or of an absolute path, by OpenLineage's naming."""
    from urllib.parse import unquote

    if "://" not in location:
        return "file", location
    scheme, _, rest = location.partition("://")
    authority, slash, path = rest.partition("/")
    if scheme == "file":
        path = unquote(slash + path)
        return ("file" if authority in ("", "localhost") else f"file://{authority}"), path
    return f"{scheme}://{authority}", path
