"""The folder of one try that a target runs: the durable truth about it, for whichever process looks.

::

    TRY/
        job.sh              what runs
        job.json            the job, its target, the command for the record
        submission.json     {"state": "submitting" | "submitted", "native": …, "at": …}
        wish.json           what somebody wants of it: hold, release, suspend, resume, cancel
        started/            made by job.sh before anything else; record.json: node, pid, native id;
                            alive: touched while it lives, where it guards its tool
        log.txt             output that the tool did not capture
        exit.json           written by job.sh at the end
        status.json         the last that the target said of it
        outcome.json        the worker has read the outputs, or has given the try up: nothing more happens

Files are replaced in one operation; those on which another process may act are flushed to disk first.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from chronos_plugin.errors import RunFailed
from chronos_plugin.execution.store import read_json, replacing
from chronos_plugin.execution.targets.base import Job, JobState, JobStatus, Resources, Usage

SUBMITTING = "submitting"
SUBMITTED = "submitted"
WISHES = ("hold", "release", "suspend", "resume", "cancel")


@dataclass(frozen=True)
class Exit:
    """What ``job.sh`` says at its end.

    Attributes:
        exit_code: As a shell gives it: 128 and more for a signal.
        timed_out: Whether ``ToolTimeLimit`` ended it.
        asked: Number of the signal by which somebody asked the job to end, empty if nobody did.
    """

    exit_code: int
    timed_out: bool = False
    asked: str = ""
    node: str = ""
    started: float | None = None
    ended: float | None = None
    cpu_seconds: float | None = None
    memory: int | None = None

    @property
    def usage(self) -> Usage:
        """What the job used, as its own shell saw it."""
        wall = self.ended - self.started if self.ended and self.started else None
        return Usage(cpu_seconds=self.cpu_seconds, max_rss=self.memory, wall_seconds=wall)


@dataclass(frozen=True)
class JobFolder:
    """Access to the folder of one try."""

    path: Path

    def write_job(self, job: Job, target: str, script: str, record: Mapping[str, Any]) -> None:
        """Put a job in place, ready to be submitted.

        Args:
            record: More to remember: what the worker needs when it reads the outputs.
        """
        script_file = self.path / "job.sh"
        with replacing(script_file) as file:
            file.write(script.encode(errors="surrogateescape"))
        # It may hold what only this user is to read.
        os.chmod(script_file, 0o700)
        entry = {**asdict(job), "folder": str(job.folder), "target": target, "record": dict(record)}
        self._write("job.json", entry)

    @property
    def prepared(self) -> bool:
        """Whether there is a job here at all."""
        return (self.path / "job.json").exists()

    def job(self) -> tuple[Job, str, dict[str, Any]]:
        """Return the job, the name of its target, and the worker's record.

        Raises:
            RunFailed: If there is none.
        """
        value = read_json(self.path / "job.json")
        if value is None:
            raise RunFailed(f"{self.path} holds no job: its run's files have been removed")
        target, record = value.pop("target"), value.pop("record")
        resources = Resources(**value.pop("resources"))
        return Job(**{**value, "folder": Path(value["folder"]), "resources": resources}), target, record

    def submission(self) -> dict[str, Any] | None:
        """Return what is known of its submission, None before one."""
        return read_json(self.path / "submission.json")  # type: ignore[no-any-return]

    def write_submission(self, state: str, native: str | None = None) -> None:
        """Remember, durably, that the job is about to be submitted, or that it has been."""
        self._write("submission.json", {"state": state, "native": native, "at": time.time()}, durable=True)

    def exit(self) -> Exit | None:
        """Return how the job ended, None while ``job.sh`` has not said so."""
        value = read_json(self.path / "exit.json")
        if value is None:
            return None
        return Exit(
            exit_code=int(value["exit_code"]),
            timed_out=bool(value["timed_out"]),
            asked=str(value.get("asked", "")),
            node=value["node"],
            started=value["started"],
            ended=value["ended"],
            cpu_seconds=_times(value.get("cpu", "")),
            memory=value.get("memory"),
        )

    def started(self) -> dict[str, Any] | None:
        """Return who runs the job (``node``, ``pid``, ``native``, ``at``); None before it has started."""
        with contextlib.suppress(ValueError):
            return read_json(self.path / "started" / "record.json")  # type: ignore[no-any-return]
        return None

    def alive_at(self) -> float:
        """Return when the job last gave a sign of life, else when it was submitted; seconds of the epoch."""
        for name in ("started/alive", "started/record.json"):
            with contextlib.suppress(OSError):
                return (self.path / name).stat().st_mtime
        return float((self.submission() or {}).get("at", 0.0))

    def wish(self) -> str | None:
        """Return what somebody wants of the job, None where nobody said."""
        value = read_json(self.path / "wish.json")
        return None if value is None else str(value["wish"])

    def write_wish(self, wish: str, who: str = "") -> None:
        """Ask for something; whoever watches the job passes it on to the target.

        Args:
            wish: One of :data:`WISHES`.
        """
        if wish not in WISHES:
            raise ValueError(f"{wish!r} is none of {', '.join(WISHES)}")
        self._write("wish.json", {"wish": wish, "who": who, "at": time.time()}, durable=True)

    def status(self) -> JobStatus | None:
        """Return the last that the target said of the job."""
        value = read_json(self.path / "status.json")
        if value is None:
            return None
        value = {**value, "state": JobState(value["state"]), "usage": Usage(**value["usage"])}
        return JobStatus(**value)

    def write_status(self, status: JobStatus) -> None:
        """Keep what the target says of the job."""
        self._write("status.json", asdict(status))

    def outcome(self) -> dict[str, Any] | None:
        """Return how the try was concluded, None while it is open."""
        return read_json(self.path / "outcome.json")  # type: ignore[no-any-return]

    def conclude(self, outcome: str, **more: Any) -> None:
        """Close the try: ``success``, ``failed``, ``abandoned``."""
        self._write("outcome.json", {"outcome": outcome, "at": time.time(), **more}, durable=True)

    @property
    def open(self) -> bool:
        """Whether a job was prepared here whose end no worker has dealt with."""
        return self.prepared and self.outcome() is None

    def image(self) -> dict[str, Any]:
        """Return the ``id`` and ``digests`` of the image that ran, where the node's engine told them."""
        try:
            digests, _, identity = (self.path / "image.txt").read_text().strip().rpartition(" ")
            return {"id": identity, "digests": json.loads(digests)}
        except (OSError, ValueError):
            return {}

    def _write(self, name: str, value: Any, *, durable: bool = False) -> None:
        with replacing(self.path / name) as file:
            file.write(json.dumps(value, ensure_ascii=False).encode(errors="surrogatepass"))
            if durable:
                file.flush()
                os.fsync(file.fileno())
        if durable:
            descriptor = os.open(self.path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def completed(status: JobStatus, ended: Exit | None) -> JobStatus:
    """Return a target's status with what the job's own shell said, where the target did not know."""
    if ended is None:
        return status
    seen, own = status.usage, ended.usage
    usage = Usage(
        cpu_seconds=seen.cpu_seconds if seen.cpu_seconds is not None else own.cpu_seconds,
        max_rss=seen.max_rss if seen.max_rss is not None else own.max_rss,
        wall_seconds=own.wall_seconds if own.wall_seconds is not None else seen.wall_seconds,
    )
    return replace(
        status,
        exit_code=ended.exit_code,
        node=status.node or ended.node,
        started_at=ended.started or status.started_at,
        ended_at=ended.ended or status.ended_at,
        usage=usage,
    )


def _times(text: str) -> float | None:
    """Return the seconds that ``times`` of a shell shows: ``0m0.140s 0m0.010s``."""
    total = 0.0
    try:
        for part in text.split():
            minutes, seconds = part.rstrip("s").split("m")
            total += int(minutes) * 60 + float(seconds)
    except ValueError:
        return None
    return total if text.strip() else None
