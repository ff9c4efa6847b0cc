"""Rows by key, many at a time: the runs of numbers, the datasets of ids, the runs that read datasets."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from chronos_plugin.db.metadata import SCHEMA
from chronos_plugin.db.store import partitions
from chronos_plugin.db.store.lists import USAGE
from chronos_plugin.db.store.packing import bucket_of, own_key, unpack_own, unpack_shared

_AT_ONCE = 500


class RunRow(NamedTuple):
    """A row of ``run``; :mod:`chronos_plugin.db.tables.lineage` says what the values mean."""

    number: int
    parent: int
    started: int
    uuid: Any
    job: int
    duration: int
    node: int
    error: int
    map_index: int
    cpu: int
    memory: int
    wait: int
    target: int
    exit_code: int
    state: int
    attempt: int
    links: bytes


class DatasetRow(NamedTuple):
    """A row of ``dataset``."""

    id: int
    producer: int | None
    size: int | None
    template: int
    numbers: bytes
    checksum: bytes | None

    @property
    def made_by(self) -> int:
        """The number of the run that made it; 0: none that is known."""
        return self.id >> 8 if self.producer is None else self.producer


class Users(NamedTuple):
    """The runs that read one dataset.

    Attributes:
        numbers: Ascending; the first ones.
        total: How many there are, not less than this where ``exact`` is false.
    """

    numbers: list[int]
    total: int
    exact: bool


RUN_COLUMNS = ", ".join(f'"{name}"' for name in RunRow._fields)
DATASET_COLUMNS = ", ".join(f'"{name}"' for name in DatasetRow._fields)


def on_postgresql(connection: Connection) -> bool:
    """Return whether the database is PostgreSQL."""
    return connection.dialect.name == "postgresql"


def table(connection: Connection, name: str) -> str:
    """Return a table's name in SQL text."""
    return f"{SCHEMA}.{name}" if on_postgresql(connection) else name


def as_uuid(value: Any) -> Any:
    """Return an id as a UUID: SQLite has a text of digits."""
    from uuid import UUID

    return UUID(value) if isinstance(value, str) else value


def runs(connection: Connection, numbers: Collection[int]) -> dict[int, RunRow]:
    """Return the rows of runs by number; archived and unknown ones are left out."""
    rows = _by_key(connection, "run", "number", RUN_COLUMNS, partitions.split(numbers))
    return {row[0]: RunRow(*row)._replace(uuid=as_uuid(row[3])) for row in rows}


def datasets(connection: Connection, ids: Collection[int]) -> dict[int, DatasetRow]:
    """Return the rows of datasets by id; archived and unknown ones are left out."""
    parts: dict[int, list[int]] = {}
    for identity in ids:
        parts.setdefault(identity >> (8 + partitions.BITS), []).append(identity)
    return {row[0]: DatasetRow(*row) for row in _by_key(connection, "dataset", "id", DATASET_COLUMNS, parts)}


def facets(connection: Connection, of: str, key: int) -> dict[str, Any]:
    """Return the facets of a run (``run``, its number) or of a dataset (``dataset``, its id)."""
    from sqlalchemy import select

    from chronos_plugin.db.tables import lineage as tables

    found = tables.run_facet if of == "run" else tables.dataset_facet
    column = found.c.number if of == "run" else found.c.id
    return {row.name: row.value for row in connection.execute(select(found).where(column == key))}


def _by_key(
    connection: Connection, name: str, key: str, columns: str, parts: Mapping[int, Sequence[int]]
) -> Iterable[Sequence[Any]]:
    if not on_postgresql(connection):
        for wanted in parts.values():
            for start in range(0, len(wanted), _AT_ONCE):
                listed = ", ".join(str(int(k)) for k in wanted[start : start + _AT_ONCE])
                yield from connection.exec_driver_sql(
                    f"SELECT {columns} FROM {name} WHERE {key} IN ({listed})"  # noqa: S608 - integers
                )
        return
    present = existing(connection, name, parts)
    for part in present:
        # One index scan in one partition: nothing for the planner to decide.
        statement = text(
            f"SELECT {columns} FROM {SCHEMA}.{partitions.table_name(name, part)} "  # noqa: S608
            f"WHERE {key} = ANY(:wanted)"
        )
        yield from connection.execute(statement, {"wanted": list(parts[part])})


def existing(connection: Connection, name: str, parts: Iterable[int]) -> list[int]:
    """Return those of the partitions that are attached."""
    known: set[int] = connection.info.setdefault("chronos_partitions", set())
    wanted = list(parts)
    if not known.issuperset(wanted):
        rows = connection.execute(
            text(
                "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
                "WHERE i.inhparent = CAST(:parent AS regclass)"
            ),
            {"parent": f"{SCHEMA}.{name}"},
        )
        known.clear()
        known.update(int(row[0].rpartition("_p")[2]) for row in rows)
    return [part for part in wanted if part in known]


# -- who read what ---------------------------------------------------------------------------------


def users(connection: Connection, ids: Collection[int], limit: int) -> dict[int, Users]:
    """Return the runs that read each dataset, at most about ``limit`` of each."""
    wanted = set(ids)
    found: dict[int, set[int]] = {i: set() for i in wanted}
    cut: dict[int, int] = {}
    for key, _, _, data, remaining in _lists(connection, wanted, limit):
        if key < 0:
            found[-key].update(unpack_own(data))
            if remaining:
                cut[-key] = cut.get(-key, 0) + remaining
        else:
            for dataset, numbers in unpack_shared(key, data):
                if dataset in wanted:
                    found[dataset].update(numbers)
    young: dict[int, int] = {}
    for dataset, number in _recent(connection, wanted, limit):
        found[dataset].add(number)
        young[dataset] = young.get(dataset, 0) + 1
    for dataset, read in young.items():
        if read > limit:
            cut[dataset] = cut.get(dataset, 0) + _count_recent(connection, dataset) - read
    result = {}
    for dataset, users_found in found.items():
        more = cut.get(dataset, 0)
        result[dataset] = Users(sorted(users_found), len(users_found) + more, not more)
    return result


_LISTS = """
    SELECT k.key, p.place, p.entries, p.data, p.remaining
    FROM unnest(CAST(:keys AS bigint[])) AS k(key)
    CROSS JOIN LATERAL (
        SELECT place, entries, data, 0 AS remaining FROM chronos.posting
        WHERE kind = :kind AND key = k.key ORDER BY place OFFSET 0
    ) p
"""
_OWN = """
    SELECT k.key, p.place, p.entries, p.data, 0 AS remaining
    FROM unnest(CAST(:keys AS bigint[])) AS k(key)
    CROSS JOIN LATERAL (
        SELECT place, entries, data FROM chronos.posting
        WHERE kind = :kind AND key = k.key ORDER BY place LIMIT :chunks
    ) p
"""
_OWN_REST = """
    SELECT key, CAST(sum(entries) AS bigint) FROM chronos.posting
    WHERE kind = :kind AND key = ANY(CAST(:keys AS bigint[])) GROUP BY key
"""


def _lists(
    connection: Connection, wanted: set[int], limit: int
) -> Iterable[tuple[int, int, int, bytes, int]]:
    buckets = sorted({bucket_of(i) for i in wanted})
    own = [own_key(i) for i in wanted]
    chunks = limit // 400 + 2
    if on_postgresql(connection):
        from chronos_plugin.db.store.paths import plan_lookups

        plan_lookups(connection)
        yield from _rows(connection, _LISTS, {"keys": buckets, "kind": USAGE})
        listed = list(_rows(connection, _OWN, {"keys": own, "kind": USAGE, "chunks": chunks}))
        counts = {}
        full = {key for key in {row[0] for row in listed} if sum(r[0] == key for r in listed) == chunks}
        if full:
            rows = connection.execute(text(_OWN_REST), {"keys": sorted(full), "kind": USAGE})
            counts = {row[0]: row[1] for row in rows}
        yield from _with_rest(listed, counts)
        return
    yield from _lists_sqlite(connection, buckets + own)


def _with_rest(
    listed: list[tuple[int, int, int, bytes, int]], counts: Mapping[int, int]
) -> Iterable[tuple[int, int, int, bytes, int]]:
    """Say with the first list of each dataset how many entries were not read."""
    read: dict[int, int] = {}
    for key, _, entries, _, _ in listed:
        read[key] = read.get(key, 0) + entries
    for key, place, entries, data, _ in listed:
        remaining = max(0, counts.get(key, 0) - read[key]) if key in counts else 0
        read[key] = max(read[key], counts.get(key, 0))
        yield key, place, entries, data, remaining


def _rows(connection: Connection, statement: str, parameters: Mapping[str, Any]) -> Iterable[Any]:
    return connection.execute(text(statement), parameters)


def _lists_sqlite(connection: Connection, keys: Sequence[int]) -> Iterable[tuple[int, int, int, bytes, int]]:
    for start in range(0, len(keys), _AT_ONCE):
        listed = ", ".join(str(int(k)) for k in keys[start : start + _AT_ONCE])
        for row in connection.exec_driver_sql(
            f"SELECT key, place, entries, data FROM posting "  # noqa: S608 - integers
            f"WHERE kind = {USAGE} AND key IN ({listed}) ORDER BY key, place"
        ):
            yield row[0], row[1], row[2], row[3], 0


_RECENT = """
    SELECT k.dataset, r.number
    FROM unnest(CAST(:wanted AS bigint[])) AS k(dataset)
    CROSS JOIN LATERAL (
        SELECT number FROM chronos.usage_recent WHERE dataset = k.dataset ORDER BY number LIMIT :most
    ) r
"""


def _recent(connection: Connection, wanted: set[int], limit: int) -> Iterable[tuple[int, int]]:
    if on_postgresql(connection):
        yield from _rows(connection, _RECENT, {"wanted": sorted(wanted), "most": limit + 1})
        return
    ordered = sorted(wanted)
    for start in range(0, len(ordered), _AT_ONCE):
        listed = ", ".join(str(int(k)) for k in ordered[start : start + _AT_ONCE])
        yield from connection.exec_driver_sql(
            f"SELECT dataset, number FROM usage_recent WHERE dataset IN ({listed})"  # noqa: S608
        )


def _count_recent(connection: Connection, dataset: int) -> int:
    name = table(connection, "usage_recent")
    statement = text(f"SELECT count(*) FROM {name} WHERE dataset = :dataset")  # noqa: S608
    return int(connection.execute(statement, {"dataset": dataset}).scalar_one())
