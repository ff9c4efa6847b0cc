"""What the operating system knows about processes: identity, session, descent."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from deploy.demo.errors import DemoError

_PROC = Path("/proc")


@dataclass(frozen=True)
class ProcessId:
    """A process, told apart from a later one with the same number by its start time."""

    pid: int
    started: str

    @classmethod
    def of(cls, pid: int) -> ProcessId:
        """Return the identity of the process that has the number ``pid`` now."""
        return cls(pid, start_mark(pid))


@dataclass(frozen=True)
class Row:
    """One living process."""

    pid: int
    parent: int
    session: int
    started: str


def start_mark(pid: int) -> str:
    """Return an opaque mark of the start time of the process ``pid``, empty if there is none."""
    row = table().get(pid)
    return row.started if row else ""


def table() -> dict[int, Row]:
    """Return all living processes that can be seen, by number; zombies are left out.

    Raises:
        DemoError: The system has no ``/proc``.
    """
    if not (_PROC / "self" / "stat").exists():
        raise DemoError("The demo needs Linux: it finds its processes in /proc.")
    return dict(_rows())


def members(leaders: Iterable[ProcessId]) -> set[ProcessId]:
    """Return the living processes that are in the leaders' sessions or descend from their members.

    A leader's number stays reserved while a process of its session lives. So a session counts when its
    leader still lives, or when nobody has its number any more; never when another process got the number.
    """
    rows = table()
    sessions = set()
    for leader in leaders:
        now = rows.get(leader.pid)
        if now is None or now.started == leader.started:
            sessions.add(leader.pid)
    found = {row.pid for row in rows.values() if row.session in sessions}
    grown = True
    while grown:
        children = {row.pid for row in rows.values() if row.parent in found} - found
        found |= children
        grown = bool(children)
    found.discard(os.getpid())
    return {ProcessId(pid, rows[pid].started) for pid in found}


def living(processes: Iterable[ProcessId]) -> set[ProcessId]:
    """Return those of the processes that still live."""
    rows = table()
    return {known for known in processes if known.pid in rows and rows[known.pid].started == known.started}


def send(processes: Iterable[ProcessId], number: signal.Signals) -> None:
    """Send a signal to those of the processes that still live."""
    for process in living(processes):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(process.pid, number)


def _rows() -> Iterable[tuple[int, Row]]:
    for entry in os.listdir(_PROC):
        if not entry.isdigit():
            continue
        try:
            text = (_PROC / entry / "stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        # The second field is the command's name in parentheses and may contain anything.
        fields = text.rpartition(")")[2].split()
        state, parent, session, started = fields[0], int(fields[1]), int(fields[3]), fields[19]
        if state not in "ZX":
            yield int(entry), Row(int(entry), parent, session, started)
