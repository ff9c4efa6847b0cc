"""Toil's message bus, read while it is written: what became of each job inside a delegated workflow.

``toil-cwl-runner --writeMessages FILE`` appends one line a message: the message's class, then its fields,
divided by tabs, texts escaped as in Python (``toil.bus`` of Toil 9.6). Messages carry no times: a job's
are those at which its message was read. Toil is not imported; messages that are unknown, or shaped
otherwise, are skipped.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

_INSTANCE = re.compile(r"kind-(?P<kind>[^/]+)/")
_BLANK_ID = re.compile(r"\._:[0-9a-f-]{36}")
_ESCAPE = re.compile(r"\\(?:(?P<letter>[tnr\\])|x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})")
_LOG_FILE = re.compile(r"(?P<stem>.*)_\d{3}\.log")
_PREFIX = "toil.bus."
_READ = 1 << 20

TOOL_KINDS = frozenset({"CWLJob"})
"""Toil's classes of jobs that run a tool; the others move values."""


class InnerState(StrEnum):
    """Where a job of a delegated workflow stands."""

    ISSUED = "issued"
    """Given to the batch system; whether it waits or runs, that system says."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    """Ended without success; Toil may try it again."""
    MISSING = "missing"
    """Gone from the batch system."""

    @property
    def ended(self) -> bool:
        """Whether nothing of it runs now."""
        return self is not InnerState.ISSUED


@dataclass(frozen=True)
class InnerJob:
    """One job of a delegated workflow.

    Attributes:
        id: Toil's id in its job store; the same over tries and restarts.
        kind: Toil's class, such as ``CWLJob``.
        name: Path of the step, scatter elements as numbers in it.
        tries: How often it was issued.
        toil_batch_id: Toil's number for the last of them.
        batch_system: Toil's class of batch system, empty where Toil runs it in its own process.
        batch_id: Native id in the batch system; a pid on ``single_machine``.
        exit_code: Of the last try, None while it is going on.
        issued_at, ended_at: Seconds since the epoch, when they were read.
        given_up: Whether Toil will not try it again.
    """

    id: str
    kind: str
    name: str
    state: InnerState = InnerState.ISSUED
    tries: int = 1
    toil_batch_id: int | None = None
    batch_system: str = ""
    batch_id: str = ""
    exit_code: int | None = None
    issued_at: float | None = None
    ended_at: float | None = None
    given_up: bool = False

    @property
    def is_tool(self) -> bool:
        """Whether it runs a tool of the document."""
        return self.kind in TOOL_KINDS

    @property
    def sentence(self) -> str:
        """What became of it, for a log."""
        where = f" as {self.batch_id}" if self.batch_id else ""
        code = f", exit code {self.exit_code}" if self.exit_code is not None else ""
        return f"job {self.name}: {self.state}{where}{code}"

    def logs(self, files: Mapping[str, Sequence[Path]]) -> list[Path]:
        """Return which of :func:`log_files` are its own, oldest first."""
        stem = _file_stem(self.raw_name)
        worker = f"{_file_stem(self.kind)}_{stem}"
        names = (worker, f"failed_{worker}", f"{stem}.stderr", f"{stem}.stdout")
        found = [path for name in names for path in files.get(name, ())]
        return sorted(found, key=lambda path: (path.stat().st_mtime_ns, path.name))

    raw_name: str = ""
    """Name as Toil writes it."""


def log_files(folder: Path) -> dict[str, list[Path]]:
    """Return the files in Toil's ``--writeLogs`` folder, by their names without number and ending."""
    found: dict[str, list[Path]] = {}
    for path in folder.glob("*.log"):
        if match := _LOG_FILE.fullmatch(path.name):
            found.setdefault(match["stem"], []).append(path)
    return found


@dataclass
class BusReader:
    """Follows a message file.

    Attributes:
        jobs: By id, as far as read.
    """

    file: Path
    clock: Callable[[], float] = time.time
    jobs: dict[str, InnerJob] = field(default_factory=dict)
    _offset: int = 0
    _rest: bytes = b""
    _numbers: dict[int, str] = field(default_factory=dict)
    _early: dict[int, tuple[str, str]] = field(default_factory=dict)

    def read(self) -> list[InnerJob]:
        """Read what was written since the last time; return the jobs that changed, as they are now."""
        before = dict(self.jobs)
        for line in self._lines():
            self._apply(line)
        return [job for job_id, job in self.jobs.items() if before.get(job_id) != job]

    def _lines(self) -> list[bytes]:
        """Return the whole lines that are new; the beginning of one is kept for later."""
        parts = [self._rest]
        try:
            with open(self.file, "rb") as stream:
                stream.seek(self._offset)
                while chunk := stream.read(_READ):
                    parts.append(chunk)
                self._offset = stream.tell()
        except FileNotFoundError:
            return []
        *lines, self._rest = b"".join(parts).split(b"\n")
        return lines

    def _apply(self, line: bytes) -> None:
        name, *fields = (_decode(part) for part in line.split(b"\t"))
        handle = _MESSAGES.get(name.removeprefix(_PREFIX))
        if handle is not None and name.startswith(_PREFIX):
            handle(self, fields)

    # -- messages: fields as in toil.bus ---------------------------------------------------------

    def _issued(self, fields: Sequence[str]) -> None:
        if len(fields) < 3 or not fields[2].isdecimal():
            return
        raw, job_id, number = fields[0], fields[1], int(fields[2])
        known = self.jobs.get(job_id)
        system, native = self._early.pop(number, ("", ""))
        self._numbers[number] = job_id
        self.jobs[job_id] = InnerJob(
            id=job_id,
            kind=_kind(job_id),
            name=_BLANK_ID.sub("", raw),
            raw_name=raw,
            tries=known.tries + 1 if known else 1,
            toil_batch_id=number,
            batch_system=system,
            batch_id=native,
            issued_at=self.clock(),
        )

    def _named(self, fields: Sequence[str]) -> None:
        if len(fields) < 3 or not fields[0].isdecimal():
            return
        number, native, system = int(fields[0]), fields[1], fields[2]
        job = self.jobs.get(self._numbers.get(number, ""))
        if job is None:
            # Other threads of Toil's may speak before its leader does.
            self._early[number] = (system, native)
        else:
            self.jobs[job.id] = replace(job, batch_system=system, batch_id=native)

    def _completed(self, fields: Sequence[str]) -> None:
        job = self.jobs.get(fields[1]) if len(fields) >= 3 else None
        code = _integer(fields[2]) if job is not None else None
        if job is None or code is None:
            return
        state = InnerState.SUCCEEDED if code == 0 else InnerState.FAILED
        self.jobs[job.id] = replace(job, state=state, exit_code=code, ended_at=self.clock())

    def _failed(self, fields: Sequence[str]) -> None:
        job = self.jobs.get(fields[1]) if len(fields) >= 2 else None
        # Said of all jobs above a failed one as well, which have themselves succeeded.
        if job is not None and job.state is not InnerState.SUCCEEDED:
            ended = job.ended_at or self.clock()
            self.jobs[job.id] = replace(job, state=InnerState.FAILED, given_up=True, ended_at=ended)

    def _missing(self, fields: Sequence[str]) -> None:
        job = self.jobs.get(fields[0]) if fields else None
        if job is not None and not job.state.ended:
            self.jobs[job.id] = replace(job, state=InnerState.MISSING, ended_at=self.clock())


_MESSAGES: dict[str, Callable[[BusReader, Sequence[str]], None]] = {
    "JobIssuedMessage": BusReader._issued,
    "ExternalBatchIdMessage": BusReader._named,
    "JobCompletedMessage": BusReader._completed,
    "JobFailedMessage": BusReader._failed,
    "JobMissingMessage": BusReader._missing,
}


def _kind(job_id: str) -> str:
    match = _INSTANCE.match(job_id)
    return match["kind"] if match else ""


def _decode(part: bytes) -> str:
    """Undo ``str.encode("unicode_escape")``; what is no escape of its kind stays as it is."""
    return _ESCAPE.sub(_unescaped, part.decode("ascii", errors="replace"))


def _unescaped(match: re.Match[str]) -> str:
    if match["letter"]:
        return {"t": "\t", "n": "\n", "r": "\r", "\\": "\\"}[match["letter"]]
    code = int(match[0][2:], 16)
    return chr(code) if code <= sys.maxunicode else match[0]


def _integer(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None


def _file_stem(name: str) -> str:
    """Return a job's name as Toil writes it into file names (``StatsAndLogging.writeLogFiles``)."""
    for old, new in (("-", "--"), ("/", "-"), (" ", "_"), ("'", ""), ('"', "")):
        name = name.replace(old, new)
    return name
