"""A job that somebody waits for: what is known of it, and what has been told of its output."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from chronos_plugin.execution.targets.base import LOG_CHUNK, Job, JobStatus, Target
from chronos_plugin.execution.targets.folder import JobFolder

_WORD = re.compile(r"[A-Za-z0-9-]+")
Tell = Callable[[str], None]
"""Takes a line for the task's log."""

MAX_LOG = 32 << 20
"""Bytes of a job's output that are copied to the task log; the file itself has them all."""


@dataclass
class Watched:
    """A job that somebody waits for.

    Attributes:
        tell: Whom to tell what becomes of it.
        ended: What is waited for.
        native: The target's id of it; None before it is submitted.
        status: The last that was heard of it.
        over_since: Since when the target or its own shell says that it ended, by the monotonic clock.
        applied: The last wish that was passed on.
        log_offset: Bytes of its output that have been told.
        submissions: How often it was submitted.
        asked_at: Since when it is waited for, in seconds of the epoch.
    """

    job: Job
    folder: JobFolder
    tell: Tell
    ended: asyncio.Future[JobStatus]
    native: str | None = None
    status: JobStatus | None = None
    over_since: float | None = None
    applied: str | None = None
    log_offset: int = 0
    submissions: int = 0
    asked_at: float = field(default_factory=time.time)

    def __post_init__(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self.log_offset = int(self._offset_file.read_text())

    @property
    def has_said(self) -> bool:
        """Whether the job's own shell has said that it ended."""
        return (self.folder.path / "exit.json").exists()

    def settle(self, status: JobStatus) -> None:
        """Tell who waits that the job has ended."""
        self.folder.write_status(status)
        if not self.ended.done():
            self.ended.set_result(status)

    def other_native(self) -> str:
        """Return the native id that the job started under if it is another than the one that is watched."""
        other = str((self.folder.started() or {}).get("native") or "")
        known = set(_WORD.findall(self.native or ""))
        return "" if known & set(_WORD.findall(other)[:1]) else other

    async def relay(self, target: Target, *, ended: bool) -> None:
        """Tell what the job has written since the last time, line by line.

        Args:
            ended: Whether it writes no more.

        Raises:
            ServiceFailed: If the target cannot give its output.
        """
        if self.native is None or self.log_offset >= MAX_LOG:
            return
        if target.shared and _size(self.job) <= self.log_offset:
            return
        while chunk := await target.logs(self.native, self.job, self.log_offset):
            # A line that is not complete is left for the next look, unless it is very long or the last.
            whole = chunk[: chunk.rfind(b"\n") + 1]
            if not whole and (ended or len(chunk) >= LOG_CHUNK):
                whole = chunk
            if not whole:
                break
            self.log_offset += len(whole)
            for line in whole.decode(errors="replace").splitlines():
                self.tell(line)
            if self.log_offset >= MAX_LOG:
                self.tell(f"more than {MAX_LOG >> 20} MiB of output: the rest is in {self.job.log}")
                break
        self._offset_file.write_text(str(self.log_offset))

    @property
    def _offset_file(self) -> Path:
        return self.folder.path / "log.offset"


def _size(job: Job) -> int:
    try:
        return job.log.stat().st_size
    except OSError:
        return 0
