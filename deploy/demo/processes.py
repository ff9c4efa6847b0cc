"""The processes of an installation: start them together, watch them, stop them with all they started."""

from __future__ import annotations

import subprocess
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL, SIGTERM

from demo.errors import ComponentDied
from demo.proctable import ProcessId, living, members, send

GRACE_SECONDS = 10.0
_POLL_SECONDS = 0.05
_KILL_ROUNDS = 5


@dataclass(frozen=True)
class Component:
    """A program that runs as long as the installation does."""

    name: str
    command: Sequence[str]
    log: Path


class ProcessGroup:
    """Components that are started and stopped together, each with a session and a log of its own."""

    def __init__(self, environment: Mapping[str, str], folder: Path) -> None:
        self._environment = dict(environment)
        self._folder = folder
        self._running: dict[str, tuple[Component, subprocess.Popen[bytes]]] = {}

    def start(self, component: Component) -> None:
        """Start a component; what it prints goes to its log, which begins anew."""
        component.log.parent.mkdir(parents=True, exist_ok=True)
        with component.log.open("wb") as log:
            process = subprocess.Popen(
                component.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self._folder,
                env=self._environment,
                # A session of its own: Ctrl-C reaches the demo only, which then stops everything in order.
                start_new_session=True,
            )
        self._running[component.name] = (component, process)

    def leaders(self) -> dict[str, ProcessId]:
        """Return the first process of each component."""
        return {name: ProcessId.of(process.pid) for name, (_, process) in self._running.items()}

    def check(self) -> None:
        """Make sure that every component still runs.

        Raises:
            ComponentDied: One ended; the message has the last lines of its log.
        """
        for component, process in self._running.values():
            status = process.poll()
            if status is not None:
                how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
                last = "\n".join(f"  {line}" for line in tail(component.log, 20)) or "  (its log is empty)"
                raise ComponentDied(
                    f"The {component.name} {how}. The last lines of {component.log}:\n{last}"
                )

    def stop(self, grace: float = GRACE_SECONDS) -> int:
        """End all processes: SIGTERM to the components, SIGKILL to what is left after ``grace`` seconds.

        Returns:
            How many processes had to be killed.
        """
        killed = end(self.leaders().values(), grace)
        for _, process in self._running.values():
            process.wait()
        self._running.clear()
        return killed


def end(leaders: Iterable[ProcessId], grace: float = GRACE_SECONDS) -> int:
    """End the leaders and every process of their sessions or that descends from those.

    The leaders get SIGTERM and end their own children in their own order; then whatever is left gets it,
    and after ``grace`` seconds in all SIGKILL.

    Returns:
        How many processes had to be killed.
    """
    known = set(leaders)
    if not known:
        return 0
    # Remembered: a process that changed its session is found only while its parents live.
    everyone = known | members(known)
    deadline = time.monotonic() + grace
    send(known, SIGTERM)
    _wait(known, deadline)
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


def _wait(processes: Iterable[ProcessId], deadline: float) -> None:
    while living(processes) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)


def tail(path: Path, count: int) -> list[str]:
    """Return the last lines of a text file, none if it cannot be read."""
    try:
        with path.open(encoding="utf-8", errors="replace") as stream:
            return [line.rstrip("\n") for line in deque(stream, maxlen=count)]
    except OSError:
        return []
