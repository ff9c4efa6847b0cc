"""What Grid Engine's commands print, as values."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from xml.etree import ElementTree

from chronos_plugin.errors import TargetUnreachable
from chronos_plugin.execution.targets.base import JobState, JobStatus, Usage

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_NUMBER = re.compile(r"([\d.]+)([KMGT]?)B?s?")

_AFTER_START = 37
"""Values of ``failed`` from here on (100: died by a signal, 37: over a limit …) concern the job itself;
lower ones say that Grid Engine could not start it or clean up after it (accounting(5))."""


@dataclass(frozen=True)
class Entry:
    """A job in the queue."""

    name: str
    status: JobStatus


@dataclass(frozen=True)
class Record:
    """A job in the accounting."""

    native: str
    status: JobStatus


def queue(text: str) -> dict[str, Entry]:
    """Return the jobs in the output of ``qstat -xml`` by native id.

    Raises:
        TargetUnreachable: If it is no XML.
    """
    try:
        # The program that wrote it is on this machine, and of the administrator's choice.
        root = ElementTree.fromstring(text)  # noqa: S314
    except ElementTree.ParseError as error:
        raise TargetUnreachable(f"qstat: its output cannot be read: {error}") from error
    found = {}
    for job in root.iter("job_list"):
        native, word = job.findtext("JB_job_number", ""), job.findtext("state", "")
        found[native] = Entry(
            job.findtext("JB_name", ""),
            JobStatus(
                state=_state(word),
                native_state=word,
                node=job.findtext("queue_name", "").partition("@")[2],
                queued_at=_time(job.findtext("JB_submission_time", ""), "%Y-%m-%dT%H:%M:%S"),
                started_at=_time(job.findtext("JAT_start_time", ""), "%Y-%m-%dT%H:%M:%S"),
            ),
        )
    return found


def accounting(text: str) -> Record | None:
    """Return the last job in the output of ``qacct -j``; None if there is none."""
    last = text.rpartition("=" * 60)[2]
    fields = {}
    for line in last.splitlines():
        name, _, value = line.partition(" ")
        fields[name] = value.strip()
    if "jobnumber" not in fields:
        return None
    failed, _, why = fields.get("failed", "0").partition(":")
    code = int(fields.get("exit_status", "0").split()[0])
    number = int(failed.strip() or 0)
    started = _time(fields.get("start_time", ""), "%a %b %d %H:%M:%S %Y")
    status = JobStatus(
        # The accounting does not say whether somebody deleted the job.
        state=JobState.ENDED,
        native_state=f"failed {number}" if number else "done",
        reason=why.strip() if number else "",
        node=fields.get("hostname", ""),
        exit_code=_exit_code(code, number, started),
        infrastructure=0 < number < _AFTER_START,
        queued_at=_time(fields.get("qsub_time", ""), "%a %b %d %H:%M:%S %Y"),
        started_at=started,
        ended_at=_time(fields.get("end_time", ""), "%a %b %d %H:%M:%S %Y"),
        usage=Usage(
            cpu_seconds=_number(fields.get("cpu", "")),
            # getrusage(2) counts it in KiB; Grid Engine 8 shows that number as if it were bytes.
            max_rss=_whole((_number(fields.get("ru_maxrss", "")) or 0) * 1024),
            wall_seconds=_number(fields.get("ru_wallclock", "")),
        ),
    )
    return Record(fields["jobnumber"], status)


def _exit_code(code: int, failed: int, started: float | None) -> int | None:
    if started is None:
        return None
    if code > 128:
        return 128 - code
    return None if failed and not code else code


def _state(word: str) -> JobState:
    # Several letters stand beside each other (qstat(1)): d deletion, E error, h hold, s S T suspended …
    if "h" in word and "w" in word:
        return JobState.HELD
    if set(word) & {"s", "S", "T", "N", "P"}:
        return JobState.SUSPENDED
    if "r" in word or "t" in word:
        return JobState.RUNNING
    return JobState.QUEUED if "w" in word else JobState.UNKNOWN


def _time(text: str, form: str) -> float | None:
    try:
        return time.mktime(time.strptime(text.partition(".")[0], form))
    except ValueError:
        return None


def _number(text: str) -> float | None:
    match = _NUMBER.fullmatch(text)
    return float(match[1]) * _UNITS[match[2]] if match else None


def _whole(value: float) -> int | None:
    return round(value) or None
