"""The targets of the kill drill: how each is set up, and which processes of its own are to be killed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class DrillTarget:
    """One target; the base has neither servers nor agents.

    Attributes:
        name: Of the target in the drill.
    """

    def __init__(self, name: str, setting: dict[str, Any]) -> None:
        self.name, self._setting = name, setting

    def available(self) -> bool:
        """Whether this machine can have it."""
        return True

    def setting(self) -> dict[str, Any]:
        """Return its entry in the targets file."""
        return self._setting

    @contextlib.contextmanager
    def running(self, home: Path) -> Iterator[None]:
        """Start what it needs beside Airflow; stop it at the end."""
        del home
        yield

    def agents(self) -> list[int]:
        """Return the pids of processes of CHRONOS that may be killed and are started again."""
        return []


TARGETS = [
    DrillTarget("local", {"kind": "local", "poll_interval": 1, "max_cores": 16, "options": {"caps": "none"}}),
]
