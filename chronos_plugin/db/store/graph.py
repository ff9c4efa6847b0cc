"""Ancestors and descendants: level by level, bounded, and saying what was cut."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chronos_plugin.db.store import read
from chronos_plugin.db.store.packing import inputs_of, outputs_of
from chronos_plugin.db.store.paths import plan_lookups
from chronos_plugin.db.store.read import DatasetRow, RunRow

if TYPE_CHECKING:
    from sqlalchemy import Connection

DEPTH = 5
LIMIT = 1000
_IDS_END = 1 << 62


@dataclass
class Walk:
    """A part of the history, as rows.

    Attributes:
        runs: By number.
        datasets: By id.
        reads: (dataset, run that read it).
        writes: (run, dataset that it wrote).
        at_least: Nodes that there are at least, one level beyond the cut included.
        cut: Whether there are more than were followed.
        open: Datasets at which the walk can be taken up again: they were not followed.
    """

    runs: dict[int, RunRow] = field(default_factory=dict)
    datasets: dict[int, DatasetRow] = field(default_factory=dict)
    reads: set[tuple[int, int]] = field(default_factory=set)
    writes: set[tuple[int, int]] = field(default_factory=set)
    at_least: int = 0
    cut: bool = False
    open: set[int] = field(default_factory=set)

    @property
    def size(self) -> int:
        """Nodes followed."""
        return len(self.runs) + len(self.datasets)


def ancestors(
    connection: Connection, ids: Collection[int], *, depth: int = DEPTH, limit: int = LIMIT
) -> Walk:
    """Follow datasets back to what they were made from.

    Args:
        ids: Where to begin.
        depth: Processings to go back.
        limit: Nodes (runs and datasets) at most.
    """
    walk = Walk(datasets=read.datasets(connection, ids))
    front = dict(walk.datasets)
    for _ in range(depth):
        makers = {row.made_by: row for row in front.values() if row.made_by}
        for identity, row in front.items():
            if row.made_by:
                walk.writes.add((row.made_by, identity))
        new = [number for number in makers if number not in walk.runs]
        made = read.runs(connection, _room(walk, new, front, limit - walk.size))
        walk.runs.update(made)
        parents: dict[int, int] = {}
        for number, maker in made.items():
            for identity in inputs_of(number, maker.links):
                walk.reads.add((identity, number))
                parents.setdefault(identity, number)
        fresh = [identity for identity in parents if identity not in walk.datasets]
        front = read.datasets(connection, _room(walk, fresh, (), limit - walk.size))
        walk.datasets.update(front)
        if not front:
            break
    walk.open |= {i for i, row in front.items() if row.made_by and row.made_by not in walk.runs}
    return _finished(walk)


def descendants(
    connection: Connection, ids: Collection[int], *, depth: int = DEPTH, limit: int = LIMIT
) -> Walk:
    """Follow datasets on to what was made from them; arguments as :func:`ancestors`."""
    if read.on_postgresql(connection):
        plan_lookups(connection)
    walk = Walk()
    # Their rows are read at the end, all at once: nothing in them tells who read them.
    followed = dict.fromkeys(i for i in ids if 0 < i < _IDS_END)
    front: Collection[int] = list(followed)
    for _ in range(depth):
        fresh = _readers(connection, walk, front, limit)
        used = read.runs(connection, _room(walk, fresh, front, limit - len(walk.runs) - len(followed)))
        walk.runs.update(used)
        made = {i: number for number, row in used.items() for i in outputs_of(number, row.links)}
        walk.writes |= {(number, identity) for identity, number in made.items()}
        new = [identity for identity in made if identity not in followed]
        front = _room(walk, new, (), limit - len(walk.runs) - len(followed))
        followed.update(dict.fromkeys(front))
        if not front or walk.cut:
            break
    walk.open |= set(front)
    walk.datasets.update(read.datasets(connection, followed))
    return _finished(walk)


def _readers(connection: Connection, walk: Walk, front: Collection[int], limit: int) -> list[int]:
    """Note who read datasets; return those that the walk has not come to yet."""
    fresh: dict[int, None] = {}
    for identity, found in read.users(connection, front, limit).items():
        walk.at_least += 0 if found.exact else found.total - len(found.numbers)
        walk.cut |= not found.exact
        walk.reads.update((identity, number) for number in found.numbers)
        fresh.update(dict.fromkeys(number for number in found.numbers if number not in walk.runs))
    return list(fresh)


def _room(walk: Walk, wanted: list[int], behind: Collection[int], room: int) -> list[int]:
    """Return as many as there is room for; where that is not all, note it."""
    room = max(0, room)
    if len(wanted) > room:
        walk.cut = True
        walk.at_least += len(wanted) - room
        walk.open.update(behind)
    return wanted[:room]


def _finished(walk: Walk) -> Walk:
    walk.reads = {(i, n) for i, n in walk.reads if i in walk.datasets and n in walk.runs}
    walk.writes = {(n, i) for n, i in walk.writes if i in walk.datasets and n in walk.runs}
    walk.at_least += walk.size
    return walk
