"""Large logs: lines by number from files that grow, without reading what lies before them.

A file is read once to count its lines, a block at a time; where each block begins is kept in memory, and only
what is new is counted the next time.
"""

from __future__ import annotations

import bisect
import os
import re
import threading
from array import array
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

BLOCK = 1 << 20
MOST_OF_A_LINE = 1 << 20
"""Bytes of a line that are read; the rest of it is left out."""
_KEPT = 256
_TIME = re.compile(rb'"timestamp": ?"([^"]{10,40})"|^\[?(\d{4}-\d\d-\d\dT[^\s\]]{8,32})')


@dataclass
class LineIndex:
    """How many lines of a file lie before each of its blocks.

    Attributes:
        counted: Bytes of the file that are counted.
        before: Line ends before each block that was begun.
    """

    path: Path
    counted: int = 0
    before: array[int] = field(default_factory=lambda: array("q", [0]))
    _all: int = 0

    def extend(self, size: int) -> None:
        """Count up to ``size`` bytes; the file has at least so many."""
        with self.path.open("rb", buffering=0) as file:
            while self.counted < size:
                begun = self.counted % BLOCK
                file.seek(self.counted)
                piece = file.read(min(BLOCK - begun, size - self.counted))
                if not piece:
                    return
                self._all += piece.count(b"\n")
                self.counted += len(piece)
                if begun + len(piece) == BLOCK:
                    self.before.append(self._all)

    def ends_before(self, position: int) -> int:
        """Return how many lines end before a byte."""
        block = position // BLOCK
        return self.before[block] + self._block(block)[: position % BLOCK].count(b"\n")

    def begin_of(self, line: int) -> int:
        """Return the byte where a line begins, which is after ``line`` line ends."""
        if line <= 0:
            return 0
        block = bisect.bisect_left(self.before, line) - 1
        content, at = self._block(block), -1
        for _ in range(line - self.before[block]):
            at = content.index(b"\n", at + 1)
        return block * BLOCK + at + 1

    def _block(self, number: int) -> bytes:
        with self.path.open("rb", buffering=0) as file:
            file.seek(number * BLOCK)
            return file.read(BLOCK)


class _Indexes:
    """Indexes of files that were asked for lately; a file that is another one now is counted anew."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: OrderedDict[tuple[str, int, int], tuple[threading.Lock, LineIndex]] = OrderedDict()

    def of(self, path: Path) -> tuple[LineIndex, int]:
        """Return the index of a file, complete to its size now, and this size."""
        stat = path.stat()
        key = (str(path), stat.st_dev, stat.st_ino)
        with self._lock:
            lock, index = self._found.pop(key) if key in self._found else (threading.Lock(), LineIndex(path))
            if index.counted > stat.st_size:
                lock, index = threading.Lock(), LineIndex(path)
            self._found[key] = (lock, index)
            while len(self._found) > _KEPT:
                self._found.popitem(last=False)
        with lock:
            index.extend(stat.st_size)
        return index, stat.st_size


_indexes = _Indexes()


@dataclass(frozen=True)
class _Part:
    """A stretch of a file, with the number of its first line in the log."""

    index: LineIndex
    begin: int
    end: int
    first: int
    lines: int


class LogFiles:
    """The log of a try as lines, numbered from 0, in the files that a task and its triggers wrote.

    The first file is the task's. While it waits for a trigger it writes nothing, so that the lines of a
    trigger stand where they belong by their time. A line is there once it has ended.

    Raises (all methods):
        OSError: If a file cannot be read.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.parts = list(_parts(paths))
        self.total = sum(part.lines for part in self.parts)
        self.size = sum(part.end - part.begin for part in self.parts)

    def lines(self, offset: int, limit: int, most_bytes: int) -> Iterator[bytes]:
        """Yield lines from a number on: ``limit`` at most, and not many more bytes than ``most_bytes``."""
        for part in self.parts:
            if limit <= 0 or offset >= part.first + part.lines:
                continue
            with part.index.path.open("rb") as file:
                skipped = max(offset - part.first, 0)
                file.seek(_begin(part, skipped))
                for _ in range(min(part.lines - skipped, limit)):
                    line = _line(file)
                    yield line
                    limit -= 1
                    most_bytes -= len(line)
                    if most_bytes <= 0:
                        return

    def stretch(self, begin: int, end: int) -> Iterator[bytes]:
        """Yield the bytes from ``begin`` on, before ``end``, of all that there is."""
        for part in self.parts:
            size = part.end - part.begin
            if begin < size and end > 0:
                with part.index.path.open("rb", buffering=0) as file:
                    file.seek(part.begin + max(begin, 0))
                    left = min(size, end) - max(begin, 0)
                    while left > 0 and (piece := file.read(min(BLOCK, left))):
                        left -= len(piece)
                        yield piece
            begin, end = begin - size, end - size

    def candidates(self, words: Sequence[bytes], offset: int, most_bytes: int) -> Iterator[tuple[int, bytes]]:
        """Yield lines that contain one of ``words`` in lower case, by number; then, where the search ended.

        What is yielded last has no content: the number is that of the first line that was not searched.
        """
        for part in self.parts:
            if offset >= part.first + part.lines:
                continue
            skipped = max(offset - part.first, 0)
            at = _begin(part, skipped)
            number = part.first + skipped
            with part.index.path.open("rb", buffering=0) as file:
                while at < part.end:
                    if most_bytes <= 0:
                        yield number, b""
                        return
                    piece = _whole_lines(file, at, part.end)
                    yield from _hits(piece, words, number)
                    number += piece.count(b"\n")
                    at += len(piece)
                    most_bytes -= len(piece)
        yield self.total, b""


def _hits(piece: bytes, words: Sequence[bytes], number: int) -> Iterator[tuple[int, bytes]]:
    low = piece.lower()
    at = counted = 0
    while (found := min((p for w in words if (p := low.find(w, at)) >= 0), default=-1)) >= 0:
        begin = low.rfind(b"\n", 0, found) + 1
        end = low.find(b"\n", found)
        end = len(low) if end < 0 else end
        number += low.count(b"\n", counted, begin)
        counted = begin
        yield number, piece[begin:end][:MOST_OF_A_LINE]
        at = end


def _whole_lines(file: IO[bytes], at: int, end: int) -> bytes:
    """Read about a block, up to the end of a line; a line that is longer than a block is read in pieces."""
    file.seek(at)
    piece = file.read(min(BLOCK, end - at))
    cut = piece.rfind(b"\n") + 1
    return piece if cut == 0 else piece[:cut]


def _line(file: IO[bytes]) -> bytes:
    line = file.readline(MOST_OF_A_LINE)
    kept = line
    while line and not line.endswith(b"\n"):
        line = file.readline(BLOCK)
    return kept.rstrip(b"\r\n")


def _begin(part: _Part, skipped: int) -> int:
    if skipped == 0:
        return part.begin
    return part.index.begin_of(part.index.ends_before(part.begin) + skipped)


def _parts(paths: Sequence[Path]) -> Iterator[_Part]:
    """Yield the task's file in stretches, with those of its triggers between them."""
    if not paths:
        return
    first = 0
    main, size = _indexes.of(paths[0])
    at = 0
    for path in sorted(paths[1:], key=lambda p: _first_time(p) or b""):
        index, length = _indexes.of(path)
        time = _first_time(path)
        cut = _first_after(main, size, time) if time else size
        for part in (_part(main, at, max(cut, at), first), None):
            part = part or _part(index, 0, length, first)
            if part.lines:
                yield part
            first += part.lines
        at = max(cut, at)
    rest = _part(main, at, size, first)
    if rest.lines:
        yield rest


def _part(index: LineIndex, begin: int, end: int, first: int) -> _Part:
    lines = index.ends_before(end) - index.ends_before(begin)
    # A line that has not ended is not there yet.
    whole = index.begin_of(index.ends_before(begin) + lines) if lines else begin
    return _Part(index, begin, whole, first, lines)


def _first_time(path: Path) -> bytes | None:
    with path.open("rb") as file:
        return _time_of(file.readline(BLOCK))


def _first_after(index: LineIndex, size: int, time: bytes) -> int:
    """Return where the first line begins that is younger than a moment, by halving."""
    low, high = 0, index.ends_before(size)
    with index.path.open("rb") as file:
        while low < high:
            middle = (low + high) // 2
            file.seek(index.begin_of(middle))
            found = _time_of(file.readline(BLOCK))
            if found is not None and found > time:
                high = middle
            else:
                low = middle + 1
    return index.begin_of(low) if low < index.ends_before(size) else size


def _time_of(line: bytes) -> bytes | None:
    found = _TIME.search(line[:4096])
    return (found[1] or found[2]) if found else None


def files_below(folder: Path, name: str) -> list[Path]:
    """Return the log files of a try: its own, then those of its triggers; none that leads out of the folder.

    Args:
        name: Of the task's own file, relative to the folder; as Airflow's template gives it.
    """
    root = os.path.realpath(folder)
    own = folder / name
    found = []
    for path in [own, *sorted(own.parent.glob(f"{_literal(own.name)}.trigger.*"))]:
        real = Path(os.path.realpath(path))
        if real.is_relative_to(root) and real.is_file():
            found.append(real)
    return found


def _literal(name: str) -> str:
    return re.sub(r"([*?[])", r"[\1]", name)
