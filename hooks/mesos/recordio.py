"""RecordIO, the framing of Mesos's event streams: the record's length in bytes, a newline, the record.

No newline follows a record, and the borders of chunks mean nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from chronos_plugin.errors import ServiceFailed

MAX_RECORD = 64 << 20
"""Bytes over which a record is taken for nonsense: an offer of a thousand agents has about 1 MiB."""

_MAX_DIGITS = len(str(MAX_RECORD))


class RecordInvalid(ServiceFailed):
    """Raised when a stream is no RecordIO; the stream cannot be read further."""


def encode(record: bytes) -> bytes:
    """Frame a record."""
    return b"%d\n%b" % (len(record), record)


class Decoder:
    """Cuts a stream of bytes into records, whatever the pieces are in which it arrives."""

    def __init__(self, *, limit: int = MAX_RECORD) -> None:
        self._limit = limit
        self._buffer = bytearray()
        self._start = 0
        self._length: int | None = None

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """Take in a piece; yield the records that are complete with it.

        Raises:
            RecordInvalid: If what stands where a length should be is none, or the record is too long.
        """
        self._buffer += piece
        while (record := self._next()) is not None:
            yield record
        del self._buffer[: self._start]
        self._start = 0

    @property
    def pending(self) -> bool:
        """Whether a record has begun and has not ended: at the end of a stream, it was cut."""
        return self._length is not None or len(self._buffer) > self._start

    def _next(self) -> bytes | None:
        if self._length is None:
            self._length = self._take_length()
            if self._length is None:
                return None
        end = self._start + self._length
        if len(self._buffer) < end:
            return None
        record = bytes(self._buffer[self._start : end])
        self._start, self._length = end, None
        return record

    def _take_length(self) -> int | None:
        newline = self._buffer.find(b"\n", self._start, self._start + _MAX_DIGITS + 1)
        if newline < 0:
            digits = bytes(self._buffer[self._start : self._start + _MAX_DIGITS + 1])
            if len(digits) > _MAX_DIGITS or (digits and not digits.isdigit()):
                raise RecordInvalid(f"no RecordIO: a length was expected, not {digits!r}")
            return None
        digits = bytes(self._buffer[self._start : newline])
        if not digits.isdigit():
            raise RecordInvalid(f"no RecordIO: a length was expected, not {digits!r}")
        length = int(digits)
        if length > self._limit:
            raise RecordInvalid(f"a record of {length} bytes; more than {self._limit} are not taken")
        self._start = newline + 1
        return length
