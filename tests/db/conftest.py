"""Databases to test on: SQLite always, PostgreSQL where a server can be had."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, make_url, text

from chronos_plugin.db import migrate
from chronos_plugin.db.engine import make_engine
from tests.services import service


@pytest.fixture(scope="package")
def postgres_server() -> Iterator[str]:
    """Address of a PostgreSQL server."""
    with service("postgres", "fsync=off") as address:
        yield address


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """Address of an empty database."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    server = make_engine(postgres_server, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield make_url(postgres_server).set(database=name).render_as_string(hide_password=False)
    with server.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    server.dispose()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Address of an empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/chronos.db"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def empty_database(empty_url: str) -> Iterator[Engine]:
    """An empty database of each kind."""
    engine = make_engine(empty_url)
    yield engine
    engine.dispose()


@pytest.fixture
def database(empty_database: Engine) -> Engine:
    """A database of each kind with all tables."""
    migrate.upgrade(empty_database)
    return empty_database
