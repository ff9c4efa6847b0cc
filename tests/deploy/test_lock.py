from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.demo.errors import AlreadyRunning
from deploy.demo.lock import RunLock
from deploy.demo.proctable import ProcessId

CHECKOUT = Path(__file__).resolve().parents[2]
HOLDER = """
import sys
from pathlib import Path
from deploy.demo.lock import RunLock
from deploy.demo.proctable import ProcessId
lock = RunLock(Path(sys.argv[1]))
lock.acquire()
lock.publish("http://localhost:8123", {"Airflow": ProcessId(4242, "77")})
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def lock(tmp_path: Path) -> Iterator[RunLock]:
    it = RunLock(tmp_path / "running.json")
    yield it
    it.release()


def hold(path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_start_is_refused_with_the_address_of_the_first(tmp_path: Path, lock: RunLock) -> None:
    path = tmp_path / "running.json"
    first = hold(path)
    with pytest.raises(AlreadyRunning) as refusal:
        lock.acquire()
    assert "http://localhost:8123" in str(refusal.value)
    assert f"kill {first.pid}" in str(refusal.value)
    first.kill()
    first.communicate()


def test_a_killed_holder_is_recognised_and_what_it_left_is_known(tmp_path: Path, lock: RunLock) -> None:
    path = tmp_path / "running.json"
    first = hold(path)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    previous = lock.acquire()
    assert previous is not None
    assert previous.process.pid == first.pid
    assert previous.components == {"Airflow": ProcessId(4242, "77")}


def test_an_orderly_end_leaves_nothing(lock: RunLock) -> None:
    assert lock.acquire() is None
    lock.release()
    assert lock.acquire() is None


def test_a_holder_without_an_address_is_starting(tmp_path: Path, lock: RunLock) -> None:
    lock.acquire()
    with pytest.raises(AlreadyRunning, match="still starting"):
        RunLock(tmp_path / "running.json").acquire()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"process": {"pid": "x"}}', '{"process": 1}'])
def test_a_damaged_file_is_no_obstacle(tmp_path: Path, lock: RunLock, text: str) -> None:
    (tmp_path / "running.json").write_text(text)
    assert lock.acquire() is None


def test_the_file_names_this_process_and_is_private(tmp_path: Path, lock: RunLock) -> None:
    path = tmp_path / "running.json"
    lock.acquire()
    known = json.loads(path.read_text())["process"]
    assert ProcessId(**known) == ProcessId.of(os.getpid())
    assert path.stat().st_mode & 0o777 == 0o600


def test_publishing_needs_the_lock(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError):
        RunLock(tmp_path / "running.json").publish("", {})
