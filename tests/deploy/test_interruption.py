from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
PATIENCE = 60.0
PROGRAM = """
import sys
from deploy.demo.interruption import Interruption, Stopped
interruption = Interruption()
print("ready", flush=True)
try:
    while True:
        interruption.pause(float(sys.argv[1]))
except Stopped:
    try:
        interruption.pause(600)
    except Stopped as again:
        raise SystemExit(100 + again.number)
"""


def start(seconds: float, stream: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(seconds)],
        stdout=stream,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        start_new_session=True,
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_pause_at_once_and_every_later_one(number: signal.Signals) -> None:
    process = start(600, subprocess.PIPE)
    assert process.stdout is not None
    with process.stdout:
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(number)
        # Shorter than either pause.
        assert process.wait(PATIENCE) == 100 + number


def test_the_loss_of_the_terminal_is_noticed() -> None:
    # It is not the terminal of the program's session, so no signal tells of its end.
    ours, theirs = pty.openpty()
    process = start(0.05, theirs)
    os.close(theirs)
    said = b""
    # A terminal gives what it has, which may be a part of the line.
    while not said.endswith(b"\n"):
        said += os.read(ours, 100)
    assert said == b"ready\r\n"
    os.close(ours)
    try:
        assert process.wait(PATIENCE) == 100 + signal.SIGHUP
    finally:
        process.kill()
        process.wait()
