"""The values that submitters, agent and store of the cloud share, and what the agent needs of a cloud."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol


class RequestState(StrEnum):
    """Where a request stands."""

    QUEUED = "queued"
    RUNNING = "running"
    CANCELLING = "cancelling"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """Whether the request will not change any more."""
        return self in FINAL


FINAL = frozenset({RequestState.SUCCEEDED, RequestState.FAILED, RequestState.CANCELLED})
OPEN = frozenset(RequestState) - FINAL


@dataclass(frozen=True)
class Request:
    """One thing that the agent is to do in a cloud.

    Attributes:
        id: Given by who asks; the same id is the same request, however often it is submitted.
        connection: Id of the Airflow connection to the service.
        kind: ``host``, ``cluster`` …
        verb: ``create``, ``expand`` …
        name: Of the resource.
        spec: What is asked for, in CHRONOS's words.
        owner: Whom the resource belongs to (:func:`~chronos_plugin.execution.cloud.naming.run_owner`).
        deadline: Seconds since the epoch after which the agent gives up.
        expires: Seconds since the epoch after which a created resource may be reaped; None: never by age.
        progress: What the agent must know of its own work after a restart.
        result: The resource's public values once the request has succeeded.
        error, reason: Why it failed.
        created, ended: Seconds since the epoch.
    """

    id: str
    connection: str
    kind: str
    verb: str
    name: str
    spec: Mapping[str, Any] = field(default_factory=dict)
    owner: str = ""
    deadline: float = 0.0
    expires: float | None = None
    state: RequestState = RequestState.QUEUED
    progress: Mapping[str, Any] = field(default_factory=dict)
    result: Mapping[str, Any] | None = None
    error: str = ""
    reason: str = ""
    created: float = 0.0
    ended: float | None = None


@dataclass(frozen=True)
class Resource:
    """A resource as the cloud shows it, without its secrets.

    Attributes:
        state: ``ready``, ``pending``, ``stopped``, ``failed`` or ``absent`` (it is going away).
        native_state: The service's own word.
        labels: The labels that the service knows of it.
        nodes: Of a cluster: its nodes, masters not counted.
        strays: Names of hosts that are on their way into the cluster, or out of it.
        facts: All that the service says, without secrets.
    """

    kind: str
    name: str
    id: str = ""
    state: str = "ready"
    native_state: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    nodes: tuple[Resource, ...] = ()
    strays: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ready_nodes(self) -> tuple[str, ...]:
        """The names of the nodes that can be used."""
        return tuple(node.name for node in self.nodes if node.state == "ready")


@dataclass(frozen=True)
class CommandResult:
    """How a command on a host ended."""

    status: int
    output: str = ""
    errors: str = ""


class Cloud(Protocol):
    """One tenant of a cloud. Every method raises CloudFailed; cancelling a call makes the cloud roll back."""

    async def inspect(self, kind: str, name: str, spec: Mapping[str, Any] | None = None) -> Resource | None:
        """Return a resource, None if there is none; a feature is looked for where ``spec`` says."""

    async def list(self, kind: str) -> Sequence[Resource]:
        """Return the resources of a kind."""

    async def perform(
        self, kind: str, verb: str, name: str, spec: Mapping[str, Any], seconds: float | None = None
    ) -> Mapping[str, Any]:
        """Do it and wait until it is done; ``seconds`` default to what the verb needs."""

    async def run(self, host: str, command: str, seconds: float | None = None) -> CommandResult:
        """Run a shell command on a host; the service may run it twice, and ends it after 150 seconds."""

    async def copy(self, spec: Mapping[str, Any]) -> CommandResult:
        """Copy between a host and the service's machine: ``source``, ``destination``, ``owner``, ``mode``."""

    async def mark(self, host: str, labels: Mapping[str, str]) -> bool:
        """Bind labels to a host; return False where the service knows no labels."""


class RequestTable(Protocol):
    """The durable table of requests; its methods block."""

    def submit(self, request: Request) -> Request:
        """Store a request unless one of its id is there; return what is stored."""

    def get(self, request_id: str) -> Request | None:
        """Return a request, or None."""

    def select(
        self, *, states: Sequence[RequestState] = (), name: str = "", verb: str = "", limit: int = 1000
    ) -> list[Request]:
        """Return requests, the oldest first, by state, resource name and verb where these are given."""

    def change(self, request_id: str, expected: Sequence[RequestState], **values: Any) -> bool:
        """Set fields if the state is one of ``expected``; return whether it was."""

    def prune(self, before: float) -> int:
        """Remove what ended before a moment, creations excepted; return how many."""

    def cancel(self, request_id: str) -> bool:
        """Ask for the end of a request; return whether it had not ended."""

    def lead(self, holder: str, until: float, now: float) -> bool:
        """Take or keep the one leadership until a time; False while another agent holds it."""

    def leader(self) -> tuple[str, float] | None:
        """Return who leads until when, or None."""

    def resign(self, holder: str) -> None:
        """Give the leadership back."""
