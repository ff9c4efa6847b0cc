"""What an export of provenance is made from: runs with all that is known of them, and who vouches for it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from chronos_plugin.errors import SettingInvalid
from chronos_plugin.lineage.model import Dataset, Direction, Job, JobKind, Link, Run

_AGENT = re.compile(r"\s*(?P<name>[^<>]*?)\s*(?:<(?P<uri>[^<>\s]+)>)?\s*")


@dataclass(frozen=True)
class Agent:
    """The organisation in whose name runs are made.

    Attributes:
        uri: Empty: none.
    """

    name: str
    uri: str = ""


@dataclass(frozen=True)
class Provenance:
    """A part of the history that is exported as one.

    Attributes:
        main: The run that it is about: a workflow's, or what made the product.
        runs: All of them with links and facets, ``main`` included; the oldest first.
        agent: Whose runs they are.
        instance: Name of this CHRONOS, which makes its numbers unique.
        product: What is asked about; None: ``main``.
        documents: The CWL document of ``main`` and what it includes, by relative path, the document first.
        cut: Whether a bound left some runs out.
        engine_version: Of CHRONOS.
    """

    main: Run
    runs: tuple[Run, ...]
    agent: Agent
    instance: str
    product: Dataset | None = None
    documents: Mapping[str, bytes] = field(default_factory=dict)
    cut: bool = False
    engine_version: str = ""

    @property
    def parts(self) -> tuple[Run, ...]:
        """All runs save those of workflows."""
        return tuple(run for run in self.runs if run.job.kind is not JobKind.WORKFLOW)

    @property
    def workflows(self) -> tuple[Run, ...]:
        """The runs of workflows."""
        return tuple(run for run in self.runs if run.job.kind is JobKind.WORKFLOW)

    def links(self) -> Iterator[tuple[Run, Link]]:
        """Yield each run with each of its links."""
        for run in self.runs:
            for link in run.links or ():
                yield run, link

    def datasets(self) -> dict[str, Dataset]:
        """Return the datasets of all runs by key, as :func:`dataset_key` gives it."""
        return {dataset_key(link.dataset): link.dataset for _, link in self.links()}

    def outer(self, direction: Direction) -> dict[str, Dataset]:
        """Return the datasets that came from outside (input), or that no other run read (output)."""
        made = {dataset_key(link.dataset) for _, link in self.links() if link.direction is Direction.OUTPUT}
        read = {dataset_key(link.dataset) for _, link in self.links() if link.direction is Direction.INPUT}
        wanted = read - made if direction is Direction.INPUT else made - read
        return {key: dataset for key, dataset in self.datasets().items() if key in wanted}


def agent_of(text: str) -> Agent:
    """Return the agent that ``NAME <URI>`` describes.

    Raises:
        SettingInvalid: If it is neither that nor a name.
    """
    match = _AGENT.fullmatch(text)
    if match is None:
        raise SettingInvalid(f"{text!r} is no organisation: write NAME, or NAME <URI>")
    return Agent(match["name"] or match["uri"] or "The operator of this CHRONOS", match["uri"] or "")


def dataset_key(dataset: Dataset) -> str:
    """Return what tells a dataset from all others of this CHRONOS."""
    if dataset.id is not None:
        return str(dataset.id)
    return digest(dataset.namespace, dataset.path, dataset.checksum)


def job_key(job: Job) -> str:
    """Return what tells a version of a job from all others."""
    return digest(job.namespace, job.name, job.version, job.image)


def digest(*parts: str) -> str:
    """Return 16 digits that stand for some texts."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def parameters_of(run: Run) -> dict[str, Any]:
    """Return the inputs of a run that are no files, by port, as far as the history has them."""
    found: dict[str, Any] = {}
    for name in ("context", "parameters"):
        facet = run.facets.get(name)
        value = facet.get("parameters") if name == "context" and isinstance(facet, Mapping) else facet
        if isinstance(value, Mapping):
            found.update(value)
    return found
