"""Records on their way: lines of JSON in files, appended by any process, read by one recorder.

Handing a record over is one write to a local file: it needs no database and waits for none. Each machine
has a file for every five minutes::

    SPOOL/HOST-20260301T1205.jsonl      records, one a line
    SPOOL/broken/…                      lines that are none, with the reason

A reader keeps how far it has read with what it made of it, and removes a file that is long past and read.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import NamedTuple

from chronos_plugin.lineage.record import Record, to_json

WINDOW = 300
"""Seconds for which records go to one file."""
REMOVED_AFTER = 3600
"""Seconds after which a file that has been read is removed; no writer can still mean it."""
SUFFIX = ".jsonl"


class Line(NamedTuple):
    """One line of a spool file, and where the next one begins."""

    text: bytes
    end: int


class Spool:
    """A spool folder.

    Args:
        clock: Seconds since 1970.
    """

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.time) -> None:
        self.folder = folder.absolute()
        self._clock = clock

    def append(self, record: Record) -> None:
        """Hand a record over.

        Raises:
            OSError: If the folder cannot be written.
        """
        line = json.dumps(to_json(record), separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
        with self._opened() as file:
            size = os.fstat(file).st_size
            # A writer that was killed may have left half a line.
            if size and os.pread(file, 1, size - 1) != b"\n":
                line = b"\n" + line
            os.write(file, line)

    def files(self) -> list[Path]:
        """Return the files, oldest first."""
        found = self.folder.glob(f"*{SUFFIX}")
        return sorted(found, key=lambda path: (path.stem.rpartition("-")[2], path.name))

    def lines(self, file: Path, position: int, most: int) -> Iterator[Line]:
        """Yield whole lines from a position on, at most so many."""
        with open(file, "rb") as stream:
            stream.seek(position)
            for _ in range(most):
                text = stream.readline()
                if not text.endswith(b"\n"):
                    return
                position += len(text)
                yield Line(text, position)

    def remove_read(self, file: Path, position: int) -> bool:
        """Remove a file that is long past if all of it has been read; return whether it is gone."""
        if self._clock() - file.stat().st_mtime < REMOVED_AFTER:
            return False
        with open(file, "rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            if os.fstat(stream.fileno()).st_size > position:
                return False
            file.unlink()
            return True

    def set_aside(self, line: bytes, reason: str) -> None:
        """Keep a line that is no record."""
        folder = self.folder / "broken"
        folder.mkdir(exist_ok=True)
        with open(folder / f"{self._clock():.6f}.json", "wb") as file:
            file.write(json.dumps({"reason": reason}).encode() + b"\n" + line)

    @contextmanager
    def reading(self) -> Iterator[bool]:
        """Give whether this process is the one reader now."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with open(self.folder / ".reader", "wb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True

    @contextmanager
    def _opened(self) -> Iterator[int]:
        while True:
            moment = time.gmtime(self._clock() // WINDOW * WINDOW)
            path = self.folder / f"{_host()}-{time.strftime('%Y%m%dT%H%M', moment)}{SUFFIX}"
            try:
                file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o660)
            except FileNotFoundError:
                self.folder.mkdir(parents=True, exist_ok=True)
                continue
            try:
                fcntl.flock(file, fcntl.LOCK_EX)
                # The reader may have removed it between the two calls.
                if os.fstat(file).st_nlink:
                    yield file
                    return
            finally:
                os.close(file)


@cache
def _host() -> str:
    name = os.uname().nodename.partition(".")[0]
    return "".join(c if c.isalnum() or c == "-" else "_" for c in name) or "host"
