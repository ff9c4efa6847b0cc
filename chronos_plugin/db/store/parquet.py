"""Rows of a table in a Parquet file and back; pyarrow is an extra: ``chronos-airflow[archive]``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from chronos_plugin.errors import ArchiveInvalid, DatabaseUnsupported

if TYPE_CHECKING:
    from sqlalchemy import Table

AT_ONCE = 100_000
"""Rows in memory, and in a row group of a file."""
Rows = Sequence[Sequence[Any]]


def require() -> None:
    """Check that Parquet files can be written here.

    Raises:
        DatabaseUnsupported: If pyarrow is not installed.
    """
    try:
        import pyarrow  # noqa: F401 - whether it is there
    except ImportError as error:
        raise DatabaseUnsupported("archives need pyarrow: pip install 'chronos-airflow[archive]'") from error


def write(file: Path, table: Table, batches: Iterable[Rows]) -> int:
    """Write rows in the table's order of columns; return how many.

    Ids are 16 bytes, JSON values are texts; all else is as in the table.
    """
    import pyarrow
    import pyarrow.parquet

    kinds = _kinds(table)
    schema = pyarrow.schema([(column.name, _type(kind)) for column, kind in zip(table.c, kinds, strict=True)])
    count = 0
    with pyarrow.parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        for rows in batches:
            columns = [
                pyarrow.array([out(v) for v in values] if (out := _OUT.get(kind)) else values, field.type)
                for values, kind, field in zip(zip(*rows, strict=True), kinds, schema, strict=True)
            ]
            writer.write_batch(pyarrow.record_batch(columns, schema=schema))
            count += len(rows)
    return count


def read(file: Path, table: Table) -> Iterator[Rows]:
    """Yield the rows of a file, many at a time.

    Raises:
        ArchiveInvalid: If it is none, or not of this table's columns.
    """
    import pyarrow
    import pyarrow.parquet

    kinds = _kinds(table)
    names = [column.name for column in table.c]
    try:
        with pyarrow.parquet.ParquetFile(file) as opened:
            if opened.schema_arrow.names != names:
                raise ArchiveInvalid(f"{file}: its columns are not those of this version of CHRONOS")
            for batch in opened.iter_batches(AT_ONCE):
                columns = [
                    [back(v) for v in values] if (back := _BACK.get(kind)) else values
                    for values, kind in zip((c.to_pylist() for c in batch.columns), kinds, strict=True)
                ]
                yield list(zip(*columns, strict=True))
    except (OSError, pyarrow.ArrowException) as error:
        raise ArchiveInvalid(f"{file}: cannot be read as Parquet: {error}") from error


def digest(file: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits."""
    with open(file, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _kinds(table: Table) -> list[str]:
    return [type(column.type).__name__ for column in table.c]


def _type(kind: str) -> Any:
    import pyarrow

    return {
        "BigInteger": pyarrow.int64(),
        "Integer": pyarrow.int32(),
        "SmallInteger": pyarrow.int16(),
        "LargeBinary": pyarrow.binary(),
        "Text": pyarrow.string(),
        "Uuid": pyarrow.binary(16),
        "JSON": pyarrow.string(),
    }[kind]


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _uuid(value: bytes) -> UUID:
    return UUID(bytes=value)


def _bytes(value: UUID) -> bytes:
    return value.bytes


_OUT: dict[str, Callable[[Any], Any]] = {"Uuid": _bytes, "JSON": _json}
_BACK: dict[str, Callable[[Any], Any]] = {"Uuid": _uuid, "JSON": json.loads}
