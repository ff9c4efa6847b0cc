"""When a cluster is made, grows, shrinks and goes: a pure function of what is known at a moment."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Policy:
    """Limits of a cluster that a target keeps.

    Attributes:
        min_nodes: So many stay as long as the cluster lives.
        max_nodes: Never more.
        node_cores: CPU cores of a node that jobs may take.
        idle_seconds: A node, and in the end the cluster, goes after so long without work.
        lifetime_seconds: A cluster as old as this takes no more jobs and goes; 0: no limit.
        cost_cap: Once so much is spent in its period, no more jobs start, and the cluster goes; 0: no limit.
        drain_seconds: How long running jobs may go on then.
    """

    min_nodes: int = 1
    max_nodes: int = 4
    node_cores: float = 1.0
    idle_seconds: float = 600.0
    lifetime_seconds: float = 0.0
    cost_cap: float = 0.0
    drain_seconds: float = 3600.0


@dataclass(frozen=True)
class NodeLoad:
    """A node that can be used.

    Attributes:
        cores: Taken by jobs.
        idle_since: Seconds since the epoch; None while it has jobs.
    """

    name: str
    cores: float = 0.0
    idle_since: float | None = None


@dataclass(frozen=True)
class Situation:
    """What is known of a cluster and its queue.

    Attributes:
        now: Seconds since the epoch.
        cluster: ``absent``, ``pending``, ``ready``, ``stopped`` or ``failed``.
        nodes: The nodes that can be used.
        queued_cores: Asked for by jobs that wait and may start.
        opened_at: Since when the cluster has been there.
        idle_since: Since when no job waits or runs; None: there are jobs.
        spent: Cost in the period of the cap.
        capped_since: Since when a limit of cost or lifetime has been reached; None: it has not.
    """

    now: float
    cluster: str
    nodes: Sequence[NodeLoad] = ()
    queued_cores: float = 0.0
    opened_at: float | None = None
    idle_since: float | None = None
    spent: float = 0.0
    capped_since: float | None = None

    @property
    def running(self) -> bool:
        """Whether any node has jobs."""
        return any(node.cores > 0 for node in self.nodes)


@dataclass(frozen=True)
class Create:
    """Make the cluster with so many nodes."""

    nodes: int


@dataclass(frozen=True)
class Expand:
    """Add so many nodes."""

    count: int


@dataclass(frozen=True)
class Shrink:
    """Remove a node that has nothing to do."""

    node: str


@dataclass(frozen=True)
class Delete:
    """Remove the cluster; the reason is for people."""

    reason: str


Action = Create | Expand | Shrink | Delete | None


def limit_reached(policy: Policy, situation: Situation) -> str:
    """Return which limit forbids new jobs, in words, or an empty text."""
    if policy.cost_cap and situation.spent >= policy.cost_cap:
        return f"the cost cap of {policy.cost_cap:g} is reached"
    opened, limit = situation.opened_at, policy.lifetime_seconds
    if limit and opened is not None and situation.now - opened >= limit:
        return f"the cluster's lifetime of {limit:g} s is over"
    return ""


def nodes_wanted(policy: Policy, situation: Situation) -> int:
    """Return how many nodes the jobs that wait and run need, within the limits."""
    busy = [node for node in situation.nodes if node.cores > 0]
    free = sum(max(0.0, policy.node_cores - node.cores) for node in busy)
    missing = max(0.0, situation.queued_cores - free)
    wanted = len(busy) + math.ceil(missing / policy.node_cores - 1e-9)
    return min(policy.max_nodes, max(policy.min_nodes, wanted))


def decide(policy: Policy, situation: Situation) -> Action:
    """Return what to do with the cluster now; None: nothing."""
    limit = limit_reached(policy, situation)
    match situation.cluster:
        case "absent":
            if situation.queued_cores <= 0 or limit:
                return None
            return Create(max(1, nodes_wanted(policy, situation)))
        case "failed":
            return None if situation.running else Delete("the cluster has failed")
        case "ready":
            return _drain(policy, situation, limit) if limit else _fit(policy, situation)
    return None


def _drain(policy: Policy, situation: Situation, limit: str) -> Action:
    if not situation.running:
        return Delete(limit)
    since = situation.capped_since
    if since is not None and situation.now - since >= policy.drain_seconds:
        return Delete(f"{limit}, and its jobs had {policy.drain_seconds:g} s to end")
    return None


def _fit(policy: Policy, situation: Situation) -> Action:
    idle = situation.idle_since
    if idle is not None and not situation.running and situation.queued_cores <= 0:
        if situation.now - idle >= policy.idle_seconds:
            return Delete(f"nothing to do for {policy.idle_seconds:g} s")
        return _remove_idle(policy, situation)
    wanted = nodes_wanted(policy, situation)
    if wanted > len(situation.nodes):
        return Expand(wanted - len(situation.nodes))
    return _remove_idle(policy, situation)


def _remove_idle(policy: Policy, situation: Situation) -> Action:
    if len(situation.nodes) <= max(policy.min_nodes, nodes_wanted(policy, situation)):
        return None
    idle = [
        (node.idle_since, node.name)
        for node in situation.nodes
        if node.cores <= 0
        and node.idle_since is not None
        and situation.now - node.idle_since >= policy.idle_seconds
    ]
    return Shrink(min(idle)[1]) if idle else None
