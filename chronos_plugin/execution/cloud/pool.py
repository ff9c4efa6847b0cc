"""Jobs on an elastic cluster, and the table that holds them: what target and agent share."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Protocol

from chronos_plugin.errors import InputInvalid, SettingInvalid
from chronos_plugin.execution.cloud.elastic import Policy
from chronos_plugin.execution.cloud.sizing import parse as parse_sizing
from chronos_plugin.execution.targets.base import JobState

_WORDS = {int: "whole number", float: "number"}
PERIODS = {"day": "%Y-%m-%d", "month": "%Y-%m", "ever": "ever"}


@dataclass(frozen=True)
class PoolOptions:
    """Options of a target of kind ``safescale``.

    Attributes:
        connection: Id of an Airflow connection of type ``chronos_safescale``.
        node_sizing: Size of a node, in SafeScale's grammar.
        gateway_sizing, master_sizing: Of the two other hosts; default: as a node.
        image: Of all hosts; default: the tenant's.
        node_cores: CPU cores of a node that jobs may take.
        min_nodes, max_nodes: How many nodes there are while the cluster lives.
        idle_seconds: A node goes after so long without a job, the cluster too.
        lifetime_hours: A cluster takes no new jobs after so long; 0: no limit.
        node_hour_cost: What an hour of a node costs, in any currency; masters and gateways count as nodes.
        cost_cap: What may be spent in ``cost_period``; 0: no limit.
        cost_period: ``day``, ``month`` (UTC) or ``ever``.
        drain_seconds: How long running jobs may go on once a limit is reached.
        node_timeout: A node that gives no answer for so many seconds is removed; its jobs are tried again.
        setup: Shell command run once on each new node, for instance to mount the work root.
    """

    connection: str = "safescale_default"
    node_sizing: str = "cpu~2,ram~4"
    gateway_sizing: str = ""
    master_sizing: str = ""
    image: str = ""
    node_cores: float = 2.0
    min_nodes: int = 1
    max_nodes: int = 4
    idle_seconds: float = 600.0
    lifetime_hours: float = 0.0
    node_hour_cost: float = 0.0
    cost_cap: float = 0.0
    cost_period: str = "month"
    drain_seconds: float = 3600.0
    node_timeout: float = 900.0
    setup: str = ""

    @property
    def policy(self) -> Policy:
        """The limits of the cluster."""
        return Policy(
            min_nodes=self.min_nodes,
            max_nodes=self.max_nodes,
            node_cores=self.node_cores,
            idle_seconds=self.idle_seconds,
            lifetime_seconds=self.lifetime_hours * 3600,
            cost_cap=self.cost_cap,
            drain_seconds=self.drain_seconds,
        )

    def period(self, now: float) -> str:
        """Return the name of the cost period that a moment is in."""
        return datetime.datetime.fromtimestamp(now, datetime.UTC).strftime(PERIODS[self.cost_period])


def parse_options(target: str, options: Mapping[str, Any]) -> PoolOptions:
    """Return a target's options.

    Raises:
        SettingInvalid: If one is unknown or has a wrong value; the message names it.
    """
    kinds: dict[str, Any] = {one.name: type(one.default) for one in fields(PoolOptions)}
    values: dict[str, Any] = {}
    for name, value in options.items():
        if name not in kinds:
            raise SettingInvalid(f"target {target}: unknown option {name!r}; there are {', '.join(kinds)}")
        try:
            values[name] = kinds[name](value)
        except (TypeError, ValueError) as error:
            raise SettingInvalid(
                f"target {target}: {name} = {value!r}: write a {_WORDS.get(kinds[name], 'text')}"
            ) from error
    made = PoolOptions(**values)
    for name in ("node_sizing", "gateway_sizing", "master_sizing"):
        try:
            if text := getattr(made, name):
                parse_sizing(text)
        except InputInvalid as error:
            raise SettingInvalid(f"target {target}: {name}: {error}") from error
    _check_limits(target, made)
    return made


def _check_limits(target: str, made: PoolOptions) -> None:
    if made.cost_period not in PERIODS:
        raise SettingInvalid(f"target {target}: cost_period: write one of {', '.join(PERIODS)}")
    if not 0 <= made.min_nodes <= made.max_nodes or made.max_nodes < 1:
        raise SettingInvalid(f"target {target}: 0 <= min_nodes <= max_nodes and max_nodes >= 1 must hold")
    if made.node_cores <= 0:
        raise SettingInvalid(f"target {target}: node_cores must be above 0")
    if made.cost_cap and not made.node_hour_cost:
        raise SettingInvalid(f"target {target}: cost_cap needs node_hour_cost")


@dataclass(frozen=True)
class PoolJob:
    """A job of a target, as the table holds it.

    Attributes:
        id: Of the job; its native id, too.
        wish: ``cancel``, ``suspend`` or ``resume``: what the agent is to do with it.
        node: Where it was or will be started; set before it is started and never changed.
        infrastructure: It ended through no fault of its tool.
    """

    id: str
    target: str
    name: str
    folder: str
    cores: float = 1.0
    state: JobState = JobState.QUEUED
    wish: str = ""
    node: str = ""
    reason: str = ""
    exit_code: int | None = None
    infrastructure: bool = False
    created: float = 0.0
    started: float | None = None
    ended: float | None = None


@dataclass(frozen=True)
class Pool:
    """What the agent knows of a target's cluster.

    Attributes:
        options: Of the target, as of its last submission.
        generation: How many clusters there have been; part of requests' ids.
        opened_at: Since when the cluster has been there; None: there is none.
        idle_since: Since when it has had no jobs.
        capped_since: Since when a limit has been reached.
        spent: Cost by period.
        accounted_at: Until when the cost has been added up.
        request: Id of the request in flight for the cluster.
        failures: Requests for it that failed in a row.
        message: For people.
    """

    target: str
    options: Mapping[str, Any] = field(default_factory=dict)
    generation: int = 0
    opened_at: float | None = None
    idle_since: float | None = None
    capped_since: float | None = None
    spent: Mapping[str, float] = field(default_factory=dict)
    accounted_at: float | None = None
    request: str = ""
    failures: int = 0
    message: str = ""


class PoolTable(Protocol):
    """The durable tables of pools and jobs; its methods block."""

    def put_pool(self, target: str, options: Mapping[str, Any]) -> None:
        """Make a target known, or its options new."""

    def pools(self) -> list[Pool]:
        """Return all targets that were ever used."""

    def change_pool(self, target: str, **values: Any) -> None:
        """Set fields of a pool."""

    def add_job(self, job: PoolJob) -> None:
        """Store a job unless one of its id is there."""

    def jobs(self, ids: Sequence[str]) -> list[PoolJob]:
        """Return jobs by id."""

    def open_jobs(self, target: str) -> list[PoolJob]:
        """Return the jobs of a target that have not ended, the oldest first."""

    def newest_waiting(self, target: str) -> float | None:
        """Return when the last of the jobs that wait for a node came, None if none waits."""

    def change_job(
        self, job_id: str, expected: Sequence[JobState], *, unless_node: bool = False, **values: Any
    ) -> bool:
        """Set fields if the state is one of ``expected``, and, with ``unless_node``, no node has it yet.

        Returns:
            Whether it was so.
        """

    def prune(self, before: float) -> int:
        """Remove jobs that ended before a moment; return how many."""

    def leader(self) -> tuple[str, float] | None:
        """Return which agent leads until when, or None."""
