"""Deploying while somebody else holds the write lock of Airflow's metadata database."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chronos_plugin.rendering import metadata
from tests.api.conftest import TOOL

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "LOCK_TIMEOUT", 0.1)
    monkeypatch.setattr(metadata, "PATIENCE", 0.5)


@pytest.fixture
def lock(server: Any, home: Path) -> Iterator[sqlite3.Connection]:
    """The write lock, held until the connection rolls back."""
    connection = sqlite3.connect(home / "airflow.db", isolation_level=None, check_same_thread=False)
    connection.execute("BEGIN IMMEDIATE")
    yield connection
    if connection.in_transaction:
        connection.rollback()
    connection.close()


def test_deploying_ends_with_a_plain_error_and_can_be_repeated(
    put: Callable[..., Any], home: Path, lock: sqlite3.Connection, impatient: None
) -> None:
    answer = put({"chain.cwl": TOOL}, name="locked")
    assert answer.status_code == 503, answer.text
    assert answer.headers["Retry-After"]
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["title"] == "ServiceBusy"
    assert "locked is in place" in answer.json()["detail"]
    assert (home / "dags" / "deployed" / "locked" / "chain.cwl").exists()
    lock.rollback()
    again = put({"chain.cwl": TOOL}, name="locked")
    assert (again.status_code, again.json()["created"]) == (200, False)


def test_a_lock_that_is_released_in_time_is_not_noticed(
    put: Callable[..., Any], lock: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metadata, "LOCK_TIMEOUT", 0.1)
    tried = threading.Event()
    locked = metadata._is_locked

    def noticing(error: Exception) -> bool:
        tried.set()
        return locked(error)

    monkeypatch.setattr(metadata, "_is_locked", noticing)
    release = threading.Thread(target=lambda: (tried.wait(30), lock.rollback()))
    release.start()
    answer = put({"chain.cwl": TOOL}, name="patient")
    release.join()
    assert tried.is_set()
    assert answer.status_code == 200, answer.text


def test_withdrawing_changes_nothing_while_it_is_locked(
    put: Callable[..., Any],
    server: Any,
    login: Callable[[str], dict[str, str]],
    home: Path,
    lock: sqlite3.Connection,
    impatient: None,
) -> None:
    lock.rollback()
    assert put({"chain.cwl": TOOL}, name="staying").status_code == 200
    lock.execute("BEGIN IMMEDIATE")
    path = "/chronos/api/v1/workflows/staying"
    assert server.delete(path, headers=login("admin")).status_code == 503
    assert (home / "dags" / "deployed" / "staying").exists()
    lock.rollback()
    assert server.delete(path, headers=login("admin")).status_code == 204


def test_other_sessions_wait_as_long_as_before(server: Any) -> None:
    from airflow.utils.session import create_session
    from sqlalchemy import text

    def busy_timeout() -> int:
        with create_session(scoped=False) as session:
            return int(session.scalar(text("PRAGMA busy_timeout")))

    before = busy_timeout()
    metadata.write(lambda session: session.execute(text("SELECT 1")), "nothing")
    assert busy_timeout() == before != int(metadata.LOCK_TIMEOUT * 1000)


def test_other_errors_of_the_database_are_not_hidden(server: Any) -> None:
    from sqlalchemy import text
    from sqlalchemy.exc import OperationalError

    with pytest.raises(OperationalError, match="no such table"):
        metadata.write(lambda session: session.execute(text("SELECT * FROM nowhere")), "nothing")
