"""Small writes to Airflow's metadata database that must not wait for ever."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

from chronos_plugin.errors import ServiceBusy

log = logging.getLogger(__name__)

LOCK_TIMEOUT = 2.0
"""Seconds that one try waits for a lock that somebody else holds."""
PATIENCE = 8.0
"""Seconds for which tries are made."""


def write(change: Callable[[Any], None], what: str) -> None:
    """Call ``change`` with a session and commit; do it again while the database is locked.

    Airflow lets a statement wait for a lock as long as its connection string says: on SQLite, where any
    writer locks all, that can be half a minute, in which the one who asked hears nothing.

    Args:
        what: What is being written, for the message.

    Raises:
        ServiceBusy: If the database stays locked for :data:`PATIENCE` seconds.
    """
    from sqlalchemy.exc import OperationalError

    deadline, pause = time.monotonic() + PATIENCE, 0.1
    while True:
        try:
            with _brief_session() as session:
                change(session)
                session.commit()
            return
        except OperationalError as error:
            if not _is_locked(error):
                raise
            log.debug("%s: the metadata database is locked", what, exc_info=True)
            if time.monotonic() + pause > deadline:
                raise ServiceBusy(
                    f"{what}: Airflow's metadata database has been locked for {PATIENCE:.0f} s; try again. "
                    "If it happens often, use PostgreSQL: SQLite has one writer at a time"
                ) from error
        time.sleep(pause)
        pause *= 2


@contextlib.contextmanager
def _brief_session() -> Iterator[Any]:
    """Yield a session of its own that waits for locks no longer than :data:`LOCK_TIMEOUT`."""
    from airflow.utils.session import create_session
    from sqlalchemy import text

    milliseconds = int(LOCK_TIMEOUT * 1000)
    with create_session(scoped=False) as session:
        dialect = session.get_bind().dialect.name
        if dialect == "postgresql":
            session.execute(text(f"SET LOCAL lock_timeout = {milliseconds}"))
        if dialect != "sqlite":
            yield session
            return
        before = session.scalar(text("PRAGMA busy_timeout"))
        session.execute(text(f"PRAGMA busy_timeout = {milliseconds}"))
        connection = session.connection().connection.dbapi_connection
        try:
            yield session
        finally:
            # The connection goes back to the pool.
            if connection is not None:
                connection.execute(f"PRAGMA busy_timeout = {before}")


def _is_locked(error: Exception) -> bool:
    said = str(getattr(error, "orig", error)).lower()
    return "locked" in said or "lock timeout" in said or "lock wait timeout" in said
