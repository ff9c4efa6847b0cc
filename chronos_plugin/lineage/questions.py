"""What is asked of the history, and what it answers: values without a database.

:class:`chronos_plugin.db.store.history.History` answers from the database,
:class:`chronos_plugin.client.history.RemoteHistory` asks a running CHRONOS.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from chronos_plugin.lineage.model import Dataset, Job, Run, RunState

FACETS = ("state", "workflow", "step", "version", "image", "target", "node", "error", "day")
"""What runs are counted by."""


@dataclass(frozen=True)
class RunFilter:
    """What runs must have, all of it; an empty text asks for nothing.

    Attributes:
        kind: ``workflow``, ``step`` or ``other``.
        version: Of the job.
        error: Error signature.
        since: Started at or after; ``until``: started before.
        parent: Parts of this run only.
        workflows: Of these workflows only; None: of all.
    """

    state: RunState | None = None
    kind: str = ""
    workflow: str = ""
    step: str = ""
    version: str = ""
    image: str = ""
    target: str = ""
    node: str = ""
    error: str = ""
    since: datetime.datetime | None = None
    until: datetime.datetime | None = None
    parent: UUID | None = None
    workflows: frozenset[str] | None = None


@dataclass(frozen=True)
class DatasetFilter:
    """What datasets must have, all of it.

    Attributes:
        text: Words and numbers that the name contains, in any order.
        type: Product type; with ``*`` at the end, all that begin so.
        attributes: Values by attribute: those of the product type's rule, and indexed ones of facets
            (``FACET.PROPERTY``).
        checksum: ``sha1$…``.
        since: Recorded at or after; ``until``: recorded before. Runs are recorded when they end.
    """

    text: str = ""
    type: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    checksum: str = ""
    since: datetime.datetime | None = None
    until: datetime.datetime | None = None


@dataclass(frozen=True)
class Lineage:
    """A part of the history around some datasets.

    Attributes:
        datasets: By id.
        runs: By number.
        reads: (dataset, run that read it).
        writes: (run, dataset that it wrote).
        shown: Nodes that are here: datasets and runs.
        at_least: Nodes that there are at least.
        cut: Whether ``limit`` left some out; nodes beyond ``depth`` are not counted as left out.
        open: Datasets from which to ask on.
    """

    datasets: dict[int, Dataset]
    runs: dict[int, Run]
    reads: tuple[tuple[int, int], ...]
    writes: tuple[tuple[int, int], ...]
    shown: int
    at_least: int
    cut: bool
    open: tuple[int, ...]


@dataclass(frozen=True)
class RunPage:
    """A page of runs.

    Attributes:
        next: Cursor of the next page; None: this was the last one.
        counts: How many ended runs fit, by facet and value; only with the first page.
    """

    runs: list[Run]
    next: str | None
    counts: dict[str, dict[str, int]] | None


@dataclass(frozen=True)
class DatasetPage:
    """A page of datasets; ``next`` as in :class:`RunPage`."""

    datasets: list[Dataset]
    next: str | None


@dataclass(frozen=True)
class JobPage:
    """A page of jobs; ``next`` as in :class:`RunPage`."""

    jobs: list[Job]
    next: str | None


@dataclass(frozen=True)
class Bucket:
    """What was done in a period by one job with one end."""

    period: datetime.datetime
    workflow: str
    step: str
    state: RunState
    runs: int
    cpu_seconds: float
    duration_seconds: float
    outputs: int
    output_bytes: int


@dataclass(frozen=True)
class Part:
    """How many parts of a run have one job and one state."""

    job: Job
    state: RunState
    runs: int
