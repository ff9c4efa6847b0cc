"""A double, a database and a connection, as an installation has them."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from chronos_plugin.db import engine as databases
from chronos_plugin.hooks.safescale.double.server import Double
from tests.safescale import agent, database


@pytest.fixture
def double(tmp_path: Path) -> Iterator[Double]:
    with Double(tmp_path / "hosts") as running:
        yield running


@pytest.fixture
def installation(double: Double, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """The CHRONOS database of an Airflow that has the connection ``safescale_default``."""
    host, port = double.address.split(":")
    connection = {
        "conn_type": "chronos_safescale",
        "host": host,
        "port": int(port),
        "extra": {"tenant": "test", "question_timeout": 20},
    }
    monkeypatch.setenv("AIRFLOW_CONN_SAFESCALE_DEFAULT", json.dumps(connection))
    monkeypatch.setenv("AIRFLOW__CHRONOS__DATABASE", f"sqlite:///{tmp_path}/chronos.db")
    made = database(tmp_path)
    yield made
    databases.dispose()
    made.dispose()


@pytest.fixture
def running_agent(double: Double, installation: Engine) -> Iterator[None]:
    """An agent in a thread of its own."""
    stop = threading.Event()
    ready = threading.Event()

    async def run() -> None:
        async with agent(double, installation):
            ready.set()
            await asyncio.to_thread(stop.wait)

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    ready.wait()
    yield
    stop.set()
    thread.join()
