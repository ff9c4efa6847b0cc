"""The recorder beside the scheduler."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from chronos_plugin.db.engine import make_engine
from chronos_plugin.db.store.history import History
from chronos_plugin.lineage.spool import Spool
from tests.db.store.conftest import TYPES, product, record

pytestmark = pytest.mark.slow


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_it_loads_and_ends_with_its_parent(tmp_path: Path) -> None:
    environment = {**os.environ, "AIRFLOW_HOME": str(tmp_path)}
    program = (
        "import time\nfrom chronos_plugin.db.beside import start_recorder\n"
        "print(start_recorder().pid, flush=True)\ntime.sleep(600)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    Spool(tmp_path / "chronos" / "spool").append(record("one", (), [product("/made", "out")]))
    engine = make_engine(f"sqlite:///{tmp_path}/chronos/chronos.db")
    deadline = time.monotonic() + 60
    try:
        while not _made(engine):
            assert _lives(pid)
            assert time.monotonic() < deadline
            time.sleep(0.5)
    finally:
        # As a crash would: the parent has no time to say goodbye.
        parent.send_signal(signal.SIGKILL)
        parent.communicate()
        engine.dispose()
    while _lives(pid):
        assert time.monotonic() < deadline
        time.sleep(0.2)


def _made(engine: object) -> bool:
    from sqlalchemy.exc import OperationalError

    try:
        return bool(History(engine, TYPES).datasets_at("/made"))  # type: ignore[arg-type]
    except OperationalError:
        return False
