from __future__ import annotations

import contextlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chronos_plugin.hooks.mesos.recordio import MAX_RECORD, Decoder, RecordInvalid, encode


def _cut(data: bytes, places: list[int]) -> list[bytes]:
    borders = [0, *sorted(p % (len(data) + 1) for p in places), len(data)]
    return [data[a:b] for a, b in pairwise(borders)]


@given(st.lists(st.binary(max_size=300)), st.lists(st.integers(min_value=0)))
def test_records_come_out_whatever_the_pieces(records: list[bytes], places: list[int]) -> None:
    decoder = Decoder()
    pieces = _cut(b"".join(map(encode, records)), places)
    assert [record for piece in pieces for record in decoder.feed(piece)] == records
    assert not decoder.pending


@given(st.binary(min_size=1, max_size=50), st.integers(min_value=1, max_value=50))
def test_a_record_that_was_cut_is_not_given_out(record: bytes, lost: int) -> None:
    decoder = Decoder()
    frame = encode(record)
    kept = frame[: max(1, len(frame) - lost)]
    assert list(decoder.feed(kept)) == []
    assert decoder.pending


@given(st.lists(st.binary(max_size=40)))
def test_any_bytes_are_records_or_an_error(pieces: list[bytes]) -> None:
    decoder = Decoder()
    with contextlib.suppress(RecordInvalid):
        for piece in pieces:
            for record in decoder.feed(piece):
                assert encode(record) in b"".join(pieces)


def test_a_large_record_in_small_pieces() -> None:
    record = bytes(range(256)) * 40_000
    frame = encode(record)
    decoder = Decoder()
    pieces = [frame[i : i + 65536] for i in range(0, len(frame), 65536)]
    assert [r for piece in pieces for r in decoder.feed(piece)] == [record]


@pytest.mark.parametrize(
    "stream",
    [
        b"-5\nhello",
        b"abc\n",
        b"\n{}",
        b" 2\n{}",
        b"2 \n{}",
        b"99999999999999999999",
        f"{MAX_RECORD + 1}\n".encode(),
        "٣\n{}x".encode(),
    ],
)
def test_nonsense_is_refused(stream: bytes) -> None:
    with pytest.raises(RecordInvalid):
        list(Decoder().feed(stream))


def test_no_newline_follows_a_record() -> None:
    stream = b'20\n{"type":"HEARTBEAT"}20\n{"type":"HEARTBEAT"}'
    assert list(Decoder().feed(stream)) == [b'{"type":"HEARTBEAT"}'] * 2
