"""Rows by key, many at a time: the runs of numbers, the datasets of ids, the runs that read datasets."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, text

from chronos_plugin.db.metadata import SCHEMA
from chronos_plugin.db.store import partitions
from chronos_plugin.db.store.lists import USAGE
from chronos_plugin.db.store.packing import CHUNK, bucket_of, own_key, unpack_own, unpack_shared

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
    return UUID(value) if isinstance(value, str) else value


def runs(connection: Connection, numbers: Collection[int]) -> dict[int, RunRow]:
    """Return the rows of runs by number; archived and unknown ones are left out."""
    rows = _by_key(connection, "run", "number", RUN_COLUMNS, partitions.split(numbers))
    if on_postgresql(connection):
        return {row[0]: RunRow._make(row) for row in rows}
    return {row[0]: RunRow(*row)._replace(uuid=as_uuid(row[3])) for row in rows}


def run_ids(connection: Connection, numbers: Collection[int]) -> dict[int, UUID]:
    """Return the ids of runs by number; archived and unknown ones are left out."""
    rows = _by_key(connection, "run", "number", "number, uuid", partitions.split(numbers))
    return {row[0]: as_uuid(row[1]) for row in rows}


def datasets(connection: Connection, ids: Collection[int]) -> dict[int, DatasetRow]:
    """Return the rows of datasets by id; archived and unknown ones are left out."""
    parts: dict[int, list[int]] = {}
    for identity in ids:
        parts.setdefault(identity >> (8 + partitions.BITS), []).append(identity)
    rows = _by_key(connection, "dataset", "id", DATASET_COLUMNS, parts)
    return {row[0]: DatasetRow._make(row) for row in rows}


def facets_of_dataset(connection: Connection, identity: int) -> dict[str, Any]:
    """Return the facets of a dataset by name."""
    from sqlalchemy import select

    from chronos_plugin.db.tables.lineage import dataset_facet

    wanted = select(dataset_facet).where(dataset_facet.c.id == identity)
    return {row.name: row.value for row in connection.execute(wanted)}


def facets_of_runs(connection: Connection, numbers: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Return the facets of runs, by number and name."""
    from sqlalchemy import select

    from chronos_plugin.db.tables.lineage import run_facet

    found: dict[int, dict[str, Any]] = {}
    for start in range(0, len(numbers), _AT_ONCE):
        wanted = select(run_facet).where(run_facet.c.number.in_(numbers[start : start + _AT_ONCE]))
        for row in connection.execute(wanted):
            found.setdefault(row.number, {})[row.name] = row.value
    return found


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
    # An index scan in each partition, by its name: nothing for the planner to decide.
    present = existing(connection, name, parts)
    scans = (
        f"SELECT {columns} FROM {SCHEMA}.{partitions.table_name(name, part)} "  # noqa: S608
        f"WHERE {key} = ANY(%(p{part})s)"
        for part in present
    )
    if present:
        yield from fetch(
            connection, " UNION ALL ".join(scans), {f"p{part}": list(parts[part]) for part in present}
        )


def fetch(connection: Connection, statement: str, parameters: Mapping[str, Any]) -> Sequence[Any]:
    """Return the rows of a statement in the driver's own words, as the driver gives them.

    For many rows: the toolkit's take three times as long.
    """
    result = connection.exec_driver_sql(statement, dict(parameters))
    rows: Sequence[Any] = result.cursor.fetchall()
    result.close()
    return rows


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
    """Return the runs that read each dataset, at most about ``limit`` of each.

    On PostgreSQL the transaction must have called :func:`chronos_plugin.db.store.paths.plan_lookups`.
    """
    wanted = set(ids)
    found: dict[int, set[int]] = {i: set() for i in wanted}
    chunks = limit // CHUNK + 2
    own: dict[int, list[int]] = {}
    young: dict[int, int] = {}
    for key, place, entries, data in _entries(connection, wanted, chunks, limit):
        if data is None:
            found[key].add(place)
            young[key] = young.get(key, 0) + 1
        elif key < 0:
            found[-key].update(unpack_own(data))
            own.setdefault(-key, []).append(entries)
        else:
            for dataset, numbers in unpack_shared(key, data, wanted):
                found[dataset].update(numbers)
    cut = _left_out(connection, own, chunks)
    for dataset, count in young.items():
        if count > limit:
            cut[dataset] = cut.get(dataset, 0) + _count_recent(connection, dataset) - count
    return {
        dataset: Users(sorted(numbers), len(numbers) + cut.get(dataset, 0), not cut.get(dataset))
        for dataset, numbers in found.items()
    }


_ENTRIES = """
    SELECT k.key, p.place, p.entries, p.data
    FROM unnest(%(buckets)s::bigint[]) AS k(key)
    CROSS JOIN LATERAL (
        SELECT place, entries, data FROM chronos.posting
        WHERE kind = %(kind)s AND key = k.key ORDER BY place OFFSET 0
    ) p
    UNION ALL
    SELECT k.key, p.place, p.entries, p.data
    FROM unnest(%(own)s::bigint[]) AS k(key)
    CROSS JOIN LATERAL (
        SELECT place, entries, data FROM chronos.posting
        WHERE kind = %(kind)s AND key = k.key ORDER BY place LIMIT %(chunks)s
    ) p
    UNION ALL
    SELECT k.dataset, r.number, 1, NULL
    FROM unnest(%(wanted)s::bigint[]) AS k(dataset)
    CROSS JOIN LATERAL (
        SELECT number FROM chronos.usage_recent WHERE dataset = k.dataset ORDER BY number LIMIT %(most)s
    ) r
"""
_Entry = tuple[int, int, int, bytes | None]


def _entries(connection: Connection, wanted: set[int], chunks: int, limit: int) -> Iterable[_Entry]:
    """Yield rows of lists, and young usage: the dataset, the run, and no data."""
    buckets = sorted({bucket_of(i) for i in wanted})
    own = [own_key(i) for i in wanted]
    if not on_postgresql(connection):
        yield from _entries_of_sqlite(connection, buckets + own, sorted(wanted))
        return
    parameters = {
        "kind": USAGE,
        "buckets": buckets,
        "own": own,
        "wanted": sorted(wanted),
        "chunks": chunks,
        "most": limit + 1,
    }
    yield from fetch(connection, _ENTRIES, parameters)


def _entries_of_sqlite(
    connection: Connection, keys: Sequence[int], wanted: Sequence[int]
) -> Iterable[_Entry]:
    for start in range(0, len(keys), _AT_ONCE):
        listed = ", ".join(str(int(k)) for k in keys[start : start + _AT_ONCE])
        for row in connection.exec_driver_sql(
            f"SELECT key, place, entries, data FROM posting "  # noqa: S608 - integers
            f"WHERE kind = {USAGE} AND key IN ({listed}) ORDER BY key, place"
        ):
            yield row[0], row[1], row[2], row[3]
    for start in range(0, len(wanted), _AT_ONCE):
        listed = ", ".join(str(int(k)) for k in wanted[start : start + _AT_ONCE])
        for row in connection.exec_driver_sql(
            f"SELECT dataset, number FROM usage_recent WHERE dataset IN ({listed})"  # noqa: S608
        ):
            yield row[0], row[1], 1, None


def _left_out(connection: Connection, own: Mapping[int, Sequence[int]], chunks: int) -> dict[int, int]:
    """Return how many entries of popular datasets were not read."""
    full = [dataset for dataset, entries in own.items() if len(entries) >= chunks]
    if not full or not on_postgresql(connection):
        return {}
    rows = connection.execute(
        text(
            "SELECT key, CAST(sum(entries) AS bigint) FROM chronos.posting "
            "WHERE kind = :kind AND key = ANY(CAST(:keys AS bigint[])) GROUP BY key"
        ),
        {"kind": USAGE, "keys": [own_key(i) for i in full]},
    )
    return {-row[0]: row[1] - sum(own[-row[0]]) for row in rows if row[1] > sum(own[-row[0]])}


def _count_recent(connection: Connection, dataset: int) -> int:
    name = table(connection, "usage_recent")
    statement = text(f"SELECT count(*) FROM {name} WHERE dataset = :dataset")  # noqa: S608
    return int(connection.execute(statement, {"dataset": dataset}).scalar_one())
