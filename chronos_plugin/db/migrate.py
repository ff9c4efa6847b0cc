"""Migrations: Alembic over the scripts in ``migrations/versions``, with a version table of CHRONOS's own.

Each room has its own line of migrations, so that none waits for another::

    revision = "mesos_0001"
    down_revision = None            # mesos_0002 names mesos_0001 here
    branch_labels = ("mesos",)      # in the first one of the line only

The schema exists when a migration runs. ``airflow chronos db upgrade`` brings all lines to their ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.exc import OperationalError

from chronos_plugin.db.metadata import SCHEMA
from chronos_plugin.errors import DatabaseNotReady, ServiceFailed

if TYPE_CHECKING:
    from alembic.config import Config

VERSION_TABLE = "alembic_version_chronos"
_LOCK_NUMBER = 0x63687231  # any number that nobody else locks


def upgrade(engine: Engine) -> list[str]:
    """Bring the tables to this version of CHRONOS; processes that do so at one time wait for each other.

    Returns:
        The revisions that were applied, oldest first.

    Raises:
        ServiceFailed: If the database does not answer or refuses.
    """
    from alembic import command

    with _connected(engine) as connection, _one_at_a_time(connection):
        before = _applied(connection)
        if before == set(heads()):
            return []
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))
        config = _config()
        config.attributes["connection"] = connection
        connection.commit()
        logging.getLogger("alembic").setLevel(logging.WARNING)
        command.upgrade(config, "heads")
        connection.commit()
        return [revision for revision in _lineage() if revision not in _with_ancestors(before)]


def pending(engine: Engine) -> list[str]:
    """Return the revisions that the tables lack, oldest first.

    Raises:
        ServiceFailed: If the database does not answer.
    """
    with _connected(engine) as connection:
        done = _with_ancestors(_applied(connection))
    return [revision for revision in _lineage() if revision not in done]


def unknown(engine: Engine) -> list[str]:
    """Return the revisions of the tables that this version of CHRONOS, being older, does not have."""
    with _connected(engine) as connection:
        return sorted(_applied(connection) - set(_lineage()))


def require(engine: Engine) -> None:
    """Check that the tables are those of this version of CHRONOS.

    Raises:
        DatabaseNotReady: If they are not; the message says what to do.
        ServiceFailed: If the database does not answer.
    """
    lacking, newer = pending(engine), unknown(engine)
    place = engine.url.render_as_string(hide_password=True)
    if newer:
        raise DatabaseNotReady(
            f"{place} was upgraded by a newer CHRONOS ({', '.join(newer)}): upgrade this one"
        )
    if lacking:
        raise DatabaseNotReady(f"{place} lacks {len(lacking)} migrations: run airflow chronos db upgrade")


def heads() -> list[str]:
    """Return the newest revision of each line."""
    from alembic.script import ScriptDirectory

    return list(ScriptDirectory.from_config(_config()).get_heads())


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return config


def _lineage() -> list[str]:
    """Return all revisions, each after those that it builds on."""
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory.from_config(_config())
    return [script.revision for script in scripts.walk_revisions()][::-1]


def _with_ancestors(revisions: set[str]) -> set[str]:
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory.from_config(_config())
    known = revisions & set(_lineage())
    return {s.revision for r in known for s in scripts.iterate_revisions(r, "base")} | known


def _applied(connection: Connection) -> set[str]:
    schema = SCHEMA if connection.dialect.name == "postgresql" else None
    if not inspect(connection).has_table(VERSION_TABLE, schema=schema):
        return set()
    table = f"{SCHEMA}.{VERSION_TABLE}" if schema else VERSION_TABLE
    return {row[0] for row in connection.execute(text(f"SELECT version_num FROM {table}"))}  # noqa: S608


@contextlib.contextmanager
def _connected(engine: Engine) -> Iterator[Connection]:
    try:
        with engine.connect() as connection:
            yield connection
    except OperationalError as error:
        place = engine.url.render_as_string(hide_password=True)
        raise ServiceFailed(f"{place}: {str(error.orig).strip() or type(error).__name__}") from error


@contextlib.contextmanager
def _one_at_a_time(connection: Connection) -> Iterator[None]:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_lock(:number)"), {"number": _LOCK_NUMBER})
        try:
            yield
        finally:
            connection.rollback()
            connection.execute(text("SELECT pg_advisory_unlock(:number)"), {"number": _LOCK_NUMBER})
            connection.commit()
        return
    file = connection.engine.url.database
    if not file or file == ":memory:":
        yield
        return
    # The transaction that the check began would hold the file while this process waits for the lock.
    connection.rollback()
    with open(f"{file}.upgrade", "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
