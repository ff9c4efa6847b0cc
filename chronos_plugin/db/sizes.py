"""What the tables take on disk."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine, text

from chronos_plugin.db.engine import reading
from chronos_plugin.db.metadata import SCHEMA


@dataclass(frozen=True)
class TableSize:
    """One table, its partitions taken together.

    Attributes:
        rows: PostgreSQL: the planner's estimate; SQLite: counted.
        table_bytes: Rows, with long values stored apart.
        index_bytes: All indexes; on SQLite those that are not the table itself.
    """

    table: str
    rows: int
    table_bytes: int
    index_bytes: int


def table_sizes(engine: Engine) -> list[TableSize]:
    """Return the sizes of all tables of CHRONOS, the largest first."""
    rows = _postgresql(engine) if engine.dialect.name == "postgresql" else _sqlite(engine)
    return sorted(rows, key=lambda row: -(row.table_bytes + row.index_bytes))


def _postgresql(engine: Engine) -> list[TableSize]:
    statement = text(
        """
        SELECT coalesce(parent.relname, leaf.relname),
               sum(CASE leaf.relkind WHEN 'r' THEN greatest(leaf.reltuples, 0) ELSE 0 END)::bigint,
               sum(pg_table_size(leaf.oid))::bigint, sum(pg_indexes_size(leaf.oid))::bigint
        FROM pg_class leaf
        JOIN pg_namespace space ON space.oid = leaf.relnamespace AND space.nspname = :schema
        LEFT JOIN pg_inherits i ON i.inhrelid = leaf.oid
        LEFT JOIN pg_class parent ON parent.oid = i.inhparent
        WHERE leaf.relkind IN ('r', 'p')
        GROUP BY 1
        """
    )
    with reading(engine) as connection:
        return [TableSize(*row) for row in connection.execute(statement, {"schema": SCHEMA})]


def _sqlite(engine: Engine) -> list[TableSize]:
    with reading(engine) as connection:
        names = connection.execute(
            text("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        ).scalars()
        found = []
        for name in list(names):
            quoted = '"' + name.replace('"', '""') + '"'
            rows = connection.execute(text(f"SELECT count(*) FROM {quoted}")).scalar_one()  # noqa: S608
            by_part = connection.execute(
                text(
                    "SELECT s.name, sum(s.pgsize) FROM dbstat s JOIN sqlite_master m ON m.name = s.name "
                    "WHERE m.tbl_name = :name GROUP BY 1"
                ),
                {"name": name},
            )
            sizes: dict[str, int] = {row[0]: row[1] for row in by_part}
            own = sizes.pop(name, 0)
            found.append(TableSize(name, rows, own, sum(sizes.values())))
        return found
