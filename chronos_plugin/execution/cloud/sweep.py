"""Which resources in a cloud nobody needs any more: a pure function of what is there and what is known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from chronos_plugin.execution.cloud.model import Request, Resource
from chronos_plugin.execution.cloud.naming import has_expired, is_ours

REAP_ORDER = ("share", "cluster", "host", "volume", "network")
"""A kind comes before those that it needs."""


class Finding(StrEnum):
    """What a resource is to CHRONOS."""

    KEPT = "kept"
    """It has an owner that still needs it."""
    ORPHAN = "orphan"
    """Its owner is gone, or its time is over."""
    UNKNOWN = "unknown"
    """It bears CHRONOS's mark, but this installation does not know it: another one may."""
    FOREIGN = "foreign"
    """It was not made by CHRONOS."""


@dataclass(frozen=True)
class Found:
    """A resource, and why it stays or goes."""

    resource: Resource
    finding: Finding
    why: str
    owner: str = ""
    expires: float | None = None


def sweep(
    resources: Iterable[Resource],
    created: Callable[[str, str], Request | None],
    lives: Callable[[str], bool],
    now: float,
) -> list[Found]:
    """Judge the resources of one tenant; parts of clusters and what CHRONOS did not make are told apart.

    Args:
        resources: All that the tenant has.
        created: Gives the last request that made a resource, by kind and name; None: there is none.
        lives: Whether an owner (:mod:`~chronos_plugin.execution.cloud.naming`) still needs its resources.
        now: Seconds since the epoch.
    """
    everything = list(resources)
    clusters = [resource.name for resource in everything if resource.kind == "cluster"]
    return [
        _judge(resource, created(resource.kind, resource.name), lives, now)
        for resource in everything
        if not _part_of(resource, clusters)
    ]


def _part_of(resource: Resource, clusters: Sequence[str]) -> bool:
    """Return whether a host or network belongs to a cluster that is there; it goes with that."""
    if resource.kind == "network":
        return resource.name in clusters
    if resource.kind != "host":
        return False
    gateways = {f"{prefix}-{name}" for name in clusters for prefix in ("gw", "gw2")}
    return resource.name in gateways or any(resource.name.startswith(f"{name}-") for name in clusters)


def _judge(resource: Resource, request: Request | None, lives: Callable[[str], bool], now: float) -> Found:
    if request is None:
        if not is_ours(resource.name, resource.labels):
            return Found(resource, Finding.FOREIGN, "not made by CHRONOS")
        if has_expired(resource.labels, now):
            return Found(resource, Finding.ORPHAN, "its label says that its time is over")
        return Found(resource, Finding.UNKNOWN, "not made by this installation")
    owner, expires = request.owner, request.expires
    if expires is not None:
        over = expires < now
        why = "its time is over" if over else "its time is not over"
        return Found(resource, Finding.ORPHAN if over else Finding.KEPT, why, owner, expires)
    if not owner or lives(owner):
        return Found(resource, Finding.KEPT, "its owner needs it", owner)
    return Found(resource, Finding.ORPHAN, "its owner is gone or has ended", owner)
