"""Matching offers to tasks: a pure function.

Mesos offers what an agent has free in several pieces. They are gathered by agent, and tasks are cut from them
in the order of the queue; a task that fits nowhere does not keep smaller ones behind it from starting.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chronos_plugin.hooks.mesos.messages import Offer
from chronos_plugin.hooks.mesos.tasks import SCALARS, Demand, TaskSpec

_NEEDS_CONSENT = ("disk", "revocable", "shared", "provider_id")
"""Resources with one of these fields are volumes, may be taken back, or are not the agent's own."""


@dataclass(frozen=True)
class Placement:
    """Tasks to launch on one agent, with all its open offers.

    Attributes:
        launches: Each task, and its resources as cut from the offers.
    """

    agent_id: str
    hostname: str
    agent_url: str
    offer_ids: tuple[str, ...]
    launches: tuple[tuple[TaskSpec, list[dict[str, Any]]], ...]


@dataclass
class _Piece:
    resource: Mapping[str, Any]
    left: int


@dataclass
class _Agent:
    """What an agent has free, in thousandths; reserved pieces first."""

    offers: list[Offer] = field(default_factory=list)
    pieces: dict[str, list[_Piece]] = field(default_factory=lambda: {name: [] for name in SCALARS})

    def add(self, offer: Offer) -> None:
        self.offers.append(offer)
        for resource in offer.resources:
            pieces = self.pieces.get(str(resource.get("name")))
            left = _thousandths(resource)
            if pieces is not None and left and not any(resource.get(key) for key in _NEEDS_CONSENT):
                pieces.append(_Piece(resource, left))
                pieces.sort(key=lambda piece: not _reserved(piece.resource))

    def take(self, wanted: Mapping[str, int]) -> list[dict[str, Any]] | None:
        """Cut what is wanted; None, and nothing is cut, if it is not there."""
        if any(sum(piece.left for piece in self.pieces[name]) < amount for name, amount in wanted.items()):
            return None
        cut = []
        for name, amount in wanted.items():
            for piece in self.pieces[name]:
                part = min(amount, piece.left)
                if part:
                    piece.left -= part
                    amount -= part
                    cut.append({**piece.resource, "scalar": {"value": part / 1000}})
        return cut


_Kind = tuple[Demand, tuple[tuple[str, str], ...]]
_Entry = tuple[int, float, str]


class Waiting:
    """The queue: by priority, then by time of submission; tasks that ask for the same lie together."""

    def __init__(self) -> None:
        self._kinds: dict[_Kind, list[_Entry]] = {}
        self._entries: dict[str, tuple[_Kind, _Entry, TaskSpec]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, task_id: str) -> bool:
        return task_id in self._entries

    def add(self, spec: TaskSpec, submitted_at: float) -> None:
        """Put a task in, if it is not there."""
        if spec.id in self._entries:
            return
        kind = (spec.demand, tuple(sorted(spec.placement.items())))
        entry = (-spec.priority, submitted_at, spec.id)
        insort(self._kinds.setdefault(kind, []), entry)
        self._entries[spec.id] = (kind, entry, spec)

    def discard(self, task_id: str) -> None:
        """Take a task out, if it is there."""
        found = self._entries.pop(task_id, None)
        if found is None:
            return
        kind, entry, _ = found
        entries = self._kinds[kind]
        del entries[bisect_left(entries, entry)]
        if not entries:
            del self._kinds[kind]

    def by_kind(self) -> dict[_Kind, Iterator[_Entry]]:
        """Return the tasks of each kind, the first of the queue first."""
        return {kind: iter(entries) for kind, entries in self._kinds.items()}

    def spec(self, task_id: str) -> TaskSpec:
        """Return a task that is in the queue."""
        return self._entries[task_id][2]


def match(offers: Iterable[Offer], waiting: Waiting) -> list[Placement]:
    """Place waiting tasks on agents, each at most once; the queue stays as it is.

    Returns:
        For each agent that gets tasks, what to launch with its offers. Tasks without a place, and offers of
        agents without a task, are in none.
    """
    agents: dict[str, _Agent] = defaultdict(_Agent)
    for offer in offers:
        agents[offer.agent_id].add(offer)
    kinds = waiting.by_kind()
    heads = {kind: next(entries) for kind, entries in kinds.items()}
    placements = []
    for agent_id, agent in agents.items():
        if not heads:
            break
        launches = tuple((waiting.spec(task_id), cut) for task_id, cut in _fill(agent, kinds, heads))
        if launches:
            first = agent.offers[0]
            ids = tuple(offer.id for offer in agent.offers)
            placements.append(Placement(agent_id, first.hostname, first.agent_url, ids, launches))
    return placements


def _fill(
    agent: _Agent, kinds: Mapping[_Kind, Iterator[_Entry]], heads: dict[_Kind, _Entry]
) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield the tasks that the agent takes; ``heads`` has the next task of each kind."""
    possible = {kind for kind in heads if _suits(agent, kind[1])}
    while possible:
        # Where one of a kind does not fit, none does.
        kind = min(possible, key=heads.__getitem__)
        resources = agent.take(kind[0].thousandths())
        if resources is None:
            possible.discard(kind)
            continue
        yield heads[kind][2], resources
        following = next(kinds[kind], None)
        if following is None:
            del heads[kind]
            possible.discard(kind)
        else:
            heads[kind] = following


def _suits(agent: _Agent, placement: Sequence[tuple[str, str]]) -> bool:
    first = agent.offers[0]
    attributes = {"hostname": first.hostname, **first.attributes}
    return all(attributes.get(name) == value for name, value in placement)


def _thousandths(resource: Mapping[str, Any]) -> int:
    scalar = resource.get("scalar")
    value = scalar.get("value") if isinstance(scalar, Mapping) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e12:
        return 0
    return int(round(value * 1000, 3))


def _reserved(resource: Mapping[str, Any]) -> bool:
    return bool(resource.get("reservations")) or resource.get("role", "*") != "*"
