"""The processes of an installation: started together, watched, and stopped with all that they started."""

from __future__ import annotations

import os
import subprocess
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from signal import SIGKILL, SIGTERM

from deploy.demo.errors import ComponentDied
from deploy.demo.proctable import ProcessId, living, members, send

GRACE_SECONDS = 10.0
# Airflow takes a second SIGTERM as "do not wait any longer" for tasks and triggers.
INSIST_SECONDS = 4.0
_POLL_SECONDS = 0.05
_KILL_ROUNDS = 5
_SHOWN_LINES = 20


class ProcessGroup:
    """The components of Airflow, forks of one loader (:mod:`deploy.demo.loader`) in one session."""

    def __init__(self, loader: Sequence[str], environment: Mapping[str, str], logs: Path) -> None:
        self._command = loader
        self._environment = dict(environment)
        self._logs = logs
        self._process: subprocess.Popen[bytes] | None = None
        self._said = b""

    def start(self) -> None:
        """Start the loader, which starts the components."""
        # The log folder is the loader's first argument, its parent the second.
        with (self._logs / "loader.log").open("wb") as log:
            self._process = subprocess.Popen(
                [*self._command, str(self._logs), str(os.getpid())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=self._logs,
                env=self._environment,
                # A session of its own: Ctrl-C reaches the demo only, which then stops everything in order.
                start_new_session=True,
            )
        if self._process.stdout is not None:
            os.set_blocking(self._process.stdout.fileno(), False)

    def leaders(self) -> dict[str, ProcessId]:
        """Return the process whose session all others belong to, by the name of what it runs."""
        return {"Airflow": ProcessId.of(self._process.pid)} if self._process is not None else {}

    def check(self) -> None:
        """Make sure that every component still runs.

        Raises:
            ComponentDied: One ended; the message has the last lines of its log.
        """
        if self._process is None:
            return
        ended = self._process.poll()
        if self._process.stdout is not None:
            self._said += self._process.stdout.read() or b""
        line, complete, _ = self._said.partition(b"\n")
        if complete:
            name, _, status = line.decode().rpartition(" ")
            raise ComponentDied(_obituary(name, int(status), self._logs / f"{name}.log"))
        if ended is not None:
            raise ComponentDied(_obituary("loader of the components", ended, self._logs / "loader.log"))

    def stop(self, grace: float = GRACE_SECONDS) -> int:
        """End all processes: SIGTERM to the components, SIGKILL to what is left after ``grace`` seconds.

        Returns:
            How many processes had to be killed.
        """
        if self._process is None:
            return 0
        killed = end(self.leaders().values(), grace)
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._process = None
        return killed


def end(leaders: Iterable[ProcessId], grace: float = GRACE_SECONDS) -> int:
    """End the leaders and every process of their sessions or that descends from those.

    The leaders get SIGTERM and end their children in their own order; whatever is left after them, or after
    four seconds, gets it too, and after ``grace`` seconds in all SIGKILL.

    Returns:
        How many processes had to be killed.
    """
    known = set(leaders)
    # Remembered: a process that left its session is found only while its parents live.
    everyone = known | members(known)
    begin = time.monotonic()
    deadline = begin + grace
    send(known, SIGTERM)
    _wait(known, min(deadline, begin + INSIST_SECONDS))
    everyone |= members(everyone)
    send(everyone, SIGTERM)
    _wait(everyone, deadline)
    left = living(everyone | members(everyone))
    # More than once: a process may just be starting another one.
    for _ in range(_KILL_ROUNDS):
        remaining = living(everyone | members(everyone))
        if not remaining:
            break
        send(remaining, SIGKILL)
        _wait(remaining, time.monotonic() + 1)
    return len(left)


def tail(path: Path, count: int) -> list[str]:
    """Return the last lines of a text file, none if it cannot be read."""
    try:
        with path.open(encoding="utf-8", errors="replace") as stream:
            return [line.rstrip("\n") for line in deque(stream, maxlen=count)]
    except OSError:
        return []


def _obituary(name: str, status: int, log: Path) -> str:
    how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
    last = "\n".join(f"  {line}" for line in tail(log, _SHOWN_LINES)) or "  (the log is empty)"
    return f"The {name} {how}. The last lines of {log}:\n{last}"


def _wait(processes: Iterable[ProcessId], deadline: float) -> None:
    awaited = set(processes)
    while living(awaited) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
