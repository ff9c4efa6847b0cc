"""How a target does, as those who watch its jobs see it: one small file for each watching process."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chronos_plugin.execution.store import write_json

if TYPE_CHECKING:
    from chronos_plugin.execution.targets.breaker import Breaker

FRESH = 60.0
"""Seconds after which a file that is not written anew counts no more."""


@dataclass
class StateFile:
    """The file of this process for one target, below ``root``."""

    root: Path
    target: str
    _written: Mapping[str, Any] | None = None
    _at: float = 0.0

    @property
    def path(self) -> Path:
        """Where it lies."""
        return self.root / self.target / f"{socket.gethostname()}-{os.getpid()}.json"

    def write(self, *, breaker: Breaker, in_flight: int, waiting: int, oldest: float | None) -> None:
        """Say how the target does; unchanged words are repeated at times, so that they stay fresh."""
        value = {
            "breaker": breaker.state,
            "failures": breaker.failures,
            "error": breaker.last_error if breaker.failures else "",
            "failing_since": breaker.since if breaker.failures else None,
            "in_flight": in_flight,
            "waiting": waiting,
            "oldest_waiting_since": oldest,
        }
        now = time.time()
        if value == self._written and now - self._at < FRESH / 3:
            return
        if self._written is None:
            self._remove_stale(now)
        self._written, self._at = value, now
        write_json(self.path, {**value, "at": now})

    def _remove_stale(self, now: float) -> None:
        """Remove what processes have left that ended long ago."""
        for file in self.path.parent.glob("*.json"):
            with contextlib.suppress(OSError):
                if now - file.stat().st_mtime > 60 * FRESH:
                    file.unlink()


@dataclass(frozen=True)
class Seen:
    """What all watching processes together say of a target.

    Attributes:
        breaker: The worst of their circuit breakers' states; empty if nobody watches.
        waiting_seconds: How long the oldest waiting job has been waiting; None if none waits.
    """

    breaker: str = ""
    error: str = ""
    in_flight: int = 0
    waiting: int = 0
    waiting_seconds: float | None = None


def seen(root: Path, target: str) -> Seen:
    """Return what is said of a target by the processes that watch it now."""
    now = time.time()
    found = []
    for file in (root / target).glob("*.json"):
        with contextlib.suppress(OSError, ValueError):
            value = json.loads(file.read_bytes())
            if now - value["at"] < FRESH:
                found.append(value)
    if not found:
        return Seen()
    order = ("open", "half-open", "closed")
    worst = min(found, key=lambda v: order.index(v["breaker"]))
    since = [v["oldest_waiting_since"] for v in found if v["oldest_waiting_since"] is not None]
    return Seen(
        breaker=worst["breaker"],
        error=worst["error"],
        in_flight=sum(v["in_flight"] for v in found),
        waiting=sum(v["waiting"] for v in found),
        waiting_seconds=now - min(since) if since else None,
    )
