"""What Slurm's commands print, as values."""

from __future__ import annotations

import math
from collections.abc import Container
from dataclasses import dataclass, replace
from functools import cache

from chronos_plugin.execution.targets.base import JobState, JobStatus, Usage

QUEUE_FORMAT = "%i|%T|%N|%V|%S|%e|%r"
COLUMNS = "JobIDRaw,State,ExitCode,NodeList,Submit,Start,End,ElapsedRaw,TotalCPU,MaxRSS,Reason"
PARTITION_FORMAT = "%P|%G|%l|%p|%c|%m"

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}

# The words of Slurm for jobs that have not ended (squeue(1), "JOB STATE CODES").
_LIVE = {
    "PENDING": JobState.QUEUED,
    "CONFIGURING": JobState.QUEUED,
    "REQUEUED": JobState.QUEUED,
    "REQUEUE_FED": JobState.QUEUED,
    "REQUEUE_HOLD": JobState.HELD,
    "RESV_DEL_HOLD": JobState.HELD,
    "RUNNING": JobState.RUNNING,
    "COMPLETING": JobState.RUNNING,
    "RESIZING": JobState.RUNNING,
    "SIGNALING": JobState.RUNNING,
    "STAGE_OUT": JobState.RUNNING,
    "STOPPED": JobState.SUSPENDED,
    "SUSPENDED": JobState.SUSPENDED,
}
_HELD_REASONS = ("JobHeldUser", "JobHeldAdmin")


@dataclass(frozen=True)
class Partition:
    """A partition as ``sinfo`` lists it.

    Attributes:
        time_limit: Seconds.
    """

    name: str
    gpus: bool
    time_limit: float
    priority: int
    cpus: str
    memory: str


def queue(text: str, wanted: Container[str]) -> dict[str, JobStatus]:
    """Return the states in ``squeue``'s output, in :data:`QUEUE_FORMAT`, of the jobs in ``wanted``."""
    found = {}
    for line in text.splitlines():
        fields = line.split("|", 6)
        if len(fields) == 7 and fields[0] in wanted:
            native, word, node, submitted, started, ended, reason = fields
            found[native] = _status(word, reason, node, (submitted, started, ended))
    return found


def accounting(text: str) -> dict[str, JobStatus]:
    """Return the jobs in ``sacct``'s output, in :data:`COLUMNS`: a line for the job, then for its steps."""
    found: dict[str, JobStatus] = {}
    memory: dict[str, int] = {}
    for line in text.splitlines():
        fields = line.split("|", 10)
        if len(fields) != 11:
            continue
        native, _, step = fields[0].partition(".")
        if step:
            memory[native] = max(memory.get(native, 0), size(fields[9]) or 0)
        elif native.isdecimal():
            found[native] = _accounted(fields)
    return {native: _with_memory(status, memory.get(native)) for native, status in found.items()}


def partitions(text: str) -> list[Partition]:
    """Return the partitions in ``sinfo``'s output, in :data:`PARTITION_FORMAT`."""
    found = []
    for line in text.splitlines():
        fields = line.split("|")
        if len(fields) == 6:
            name, gres, limit, priority, cpus, memory = fields
            urgent = int(priority) if priority.isdecimal() else 1 << 31
            found.append(
                Partition(name.rstrip("*"), "gpu" in gres, duration(limit) or math.inf, urgent, cpus, memory)
            )
    return found


def duration(text: str) -> float | None:
    """Return the seconds of ``[DAYS-][HH:]MM:SS[.mmm]``; None for words such as ``UNLIMITED``."""
    days, dash, rest = text.rpartition("-")
    try:
        seconds = 0.0
        for part in rest.split(":"):
            seconds = seconds * 60 + float(part)
        return seconds + (int(days) * 86400 if dash else 0)
    except ValueError:
        return None


def size(text: str) -> int | None:
    """Return the bytes of a size such as ``322036K``; None where there is none."""
    number, unit = (text[:-1], text[-1]) if text[-1:].isalpha() else (text, "")
    try:
        return round(float(number) * _UNITS[unit])
    except (ValueError, KeyError):
        return None


def exit_code(text: str) -> int | None:
    """Return the exit code of ``CODE:SIGNAL``; negative for a signal."""
    code, _, signal = text.partition(":")
    if not code.isdecimal():
        return None
    return -int(signal) if signal.isdecimal() and int(signal) else int(code)


def _accounted(fields: list[str]) -> JobStatus:
    _, word, code, node, submitted, started, ended, elapsed, cpu, _, reason = fields
    status = _status(word, reason, node, (submitted, started, ended))
    if not status.state.final:
        return status
    cpu_seconds = duration(cpu)
    wall = float(elapsed) if elapsed.isdecimal() else None
    ran = status.started_at is not None
    exited = exit_code(code) if ran else None
    return JobStatus(
        state=status.state,
        native_state=status.native_state,
        reason=status.reason,
        node=status.node,
        # sacct prints 0:0 also for what never ran, was cancelled, or ran out of time.
        exit_code=None if exited == 0 and word != "COMPLETED" else exited,
        infrastructure=status.infrastructure,
        queued_at=status.queued_at,
        started_at=status.started_at,
        ended_at=status.ended_at,
        usage=Usage(cpu_seconds=cpu_seconds if ran else None, wall_seconds=wall if ran else None),
    )


def _status(words: str, reason: str, node: str, times: tuple[str, str, str]) -> JobStatus:
    # "CANCELLED by 1000": who did it is worth keeping.
    word = words.partition(" ")[0].rstrip("+")
    queued, started, ended = (float(text) if text.isdecimal() else None for text in times)
    state = _state(word, reason)
    if state in (JobState.QUEUED, JobState.HELD):
        # For a waiting job Slurm prints when it expects to start it.
        started = ended = None
    return JobStatus(
        state=state,
        native_state=words,
        reason=_reason(word, words, reason),
        node="" if node in ("None assigned", "(null)") else node,
        infrastructure=word in _infrastructure(),
        queued_at=queued,
        started_at=started,
        ended_at=ended if state.final else None,
    )


def _state(word: str, reason: str) -> JobState:
    if word == "PENDING" and reason in _HELD_REASONS:
        return JobState.HELD
    if word in _LIVE:
        return _LIVE[word]
    if word == "CANCELLED":
        return JobState.CANCELLED
    return JobState.ENDED if word in _terminal() else JobState.UNKNOWN


def _reason(word: str, words: str, reason: str) -> str:
    given = "" if reason in ("None", "(null)", "") else reason
    if word in _LIVE or word in ("COMPLETED", "FAILED"):
        return given
    # Why it ended badly is the state itself: TIMEOUT, OUT_OF_MEMORY, NODE_FAIL …
    return f"{words} ({given})" if given else words


def _with_memory(status: JobStatus, memory: int | None) -> JobStatus:
    if not memory or not status.state.final:
        return status
    return replace(status, usage=replace(status.usage, max_rss=memory))


@cache
def _terminal() -> frozenset[str]:
    """Return the words for jobs that have ended, as Toil knows them."""
    from toil.batchSystems.slurm import TERMINAL_STATES

    return frozenset(TERMINAL_STATES)


@cache
def _infrastructure() -> frozenset[str]:
    """Return the words for jobs that ended through no fault of theirs."""
    from toil.batchSystems.abstractBatchSystem import BatchJobExitReason
    from toil.batchSystems.slurm import TERMINAL_STATES

    lost = {word for word, reason in TERMINAL_STATES.items() if reason == BatchJobExitReason.LOST}
    return frozenset({*lost, "PREEMPTED", "REVOKED"})
