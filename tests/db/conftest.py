"""Databases to test on: SQLite always, PostgreSQL where a server can be had."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, make_url, text

from chronos_plugin.db import migrate
from chronos_plugin.db.engine import make_engine

SCRIPT = Path(__file__).resolve().parents[2] / ".ci" / "services" / "postgres.sh"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """Address of a PostgreSQL server: ``CHRONOS_TEST_POSTGRES``, else one started for these tests."""
    if given := os.environ.get("CHRONOS_TEST_POSTGRES"):
        yield given
        return
    # Not below pytest's folder: the server's own user could not enter it.
    folder = Path(tempfile.mkdtemp(prefix="chronos-postgres-"))
    folder.chmod(0o755)
    environment = {
        **os.environ,
        "CHRONOS_POSTGRES_DIR": str(folder / "server"),
        "CHRONOS_POSTGRES_PORT": str(free_port()),
    }
    started = subprocess.run(
        [SCRIPT, "start", "fsync=off"], env=environment, capture_output=True, text=True, check=False
    )
    if started.returncode == 3:
        pytest.skip(started.stderr.strip())
    assert started.returncode == 0, started.stderr
    yield started.stdout.strip()
    subprocess.run([SCRIPT, "remove"], env=environment, check=True)
    shutil.rmtree(folder)


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
