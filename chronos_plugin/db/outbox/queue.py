"""The outbox's table: entries in, the next batch out, what became of it, how things stand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import and_, case, exists, func, select, update

from chronos_plugin.db.tables import outbox as tables
from chronos_plugin.exporters.delivery import EXPORTERS, Entry, Settled
from chronos_plugin.lineage.model import RunState

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

_AT_ONCE = 500
_OUTBOX = tables.outbox


@dataclass(frozen=True)
class Told:
    """That a run has come to a state.

    Attributes:
        number: Of the run.
        began: As in :class:`~chronos_plugin.exporters.delivery.Entry`.
    """

    number: int
    state: RunState
    began: bool


@dataclass(frozen=True)
class Standing:
    """How an exporter does; times are seconds since 1970, 0: never.

    Attributes:
        waiting: Entries to be told.
        oldest: When the oldest of them was recorded.
        failing: Those of ``waiting`` that have failed before.
        dead: Entries that are told no more.
        sent: Entries delivered, in all.
        seen: When whoever delivers was last seen.
        holder: Machine and process of it.
        error: What stands in its way now; empty: nothing.
    """

    name: str
    waiting: int
    oldest: float
    failing: int
    dead: int
    sent: int = 0
    last_sent: float = 0.0
    seen: float = 0.0
    holder: str = ""
    error: str = ""


def fill(connection: Connection, exporters: Sequence[str], told: Iterable[Told], now: float) -> int:
    """Add entries, in the transaction that records the runs; return how many."""
    # One state of a run after the other, whatever the order in a batch.
    ordered = list(told)
    rows = [
        {
            "exporter": name,
            "number": one.number,
            "state": int(one.state),
            "began": one.began,
            "recorded": now,
            "due": 0.0,
            "attempts": 0,
            "dead": False,
            "error": "",
        }
        for name in exporters
        for one in ordered
        if one.state in EXPORTERS[name]
    ]
    for start in range(0, len(rows), _AT_ONCE):
        connection.execute(_OUTBOX.insert(), rows[start : start + _AT_ONCE])
    return len(rows)


def next_batch(connection: Connection, exporter: str, limit: int, now: float) -> list[Entry]:
    """Return the entries to deliver next: due ones, none before an earlier one of its run that is not."""
    earlier = _OUTBOX.alias("earlier")
    waits = exists().where(
        and_(
            earlier.c.exporter == exporter,
            earlier.c.number == _OUTBOX.c.number,
            ~earlier.c.dead,
            earlier.c.id < _OUTBOX.c.id,
            earlier.c.due > now,
        )
    )
    wanted = (
        select(_OUTBOX)
        .where(_OUTBOX.c.exporter == exporter, ~_OUTBOX.c.dead, _OUTBOX.c.due <= now, ~waits)
        .order_by(_OUTBOX.c.id)
        .limit(limit)
    )
    return [_entry(row) for row in connection.execute(wanted)]


def keep(connection: Connection, settled: Settled) -> None:
    """Write what became of a batch."""
    gone = list(settled.delivered)
    for start in range(0, len(gone), _AT_ONCE):
        connection.execute(_OUTBOX.delete().where(_OUTBOX.c.id.in_(gone[start : start + _AT_ONCE])))
    for entry in settled.changed:
        values = {"attempts": entry.attempts, "due": entry.due, "dead": entry.dead, "error": entry.error}
        connection.execute(update(_OUTBOX).where(_OUTBOX.c.id == entry.id).values(**values))


def seen(
    connection: Connection, exporter: str, holder: str, now: float, *, sent: int = 0, error: str = ""
) -> None:
    """Write that an exporter is being served."""
    table = tables.exporter
    values = {"holder": holder, "seen": now, "error": error, "sent": table.c.sent + sent}
    if sent:
        values["last_sent"] = now
    changed = connection.execute(update(table).where(table.c.name == exporter).values(**values))
    if not changed.rowcount:
        first = {"name": exporter, "holder": holder, "seen": now, "error": error, "sent": sent}
        connection.execute(table.insert().values(**first, last_sent=now if sent else 0.0))


def standings(connection: Connection, names: Iterable[str]) -> list[Standing]:
    """Return how the exporters of these names, and all that ever had entries, do."""
    known = {row.name: row for row in connection.execute(select(tables.exporter))}
    counted: dict[str, dict[str, float]] = {}
    failing = func.sum(case((_OUTBOX.c.attempts > 0, 1), else_=0))
    counts = select(
        _OUTBOX.c.exporter, _OUTBOX.c.dead, func.count(), func.min(_OUTBOX.c.recorded), failing
    ).group_by(_OUTBOX.c.exporter, _OUTBOX.c.dead)
    for name, dead, number, oldest, failed in connection.execute(counts):
        found = counted.setdefault(name, {})
        found |= {"dead": number} if dead else {"waiting": number, "oldest": oldest, "failing": failed}
    result = []
    for name in sorted({*names, *known, *counted}):
        one, row = counted.get(name, {}), known.get(name)
        more = {k: getattr(row, k) for k in ("sent", "last_sent", "seen", "holder", "error")} if row else {}
        result.append(
            Standing(
                name,
                waiting=int(one.get("waiting", 0)),
                oldest=float(one.get("oldest", 0.0)),
                failing=int(one.get("failing", 0)),
                dead=int(one.get("dead", 0)),
                **more,
            )
        )
    return result


def dead(connection: Connection, exporter: str, limit: int, after: int = 0) -> list[Entry]:
    """Return dead entries with ids above ``after``, the oldest first."""
    wanted = (
        select(_OUTBOX)
        .where(_OUTBOX.c.exporter == exporter, _OUTBOX.c.dead, _OUTBOX.c.id > after)
        .order_by(_OUTBOX.c.id)
        .limit(limit)
    )
    return [_entry(row) for row in connection.execute(wanted)]


def revive(connection: Connection, exporter: str, ids: Sequence[int] | None = None) -> int:
    """Have dead entries told again, all or those with these ids; return how many."""
    which = [_OUTBOX.c.exporter == exporter, _OUTBOX.c.dead]
    if ids is not None:
        which.append(_OUTBOX.c.id.in_(ids))
    changed = connection.execute(
        update(_OUTBOX).where(*which).values(dead=False, attempts=0, due=0.0, error="")
    )
    return int(changed.rowcount)


def drop(connection: Connection, exporter: str, *, only_dead: bool = True) -> int:
    """Remove the dead entries of an exporter, or all; return how many."""
    which = [_OUTBOX.c.exporter == exporter]
    if only_dead:
        which.append(_OUTBOX.c.dead)
    return int(connection.execute(_OUTBOX.delete().where(*which)).rowcount)


def waiting_numbers(connection: Connection, exporter: str, numbers: Sequence[int]) -> set[int]:
    """Return those of the runs that an entry waits for."""
    wanted = select(_OUTBOX.c.number).where(
        _OUTBOX.c.exporter == exporter, ~_OUTBOX.c.dead, _OUTBOX.c.number.in_(list(numbers))
    )
    return set(connection.execute(wanted).scalars())


def _entry(row: Row[tuple[object, ...]]) -> Entry:
    return Entry(
        id=row.id,
        number=row.number,
        state=RunState(row.state),
        began=row.began,
        attempts=row.attempts,
        due=row.due,
        dead=row.dead,
        error=row.error,
    )
