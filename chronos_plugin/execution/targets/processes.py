"""Jobs of a host as its kernel shows them: what runs, since when, in which state."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

from chronos_plugin.execution.targets.base import Job


def start_time(pid: int) -> str:
    """Return when a process started, in ticks since boot; empty if there is none or it is dead."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] == b"Z" else fields[19].decode()


def running(job: Job) -> int | None:
    """Return the pid of a ``job.sh`` of this job that has not said yet that it started."""
    pids = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return next((pid for pid in pids if runs(pid, job)), None)


def runs(pid: int, job: Job) -> bool:
    """Return whether a process is the ``job.sh`` of this job."""
    wanted = b"\0".join(word.encode() for word in job.command)
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0") == wanted
    except OSError:
        return False


def tool_group(job: Job) -> int | None:
    """Return the process group of a job's tool, as ``job.sh`` noted it; None before its start."""
    try:
        return int((job.folder / "started" / "group").read_text())
    except (OSError, ValueError):
        return None


def stopped(group: int | None) -> bool:
    """Return whether a process group was stopped, as its leader shows it."""
    if group is None:
        return False
    state = _state(group)
    if state != "D":
        return state == "T"
    # A leader whose child was stopped between vfork and exec waits for it in a state of its own.
    try:
        children = Path(f"/proc/{group}/task/{group}/children").read_text().split()
    except OSError:
        return False
    return any(_state(int(child)) == "T" for child in children)


def _state(pid: int) -> str:
    """Return the letter that the kernel gives for the state of a process; empty if there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0].decode()
    except OSError:
        return ""


def signal_group(group: int, number: signal.Signals) -> None:
    """Send a signal to a process group; no error if it is gone."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, number)


def end_left(job: Job, job_start: str) -> None:
    """Kill what is left of a job's tool whose ``job.sh`` is gone.

    Args:
        job_start: When ``job.sh`` started, as :func:`start_time`; its tool started soon after, unlike another
            process that has the number by now.
    """
    group = tool_group(job)
    if group is None or not job_start:
        return
    start = start_time(group)
    soon = 60 * os.sysconf("SC_CLK_TCK")
    if start and int(job_start) <= int(start) <= int(job_start) + soon:
        signal_group(group, signal.SIGKILL)
