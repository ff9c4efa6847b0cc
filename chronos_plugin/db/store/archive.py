"""Old partitions out of the database into Parquet files, and back.

An archive is a folder with one file for each table of the partition, the dictionaries that explain their
numbers, and ``manifest.json``. It is complete and checked before anything leaves the database, which happens
in one transaction. Counters, and the lists of who read what, stay.
"""

from __future__ import annotations

import datetime
import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from chronos_plugin.db.engine import reading, writing
from chronos_plugin.db.metadata import SCHEMA
from chronos_plugin.db.store import lists, parquet, partitions
from chronos_plugin.db.store.partitions import BY_NUMBER, Span, bounds, table_name
from chronos_plugin.db.store.rows import copy
from chronos_plugin.db.tables import lineage as tables
from chronos_plugin.errors import ArchiveInvalid, DatabaseUnsupported, InputInvalid, ServiceBusy

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine, Table

Tell = Callable[[str], None]
MANIFEST = "manifest.json"
FORMAT = 1
TABLES: tuple[Table, ...] = (tables.run, tables.dataset, tables.run_facet, tables.dataset_facet)
DICTIONARIES: tuple[Table, ...] = (tables.label, tables.template, tables.job)
_LOCK_SECONDS = 60


@dataclass(frozen=True)
class Moved:
    """A partition that was archived or restored.

    Attributes:
        rows: By table.
        bytes: Of the files.
    """

    partition: str
    folder: str
    rows: dict[str, int]
    bytes: int


def due(engine: Engine, before: datetime.datetime) -> list[Span]:
    """Return the partitions that were filled before a moment and are in the database, oldest first.

    Raises:
        DatabaseUnsupported: If the database has no partitions.
    """
    _require_partitions(engine)
    last = before.timestamp() * 1000
    with reading(engine) as connection:
        spans = partitions.spans(connection)
    return [s for s in spans if s.ended is not None and s.ended < last and not s.archived]


def archived(engine: Engine, wanted: str) -> Span:
    """Return the archived partition of this name.

    Raises:
        DatabaseUnsupported: If the database has no partitions.
        InputInvalid: If there is none, or it is in the database.
    """
    _require_partitions(engine)
    with reading(engine) as connection:
        spans = partitions.spans(connection)
    found = next((s for s in spans if wanted in (s.name, str(s.id))), None)
    if found is None:
        raise InputInvalid(f"there is no partition {wanted}; airflow chronos db stats shows them")
    if not found.archived:
        raise InputInvalid(f"partition {found.name} is in the database")
    return found


def archive(engine: Engine, span: Span, root: Path, tell: Tell) -> Moved:
    """Move a partition to ``root/NAME``.

    Args:
        tell: Receives words about the progress.

    Raises:
        DatabaseUnsupported: If pyarrow is not installed.
        ServiceBusy: If a run in it ended meanwhile, or others hold the tables for long: nothing was moved.
    """
    parquet.require()
    folder = root.absolute() / span.name
    partial = folder.with_name(f"{span.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    with _snapshot(engine) as connection:
        unfinished = _unfinished(connection, span)
        rows = {t.name: _export(connection, t, t.name, partial, span, tell) for t in DICTIONARIES}
        rows |= {t.name: _export(connection, t, _part(t, span), partial, span, tell) for t in TABLES}
    _write_manifest(partial, span, rows)
    # A folder of that name is of an attempt that did not come to its end.
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)
    _check(folder, span)
    try:
        with writing(engine) as connection:
            _detach(connection, span, folder, unfinished, rows)
    except OperationalError as error:
        raise ServiceBusy(f"partition {span.name} stays in the database: {error.orig}") from error
    return Moved(span.name, str(folder), rows, _bytes(folder))


def restore(engine: Engine, span: Span, tell: Tell) -> Moved:
    """Bring an archived partition back; its files stay.

    Raises:
        ArchiveInvalid: If the files are not what was archived; nothing is changed.
        DatabaseUnsupported: If pyarrow is not installed.
    """
    parquet.require()
    folder = Path(span.archived)
    manifest = _check(folder, span)
    with writing(engine) as connection:
        for table in TABLES:
            _load(connection, table, folder, span, manifest["rows"][table.name], tell)
        for table in TABLES:
            first, last = bounds(table.name, span.id)
            part = _part(table, span)
            connection.execute(
                text(
                    f"ALTER TABLE {SCHEMA}.{table.name} ATTACH PARTITION {SCHEMA}.{part} "
                    f"FOR VALUES FROM ({first}) TO ({last})"
                )
            )
            connection.execute(text(f"ALTER TABLE {SCHEMA}.{part} DROP CONSTRAINT bounds"))
            connection.execute(text(f"ANALYZE {SCHEMA}.{part}"))
        _note(connection, span, "")
    return Moved(span.name, str(folder), manifest["rows"], _bytes(folder))


# -- out -------------------------------------------------------------------------------------------


def _snapshot(engine: Engine) -> Any:
    return engine.connect().execution_options(isolation_level="REPEATABLE READ")


def _export(connection: Connection, table: Table, name: str, folder: Path, span: Span, tell: Tell) -> int:
    def batches() -> Iterator[parquet.Rows]:
        keys = ", ".join(f'"{column.name}"' for column in table.primary_key)
        columns = ", ".join(f'"{column.name}"' for column in table.columns)
        driver = connection.connection.driver_connection
        assert driver is not None
        done = 0
        with driver.cursor(name="archive", binary=True) as cursor:
            cursor.execute(f"SELECT {columns} FROM {SCHEMA}.{name} ORDER BY {keys}")  # noqa: S608
            while rows := cursor.fetchmany(parquet.AT_ONCE):
                yield rows
                done += len(rows)
                tell(f"{span.name}: {table.name}: {done:,} rows")

    return parquet.write(folder / f"{table.name}.parquet", table, batches())


def _write_manifest(folder: Path, span: Span, rows: dict[str, int]) -> None:
    files = sorted(folder.glob("*.parquet"))
    manifest = {
        "format": FORMAT,
        "partition": span.name,
        "first": span.first,
        "last": span.last,
        "started": span.started,
        "ended": span.ended,
        "rows": rows,
        "sha256": {file.name: parquet.digest(file) for file in files},
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")
    # On disk before the database lets go of it.
    for path in (*files, folder / MANIFEST, folder):
        opened = os.open(path, os.O_RDONLY)
        os.fsync(opened)
        os.close(opened)


def _detach(
    connection: Connection, span: Span, folder: Path, unfinished: list[Any], rows: dict[str, int]
) -> None:
    connection.execute(text(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'"))
    # Loaders stay out; they alone change runs, and no run that has ended.
    lists.lock_numbers(connection)
    if unfinished != _unfinished(connection, span) or any(
        _count(connection, t, span) != rows[t.name] for t in (tables.run, tables.dataset)
    ):
        raise ServiceBusy(f"partition {span.name} changed while it was written to {folder}: archive it again")
    for table in TABLES:
        part = f"{SCHEMA}.{_part(table, span)}"
        connection.execute(text(f"ALTER TABLE {SCHEMA}.{table.name} DETACH PARTITION {part}"))
        connection.execute(text(f"DROP TABLE {part}"))
    _note(connection, span, str(folder))


def _unfinished(connection: Connection, span: Span) -> list[Any]:
    """Return the runs that may still change, and the transactions that changed them last."""
    statement = f"SELECT number, xmin::text FROM {SCHEMA}.{_part(tables.run, span)} WHERE state < 2"  # noqa: S608
    return sorted(tuple(row) for row in connection.execute(text(statement)))


def _count(connection: Connection, table: Table, span: Span) -> int:
    return int(
        connection.execute(text(f"SELECT count(*) FROM {SCHEMA}.{_part(table, span)}")).scalar_one()  # noqa: S608
    )


# -- back ------------------------------------------------------------------------------------------


def _check(folder: Path, span: Span) -> dict[str, Any]:
    """Return the manifest of a folder that has all that was archived."""
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text())
    except (OSError, ValueError) as error:
        raise ArchiveInvalid(f"{folder / MANIFEST}: cannot be read: {error}") from error
    if manifest.get("format") != FORMAT or manifest.get("partition") != span.name:
        raise ArchiveInvalid(f"{folder}: no archive of partition {span.name}, or of a newer CHRONOS")
    for name, wanted in manifest["sha256"].items():
        file = folder / name
        if not file.is_file() or parquet.digest(file) != wanted:
            raise ArchiveInvalid(f"{file}: missing, or not what was archived")
    return manifest


def _load(connection: Connection, table: Table, folder: Path, span: Span, expected: int, tell: Tell) -> None:
    part = _part(table, span)
    first, last = bounds(table.name, span.id)
    key = "number" if table.name in BY_NUMBER else "id"
    # Indexes are made when it is attached; the constraint spares that a look at each row.
    connection.execute(
        text(
            f"CREATE TABLE {SCHEMA}.{part} (LIKE {SCHEMA}.{table.name} INCLUDING DEFAULTS, "
            f"CONSTRAINT bounds CHECK ({key} >= {first} AND {key} < {last}))"
        )
    )
    done = 0
    for rows in parquet.read(folder / f"{table.name}.parquet", table):
        copy(connection, table, rows, into=part)
        done += len(rows)
        tell(f"{span.name}: {table.name}: {done:,} of {expected:,} rows")
    if done != expected:
        raise ArchiveInvalid(f"{folder}: {table.name} has {done:,} rows instead of {expected:,}")


# -- both ------------------------------------------------------------------------------------------


def _require_partitions(engine: Engine) -> None:
    if engine.dialect.name != "postgresql":
        raise DatabaseUnsupported("only PostgreSQL has partitions to archive; a SQLite database stays whole")


def _part(table: Table, span: Span) -> str:
    return table_name(table.name, span.id)


def _note(connection: Connection, span: Span, folder: str) -> None:
    table = tables.span
    connection.execute(table.update().where(table.c.id == span.id).values(archived=folder))
    lists.set_counter(connection, partitions.CHANGES, lists.counter(connection, partitions.CHANGES) + 1)


def _bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())
