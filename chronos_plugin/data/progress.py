"""How far transfers are, in the log: a line now and then, not one for each file."""

from __future__ import annotations

import logging
import threading
import time

log = logging.getLogger("chronos.data")
INTERVAL = 10.0


class Meter:
    """Counts the bytes of a group of transfers and says every ten seconds how many there are.

    Args:
        verb: What is done, such as ``fetching``.
        files: How many files there are.
        total: Bytes of all of them; None where a storage does not say.
    """

    def __init__(self, verb: str, files: int, total: int | None) -> None:
        self._verb, self._files, self._total = verb, files, total
        self._bytes = self._done = 0
        self._began = self._told = time.monotonic()
        self._told_bytes = 0
        self._lock = threading.Lock()

    def moved(self, count: int) -> None:
        """Count bytes."""
        with self._lock:
            self._bytes += count
            now = time.monotonic()
            if now - self._told < INTERVAL:
                return
            rate = (self._bytes - self._told_bytes) / (now - self._told)
            self._told, self._told_bytes = now, self._bytes
            line = self._line(rate)
        log.info("%s", line)

    def ended(self) -> None:
        """Count a file."""
        with self._lock:
            self._done += 1

    def _line(self, rate: float) -> str:
        files = f"{self._done}/{self._files} files, " if self._files > 1 else ""
        if self._total:
            share = min(100.0, 100.0 * self._bytes / self._total)
            amount = f"{share:.0f} % of {amount_of(self._total)}"
        else:
            amount = amount_of(self._bytes)
        return f"{self._verb}: {files}{amount}, {amount_of(rate)}/s"


def amount_of(count: float) -> str:
    """Return a number of bytes as people read it."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"
