"""Rows on their way into the tables: COPY on PostgreSQL, many at a time on SQLite."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy.dialects import postgresql, sqlite

from chronos_plugin.db.metadata import SCHEMA
from chronos_plugin.db.tables import lineage as tables
from chronos_plugin.lineage.model import RunState

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table

NO_EXIT_CODE = -32768
NOT_MEASURED = -1
MILLISECONDS_OF_HOUR = 3_600_000
HOURS_OF_DAY = 24

Counts = list[int]
_ACTIVITY = (
    (tables.activity_hour, ("hour", "job", "state", "target")),
    (tables.activity_day, ("day", "job", "state", "target")),
    (tables.activity_detail, ("day", "job", "state", "target", "node", "error")),
)
_COUNTS = ("runs", "cpu", "duration", "outputs", "output_bytes")


def _nothing() -> Counts:
    return [0] * len(_COUNTS)


@dataclass
class Rows:
    """Rows of one batch, in the tables' order of columns.

    Attributes:
        usage: (dataset, number of the run that read it).
    """

    runs: list[tuple[Any, ...]] = field(default_factory=list)
    datasets: list[tuple[Any, ...]] = field(default_factory=list)
    run_facets: list[tuple[int, str, Any]] = field(default_factory=list)
    dataset_facets: list[tuple[int, str, Any]] = field(default_factory=list)
    run_keys: list[tuple[Any, int]] = field(default_factory=list)
    locations: list[tuple[int, int, bytes]] = field(default_factory=list)
    usage: list[tuple[int, int]] = field(default_factory=list)
    activity: tuple[dict[tuple[int, ...], Counts], ...] = field(
        default_factory=lambda: tuple(defaultdict(_nothing) for _ in _ACTIVITY)
    )

    def count(
        self,
        *,
        started: int,
        job: int,
        state: RunState,
        target: int,
        node: int,
        error: int,
        cpu: int,
        duration: int,
        outputs: int,
        output_bytes: int,
    ) -> None:
        """Count an ended run."""
        hour = started // MILLISECONDS_OF_HOUR
        day = hour // HOURS_OF_DAY
        common = (job, int(state), target)
        keys = ((hour, *common), (day, *common), (day, *common, node, error))
        for counted, key in zip(self.activity, keys, strict=True):
            counts = counted[key]
            counts[0] += 1
            counts[1] += max(cpu, 0)
            counts[2] += max(duration, 0)
            counts[3] += outputs
            counts[4] += output_bytes


def write(connection: Connection, rows: Rows) -> None:
    """Write a batch."""
    insert(connection, tables.dataset, rows.datasets)
    insert(connection, tables.run, rows.runs)
    insert(connection, tables.run_facet, rows.run_facets)
    insert(connection, tables.dataset_facet, rows.dataset_facets)
    insert(connection, tables.run_key, rows.run_keys)
    insert(connection, tables.location, rows.locations)
    insert(connection, tables.usage_recent, rows.usage)
    write_activity(connection, rows)


def insert(connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """Write rows that are not there yet."""
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        copy(connection, table, rows)
    else:
        names = [column.name for column in table.columns]
        connection.execute(table.insert(), [dict(zip(names, row, strict=True)) for row in rows])


def write_activity(connection: Connection, rows: Rows) -> None:
    """Add to the counters."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    for (table, keys), counted in zip(_ACTIVITY, rows.activity, strict=True):
        if not counted:
            continue
        statement = dialect.insert(table)
        added = statement.on_conflict_do_update(
            index_elements=list(keys), set_={c: table.c[c] + statement.excluded[c] for c in _COUNTS}
        )
        # In one order everywhere, so that two writers cannot wait for each other.
        values = [
            dict(zip((*keys, *_COUNTS), (*key, *counts), strict=True))
            for key, counts in sorted(counted.items())
        ]
        connection.execute(added, values)


_TYPES = {
    "BIGINT": "int8",
    "INTEGER": "int4",
    "SMALLINT": "int2",
    "TEXT": "text",
    "UUID": "uuid",
    "BYTEA": "bytea",
    "JSONB": "jsonb",
}


def copy(connection: Connection, table: Table, rows: Sequence[Sequence[Any]], *, into: str = "") -> None:
    """Write rows by COPY, on PostgreSQL.

    Args:
        into: Name of another table with the same columns.
    """
    types = [_TYPES[str(c.type.compile(dialect=connection.dialect))] for c in table.columns]
    if "jsonb" in types:
        from psycopg.types.json import Jsonb

        rows = [
            tuple(Jsonb(v) if t == "jsonb" else v for t, v in zip(types, row, strict=True)) for row in rows
        ]
    names = ", ".join(f'"{c.name}"' for c in table.columns)
    driver = connection.connection.driver_connection
    assert driver is not None
    with (
        driver.cursor() as cursor,
        cursor.copy(f'COPY {SCHEMA}."{into or table.name}" ({names}) FROM STDIN (FORMAT BINARY)') as copy,
    ):
        copy.set_types(types)
        write_row = copy.write_row
        for row in rows:
            write_row(row)
