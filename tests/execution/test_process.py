"""The operating-system process of a tool."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chronos_plugin.errors import StepFailed
from chronos_plugin.execution import process
from chronos_plugin.execution.process import ToolProcesses

ENVIRONMENT = {"PATH": os.environ["PATH"]}


def start(processes: ToolProcesses, script: str, folder: Path, **options: Any) -> int:
    """Run a shell script to its end."""
    places: dict[str, Any] = {"stdin_path": None, "stdout_path": None, "stderr_path": None}
    return processes.run(["sh", "-c", script], **{**places, **options}, env=ENVIRONMENT, cwd=str(folder))


def gone(pid: int, seconds: float = 10) -> bool:
    """Return whether a process ends within a while."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.02)
    return False


def test_exit_code_and_usage(tmp_path: Path) -> None:
    processes = ToolProcesses()
    assert start(processes, "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; exit 3", tmp_path) == 3
    assert processes.exit_code == 3
    assert processes.command[:2] == ["sh", "-c"]
    assert processes.usage.cpu_seconds > 0
    assert processes.usage.wall_seconds >= processes.usage.cpu_seconds / 2
    assert processes.usage.max_rss_bytes > 100_000
    first = processes.usage.wall_seconds
    start(processes, "true", tmp_path)
    assert processes.usage.wall_seconds > first
    assert processes.exit_code == 0


def test_signal_is_a_negative_exit_code(tmp_path: Path) -> None:
    assert start(ToolProcesses(), "kill -9 $$", tmp_path) == -signal.SIGKILL


def test_standard_streams(tmp_path: Path) -> None:
    (tmp_path / "in").write_text("from file")
    start(
        ToolProcesses(),
        "cat; echo problem >&2",
        tmp_path,
        stdin_path=str(tmp_path / "in"),
        stdout_path=str(tmp_path / "out"),
        stderr_path=str(tmp_path / "err"),
    )
    assert (tmp_path / "out").read_text() == "from file"
    assert (tmp_path / "err").read_text() == "problem\n"


def test_uncaptured_output_goes_to_the_log(tmp_path: Path) -> None:
    with open(tmp_path / "log", "wb") as log:
        start(ToolProcesses(log_fd=log.fileno()), "echo said; echo problem >&2; cat", tmp_path)
    assert (tmp_path / "log").read_text() == "said\nproblem\n"


def test_tool_that_ignores_the_request_to_end_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "GRACE", 0.3)
    mark = tmp_path / "pid"
    processes = ToolProcesses()
    script = f"trap '' TERM; sleep 300 & echo $! > {mark}; while true; do sleep 0.1; done"
    code = start(processes, script, tmp_path, timelimit=0.5)
    assert code == -signal.SIGKILL
    assert processes.timed_out
    assert not processes.cancelled
    assert gone(int(mark.read_text()))


def test_tool_within_its_time_limit_is_left_alone(tmp_path: Path) -> None:
    processes = ToolProcesses()
    assert start(processes, "true", tmp_path, timelimit=30) == 0
    assert not processes.timed_out
    assert not [
        t for t in threading.enumerate() if isinstance(t, threading.Timer) and not t.finished.is_set()
    ]


def test_cancelling_twice_or_nothing_is_harmless(tmp_path: Path) -> None:
    processes = ToolProcesses()
    processes.cancel()
    processes.cancel()
    assert processes.cancelled


def test_containers_are_killed_by_the_ids_that_the_engine_wrote(tmp_path: Path) -> None:
    engine = tmp_path / "engine"
    engine.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\n')
    engine.chmod(0o755)
    (tmp_path / "ids").mkdir()
    (tmp_path / "ids" / "one.cid").write_text("c0ffee\n")
    (tmp_path / "ids" / "empty.cid").write_text("")
    ToolProcesses(container_ids=tmp_path / "ids", engine=str(engine)).cancel()
    assert (tmp_path / "asked").read_text() == "kill c0ffee\n"


def test_output_of_a_step_reaches_the_log(launch: Callable[..., Any], tmp_path: Path) -> None:
    with open(tmp_path / "log", "wb") as log:
        launch(
            "cwlVersion: v1.2\nclass: CommandLineTool\nbaseCommand: [sh, -c, 'echo said; echo problem >&2']\n"
            "inputs: []\noutputs: []\n",
            log_fd=log.fileno(),
        )
    assert (tmp_path / "log").read_text() == "said\nproblem\n"


def test_end_by_a_signal_is_in_the_message(launch: Callable[..., Any]) -> None:
    with pytest.raises(StepFailed, match="ended by signal 15") as caught:
        launch(
            "cwlVersion: v1.2\nclass: CommandLineTool\nbaseCommand: [sh, -c, 'kill -TERM $$']\n"
            "inputs: []\noutputs: []\n"
        )
    assert caught.value.exit_code == -15


def test_outputs_that_are_not_there_are_told_from_a_failed_tool(
    launch: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(StepFailed, match="ended well, but its outputs could not be collected"):
        launch(
            "cwlVersion: v1.2\nclass: CommandLineTool\nbaseCommand: 'true'\ninputs: []\n"
            "outputs: {f: {type: File, outputBinding: {glob: missing.nc}}}\n"
        )
    assert "missing.nc" in caplog.text


def test_captured_standard_error_is_shown_when_the_tool_fails(
    launch: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(StepFailed, match="exit code 1"):
        launch(
            "cwlVersion: v1.2\nclass: CommandLineTool\nbaseCommand: [sh, -c, 'echo the reason >&2; exit 1']\n"
            "inputs: []\noutputs: {e: stderr}\nstderr: errors.txt\n"
        )
    assert "the reason" in caplog.text
