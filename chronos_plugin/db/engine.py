"""One engine a process: where the database is, and how a connection to it begins.

PostgreSQL is the database of production centres, with the schema ``chronos`` beside Airflow's own tables.
SQLite is a file of its own: Airflow's SQLite file knows one writer, and it must not wait for CHRONOS.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.orm import Session

from chronos_plugin import settings
from chronos_plugin.db.metadata import SCHEMA
from chronos_plugin.errors import SettingInvalid

_BLOCKED = "airflow-db-not-allowed"

BUSY_SECONDS = 30
"""How long a writer waits for another writer of the SQLite file."""

_lock = threading.Lock()
_engines: dict[tuple[int, str], Engine] = {}


def database_url(configured: settings.Settings | None = None) -> URL:
    """Return the address of the CHRONOS database, in tasks and triggers too.

    Airflow takes the address of its own database away from those, and with it what CHRONOS's is by default.

    Raises:
        SettingInvalid: If the address is none or cannot be known, or its database is neither PostgreSQL nor
            SQLite; the message says what to set.
    """
    configured = configured or settings.load()
    if configured.database:
        return _supported(configured.database, "[chronos] database")
    from airflow.configuration import conf

    file = configured.home / "chronos" / "chronos.db"
    address = str(conf.get("database", "sql_alchemy_conn"))
    if address.startswith(_BLOCKED):
        if not file.is_file():
            raise SettingInvalid(
                "Airflow keeps its own database from tasks and triggers: set [chronos] database to the "
                "address of the CHRONOS database, on all machines"
            )
        return URL.create("sqlite", database=str(file))
    url = _supported(address, "[database] sql_alchemy_conn")
    return URL.create("sqlite", database=str(file)) if url.get_backend_name() == "sqlite" else url


def engine(configured: settings.Settings | None = None) -> Engine:
    """Return this process's engine, its tables at the newest migration.

    A SQLite database is made, and upgraded, by whoever opens it first. A PostgreSQL database is upgraded by
    ``airflow chronos db upgrade`` alone: several components of several versions may be using it.

    Raises:
        DatabaseNotReady: If a PostgreSQL database has not been upgraded to this version of CHRONOS.
        SettingInvalid: As :func:`database_url`.
    """
    url = database_url(configured)
    # A forked process must not share its parent's connections.
    key = (os.getpid(), url.render_as_string(hide_password=False))
    with _lock:
        if key not in _engines:
            _engines[key] = _prepared(make_engine(url))
        return _engines[key]


def make_engine(url: URL | str, **options: Any) -> Engine:
    """Return a new engine, whatever the state of its tables.

    Args:
        url: Address; its driver is replaced by the one that CHRONOS uses.
        options: Passed to :func:`sqlalchemy.create_engine`.
    """
    url = _supported(url, "the database address") if isinstance(url, str) else url
    if url.get_backend_name() == "postgresql":
        query = {k: v for k, v in url.query.items() if k != "prepared_statement_cache_size"}
        url = url.set(drivername="postgresql+psycopg", query=query)
        made = create_engine(url, pool_pre_ping=True, pool_size=5, max_overflow=10, **options)
        event.listen(made, "connect", _open_postgresql)
        return made
    if url.database and url.database != ":memory:":
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    made = create_engine(url, connect_args={"timeout": BUSY_SECONDS}, **options)
    event.listen(made, "connect", _open_sqlite)
    event.listen(made, "begin", _begin_sqlite)
    return made.execution_options(schema_translate_map={SCHEMA: None})


@contextmanager
def reading(on: Engine | None = None) -> Iterator[Connection]:
    """Give a connection for queries; what it sees does not change while it is held."""
    with (on or engine()).connect().execution_options(chronos_reads=True) as connection, connection.begin():
        yield connection


@contextmanager
def writing(on: Engine | None = None) -> Iterator[Connection]:
    """Give a connection in a transaction: committed when the block ends well, rolled back otherwise."""
    with (on or engine()).begin() as connection:
        yield connection


@contextmanager
def session(on: Engine | None = None) -> Iterator[Session]:
    """Give an ORM session in a transaction, as :func:`writing`."""
    with Session(on or engine(), expire_on_commit=False) as made, made.begin():
        yield made


def dispose() -> None:
    """Close this process's connections; the next use opens new ones."""
    with _lock:
        for key in [key for key in _engines if key[0] == os.getpid()]:
            _engines.pop(key).dispose()


def _supported(text: str, where: str) -> URL:
    try:
        url = make_url(text)
    except ArgumentError as error:
        raise SettingInvalid(f"{where}: no database address; write for example {_EXAMPLE}") from error
    if url.get_backend_name() not in ("postgresql", "sqlite"):
        raise SettingInvalid(
            f"{where}: CHRONOS keeps its tables in PostgreSQL or SQLite, not in {url.get_backend_name()}; "
            f"set [chronos] database, for example to {_EXAMPLE}"
        )
    return url


_EXAMPLE = "postgresql://USER:PASSWORD@HOST/DATABASE"


def _prepared(made: Engine) -> Engine:
    from chronos_plugin.db import migrate

    try:
        if made.dialect.name == "sqlite":
            migrate.upgrade(made)
        else:
            migrate.require(made)
    except BaseException:
        made.dispose()
        raise
    return made


def _open_postgresql(connection: Any, _: Any) -> None:
    # Compiling a statement costs more than most of ours take.
    connection.execute("SET jit = off")
    connection.commit()


def _open_sqlite(connection: Any, _: Any) -> None:
    # The driver's own BEGIN comes too late for a transaction that reads before it writes.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "cache_size=-65536"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    reads = connection.get_execution_options().get("chronos_reads", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
