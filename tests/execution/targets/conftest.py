"""Folders of jobs, ready to run."""

from __future__ import annotations

import itertools
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chronos_plugin.execution.targets.base import Job, Resources
from chronos_plugin.execution.targets.folder import JobFolder
from chronos_plugin.execution.targets.script import Command, render

MakeJob = Callable[..., JobFolder]


def command(*arguments: str, cwd: Path, **how: Any) -> Command:
    """Return a command with the variables that a tool needs."""
    how["environment"] = {"PATH": os.environ["PATH"], **how.get("environment", {})}
    return Command(arguments=arguments, cwd=str(cwd), **how)


def job_in(
    folder: Path,
    *arguments: str,
    target: str = "local",
    resources: Resources | None = None,
    options: dict[str, Any] | None = None,
    guarded: bool = False,
    **how: Any,
) -> JobFolder:
    """Prepare a job in ``folder``."""
    (folder / "out").mkdir(parents=True, exist_ok=True)
    job = Job(
        id=f"chronos-{folder.name}-{os.getpid()}",
        name=f"dag.{folder.name}",
        folder=folder,
        resources=resources or Resources(),
        options=options or {},
    )
    made = JobFolder(folder)
    text = render(command(*arguments, cwd=folder / "out", **how), folder, "/worker", guarded=guarded)
    made.write_job(job, target, text, {})
    return made


@pytest.fixture
def make_job(tmp_path: Path) -> Iterator[MakeJob]:
    """Prepare jobs in folders of their own; whatever they leave running is ended."""
    number, made = itertools.count(1), []

    def make(*arguments: str, **how: Any) -> JobFolder:
        folder = job_in(tmp_path / f"job-{next(number)}", *arguments, **how)
        made.append(folder)
        return folder

    yield make
    for folder in made:
        group = group_of(folder)
        if group is not None and folder.exit() is None:
            with_signal(group, signal.SIGKILL)


def group_of(folder: JobFolder) -> int | None:
    """Return the process group of a job's tool, None before it has started."""
    try:
        return int((folder.path / "started" / "group").read_text())
    except (OSError, ValueError):
        return None


def with_signal(group: int, number: int) -> bool:
    """Signal a process group; return whether there is one."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    return True


def group_runs(group: int) -> bool:
    """Return whether a process of the group runs, dead ones that nobody has reaped left out."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_bytes().rpartition(b")")[2].split()
            except OSError:
                continue
            if int(fields[2]) == group and fields[0] != b"Z":
                return True
    return False


def until(condition: Callable[[], Any], what: str = "it", seconds: float = 60) -> Any:
    """Wait until a condition holds; return its value."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"{what} did not happen in {seconds} s: {value}"
        time.sleep(0.02)
    return value
