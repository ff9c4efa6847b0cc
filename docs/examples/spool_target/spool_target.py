"""A target for CHRONOS: a spool directory that workers on other machines empty.

The target puts a ticket (a small JSON file) into ``QUEUE/new``. A worker, started by
``python -m spool_target QUEUE`` on any machine that sees the spool and the runs' folders, takes a ticket
by renaming it, which only one can, and runs the job. That is all that is needed to run steps on machines
that have neither a batch system nor an open port.

::

    QUEUE/new/ID.json        waits
    QUEUE/held/ID.json       waits, and is not to be taken
    QUEUE/running/ID.json    a worker has it: {"command": […], "node": …, "pid": …, "beat": …}
    QUEUE/done/ID.json       has ended: … "exit_code": …
    QUEUE/cancel/ID          somebody wants it to end
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from chronos_plugin.errors import SettingInvalid, TargetUnreachable
from chronos_plugin.execution.targets.base import Job, JobState, JobStatus, Target, TargetReport

FOLDERS = ("new", "held", "running", "done", "cancel")
SILENCE = 60.0
"""Seconds without a sign of life after which a worker counts as dead."""


class SpoolTarget(Target):
    """Options: ``queue``, the spool directory."""

    kind: ClassVar[str] = "spool"
    abilities: ClassVar[frozenset[str]] = frozenset({"hold"})

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        super().__init__(name, options)
        unknown = sorted(set(options) - {"queue"})
        if unknown or not isinstance(options.get("queue"), str):
            raise SettingInvalid(f"target {name}: the one option is 'queue', the path of the spool directory")
        self.queue = Path(options["queue"])

    async def submit(self, job: Job) -> str:
        # The job's id is unique for ever and fit for a file name: it serves as the native id as well.
        await self._in_thread(_put, self.queue / "new" / f"{job.id}.json", {"command": job.command})
        return job.id

    async def find(self, jobs: Sequence[Job]) -> Mapping[str, str]:
        def look() -> dict[str, str]:
            return {job.id: job.id for job in jobs if _where(self.queue, job.id)[0]}

        return await self._in_thread(look)

    async def poll(self, jobs: Mapping[str, Job]) -> Mapping[str, JobStatus]:
        def look() -> dict[str, JobStatus]:
            return {native: _status(*_where(self.queue, native)) for native in jobs}

        return await self._in_thread(look)

    async def cancel(self, native: str, job: Job) -> None:
        def mark() -> None:
            for folder in ("new", "held"):
                # Who renames it first has it: a worker, or this cancellation.
                with contextlib.suppress(FileNotFoundError):
                    taken = self.queue / "cancel" / f"{native}.json"
                    os.rename(self.queue / folder / f"{native}.json", taken)
                    _put(self.queue / "done" / f"{native}.json", {"cancelled": True})
                    taken.unlink()
                    return
            (self.queue / "cancel" / native).touch()

        await self._in_thread(mark)

    async def hold(self, native: str, job: Job) -> None:
        await self._move(native, "new", "held")

    async def release(self, native: str, job: Job) -> None:
        await self._move(native, "held", "new")

    async def test(self) -> TargetReport:
        def look() -> TargetReport:
            missing = [name for name in FOLDERS if not (self.queue / name).is_dir()]
            if missing:
                return TargetReport(False, f"{self.queue} has no folder {missing[0]!r}: start a worker once")
            counts = {name: len(list((self.queue / name).glob("*.json"))) for name in ("new", "running")}
            message = f"{self.queue}: {counts['new']} wait, {counts['running']} run"
            return TargetReport(True, message, waiting=counts["new"], running=counts["running"])

        return await asyncio.to_thread(look)

    async def _move(self, native: str, source: str, target: str) -> None:
        def move() -> None:
            with contextlib.suppress(FileNotFoundError):
                name = f"{native}.json"
                os.rename(self.queue / source / name, self.queue / target / name)

        await self._in_thread(move)

    async def _in_thread(self, call: Any, *arguments: Any) -> Any:
        """Touch the spool in a thread: a network file system may take its time, the event loop may not."""
        try:
            return await asyncio.to_thread(call, *arguments)
        except OSError as error:
            raise TargetUnreachable(f"target {self.name}: {error}") from error


def _put(file: Path, value: Mapping[str, Any]) -> None:
    hidden = file.with_name(f".{file.name}")
    hidden.write_text(json.dumps(value))
    os.replace(hidden, file)


def _where(queue: Path, native: str) -> tuple[str, dict[str, Any]]:
    """Return the folder in which a ticket is, and what stands in it; an empty name if it is nowhere."""
    # In the order in which tickets move, and once more for one that moved meanwhile.
    for folder in ("held", "new", "running", "done", "held", "new", "running", "done"):
        with contextlib.suppress(FileNotFoundError):
            return folder, json.loads((queue / folder / f"{native}.json").read_text())
    return "", {}


def _status(folder: str, ticket: Mapping[str, Any]) -> JobStatus:
    node = str(ticket.get("node", ""))
    match folder:
        case "new":
            return JobStatus(JobState.QUEUED)
        case "held":
            return JobStatus(JobState.HELD)
        case "running" if time.time() - ticket.get("beat", time.time()) > SILENCE:
            return JobStatus(
                JobState.LOST, reason=f"worker on {node} is silent", node=node, infrastructure=True
            )
        case "running":
            return JobStatus(JobState.RUNNING, node=node)
        case "done" if ticket.get("cancelled"):
            return JobStatus(JobState.CANCELLED, node=node)
        case "done":
            return JobStatus(JobState.ENDED, node=node, exit_code=ticket.get("exit_code"))
    return JobStatus(JobState.LOST, reason="there is no ticket of it in the spool")


# -- the worker ---------------------------------------------------------------------------------------


def work(queue: Path, *, once: bool = False) -> None:
    """Take tickets and run them, one at a time, for ever or until none waits."""
    for name in FOLDERS:
        (queue / name).mkdir(parents=True, exist_ok=True)
    while True:
        ticket = _take(queue)
        if ticket is not None:
            _run(queue, ticket)
        elif once:
            return
        else:
            time.sleep(1)


def _take(queue: Path) -> Path | None:
    for waiting in sorted((queue / "new").glob("*.json"), key=lambda p: p.stat().st_mtime):
        taken = queue / "running" / waiting.name
        with contextlib.suppress(FileNotFoundError):
            os.rename(waiting, taken)
            return taken
    return None


def _run(queue: Path, taken: Path) -> None:
    ticket = {**json.loads(taken.read_text()), "node": os.uname().nodename, "pid": os.getpid()}
    _put(taken, {**ticket, "beat": time.time()})
    child = subprocess.Popen(ticket["command"], start_new_session=True)
    wanted = queue / "cancel" / taken.stem
    cancelled = False
    while child.poll() is None:
        if wanted.exists() and not cancelled:
            cancelled = True
            child.terminate()  # job.sh ends the whole tool
        _put(taken, {**ticket, "beat": time.time()})
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(1)
    _put(queue / "done" / taken.name, {**ticket, "exit_code": child.returncode, "cancelled": cancelled})
    taken.unlink()
    wanted.unlink(missing_ok=True)


if __name__ == "__main__":
    work(Path(sys.argv[1]), once="--once" in sys.argv[2:])
