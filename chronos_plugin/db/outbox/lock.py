"""One process at a time delivers for an exporter: the others stand by."""

from __future__ import annotations

import fcntl
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

_SPACE = 0x63687232
"""Any number that nobody else's advisory locks begin with."""


@contextmanager
def held(engine: Engine, exporter: str) -> Iterator[Connection | None]:
    """Give the connection that holds the lock of an exporter; None where another process holds it.

    What is delivered is marked over this connection alone: with the lock the right to mark is lost too.
    The lock of a process that ends, however that happens, is free at once.
    """
    with ExitStack() as stack:
        if engine.dialect.name == "postgresql":
            connection = stack.enter_context(engine.connect())
            key = {"space": _SPACE, "name": zlib.crc32(exporter.encode()) & 0x7FFFFFFF}
            mine = connection.execute(text("SELECT pg_try_advisory_lock(:space, :name)"), key).scalar_one()
            connection.commit()
            if not mine:
                yield None
                return
            stack.callback(_unlock, connection, key)
            yield connection
            return
        file = engine.url.database
        if file and file != ":memory:":
            lock = stack.enter_context(open(f"{file}.export-{exporter}", "wb"))
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield None
                return
        yield stack.enter_context(engine.connect())


def _unlock(connection: Connection, key: dict[str, int]) -> None:
    # A connection goes back to the pool with its locks; so they are given back, or it is closed.
    try:
        connection.rollback()
        connection.execute(text("SELECT pg_advisory_unlock(:space, :name)"), key)
        connection.commit()
    except Exception:  # noqa: BLE001 - the connection is broken, and the lock with it
        connection.invalidate()
