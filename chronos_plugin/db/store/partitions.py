"""Partitions by time: each month of recording has a range of numbers, and on PostgreSQL tables of its own."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import Connection, select, text

from chronos_plugin.db.metadata import SCHEMA
from chronos_plugin.db.tables.lineage import OUTPUTS_PER_NUMBER, span

BITS = 24
RANGE = 1 << BITS
"""Numbers of a partition; a month with more has several, one with fewer leaves numbers out."""
BY_NUMBER = ("run", "run_facet")
BY_ID = ("dataset", "dataset_facet")
CHANGES = "partitions"
"""Counter of partitions that went or came back: who remembers which there are looks again."""


class Span(NamedTuple):
    """One partition.

    Attributes:
        id: Its numbers begin at ``id * RANGE``.
        first: The first number given in it.
        last: The first number that was not given any more; None in the partition that is being filled.
        started: When recording in it began, milliseconds since 1970.
        ended: When it ended.
        archived: File that its rows were moved to; empty: they are in the database.
    """

    id: int
    first: int
    last: int | None
    started: int
    ended: int | None
    archived: str = ""

    @property
    def name(self) -> str:
        """What people call it."""
        return f"p{self.id:04d}"


def spans(connection: Connection) -> list[Span]:
    """Return the partitions, oldest first."""
    rows = connection.execute(select(span).order_by(span.c.first))
    return [Span(row.id, row.first, row.last, row.started, row.ended, row.archived) for row in rows]


def place(connection: Connection, current: Span | None, number: int, count: int, now: int) -> Span:
    """Return the partition for ``count`` runs from ``number`` on, opening the next one if need be.

    Args:
        current: The partition that is being filled.
        number: The next number to be given.
        count: Numbers wanted, at most :data:`RANGE`.
        now: Milliseconds since 1970.

    Returns:
        The partition; its ``first`` is above ``number`` if it is new.
    """
    if current and _month(now) <= _month(current.started) and number + count <= (current.id + 1) * RANGE:
        return current
    following = (
        Span(current.id + 1, (current.id + 1) * RANGE, None, now, None)
        if current
        else (Span(number >> BITS, number, None, now, None))
    )
    if current:
        connection.execute(span.update().where(span.c.id == current.id).values(last=number, ended=now))
    connection.execute(span.insert().values(**following._asdict()))
    if connection.dialect.name == "postgresql":
        _create(connection, following.id)
    return following


def split(numbers: Iterable[int]) -> dict[int, list[int]]:
    """Return numbers by the id of their partition."""
    found: dict[int, list[int]] = {}
    for number in numbers:
        found.setdefault(number >> BITS, []).append(number)
    return found


def table_name(table: str, part: int) -> str:
    """Return the name of a table's partition."""
    return f"{table}_p{part:04d}"


def _month(milliseconds: int) -> str:
    return f"{datetime.datetime.fromtimestamp(milliseconds / 1000, datetime.UTC):%Y-%m}"


def bounds(table: str, part: int) -> tuple[int, int]:
    """Return the first key of a table's partition, and the first one beyond it."""
    width = RANGE if table in BY_NUMBER else RANGE * OUTPUTS_PER_NUMBER
    return part * width, (part + 1) * width


def _create(connection: Connection, part: int) -> None:
    for table in (*BY_NUMBER, *BY_ID):
        first, last = bounds(table, part)
        connection.execute(
            text(
                f"CREATE TABLE {SCHEMA}.{table_name(table, part)} PARTITION OF {SCHEMA}.{table} "
                f"FOR VALUES FROM ({first}) TO ({last})"
            )
        )
