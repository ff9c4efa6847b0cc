"""The packed columns: links of a run, and lists of runs or datasets.

Fixed widths throughout: the standard library reads them at the speed of C, and so does SQL with
``substring``.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from chronos_plugin.db.tables.lineage import OUTPUTS_PER_NUMBER

_LINK = struct.Struct("<iBB")
OUTPUT = 0x80
"""Added to the port of an output."""
MOST_PORTS = 127
"""Of one direction; the links of further ports all count as the last one's."""

BUCKET_BITS = 5
"""A bucket of usage holds the datasets of 2^5 numbers."""
_BUCKET_IDS = OUTPUTS_PER_NUMBER << BUCKET_BITS
POPULAR = 64
"""A dataset that so many runs read at one packing has a list of its own there."""
CHUNK = 400
"""Entries of a row of ``posting``: under two kilobytes, which PostgreSQL would store apart."""
assert sys.byteorder == "little"


class LinkEntry(NamedTuple):
    """One link as a run stores it: the dataset, the port's place in the job, the side."""

    dataset: int
    port: int
    output: bool


class Chunk(NamedTuple):
    """One row of ``posting``, but for its kind; ``place`` orders the chunks of a key by time."""

    key: int
    place: int
    entries: int
    data: bytes


def pack_links(number: int, links: Iterable[LinkEntry]) -> bytes:
    """Return the links of the run with this number."""
    pack = _LINK.pack
    return b"".join(
        pack(number - (d >> 8), d & 255, min(port, MOST_PORTS) | OUTPUT * output) for d, port, output in links
    )


def unpack_links(number: int, data: bytes) -> list[LinkEntry]:
    """Return what :func:`pack_links` was given."""
    return [
        LinkEntry((number - distance) << 8 | index, port & ~OUTPUT, port >= OUTPUT)
        for distance, index, port in _LINK.iter_unpack(data)
    ]


def inputs_of(number: int, data: bytes) -> list[int]:
    """Return the datasets that a run read."""
    return [
        (number - distance) << 8 | index for distance, index, port in _LINK.iter_unpack(data) if port < OUTPUT
    ]


def outputs_of(number: int, data: bytes) -> list[int]:
    """Return the datasets that a run wrote."""
    return [
        (number - distance) << 8 | index
        for distance, index, port in _LINK.iter_unpack(data)
        if port >= OUTPUT
    ]


def bucket_of(dataset: int) -> int:
    """Return the key of the usage list that a dataset shares with its neighbours."""
    return dataset // _BUCKET_IDS


def own_key(dataset: int) -> int:
    """Return the key of the usage list of this dataset alone; a key below zero."""
    return -dataset


def pack_usage(pairs: Sequence[tuple[int, int]], serial: int) -> Iterator[Chunk]:
    """Pack (dataset, number of a run that read it), sorted and each once.

    Args:
        serial: Of this packing; above those of all before.
    """
    for bucket, in_bucket in groupby(pairs, lambda pair: pair[0] // _BUCKET_IDS):
        shared: list[tuple[int, int]] = []
        for dataset, of_dataset in groupby(in_bucket, lambda pair: pair[0]):
            numbers = [number for _, number in of_dataset]
            if len(numbers) >= POPULAR:
                yield from _own_chunks(dataset, numbers, serial)
            else:
                shared += [(dataset, number) for number in numbers]
        for index, start in enumerate(range(0, len(shared), CHUNK)):
            yield _shared_chunk(bucket, shared[start : start + CHUNK], _placed(serial, index))


def unpack_own(data: bytes) -> list[int]:
    """Return the numbers in a list of one dataset alone."""
    (first,) = _BASE.unpack_from(data)
    return [first + n for n in array("I", data[_BASE.size :])]


def unpack_shared(
    key: int, data: bytes, wanted: Collection[int] | None = None
) -> Iterator[tuple[int, list[int]]]:
    """Yield each dataset of a bucket with the numbers of the runs that read it.

    Args:
        wanted: Only these datasets.
    """
    first, count = _HEAD.unpack_from(data)
    start = _HEAD.size
    local = array("H", data[start : start + 2 * count])
    counts = array("H", data[start + 2 * count : start + 4 * count])
    numbers = array("I", data[start + 4 * count :])
    base, position = key * _BUCKET_IDS, 0
    for low, length in zip(local, counts, strict=True):
        if wanted is None or base + low in wanted:
            yield base + low, [first + n for n in numbers[position : position + length]]
        position += length


def pack_ids(key: int, ids: Sequence[int], serial: int) -> Iterator[Chunk]:
    """Pack the ids of the datasets in the list of a word; sorted. ``serial`` as in :func:`pack_usage`."""
    for index, start in enumerate(range(0, len(ids), CHUNK)):
        part = ids[start : start + CHUNK]
        first = part[0] >> 8
        data = _BASE.pack(first) + b"".join(_ID.pack((i >> 8) - first, i & 255) for i in part)
        yield Chunk(key, _placed(serial, index), len(part), data)


def unpack_ids(data: bytes) -> list[int]:
    """Return what :func:`pack_ids` was given."""
    (base,) = _BASE.unpack_from(data)
    return [(base + n) << 8 | index for n, index in _ID.iter_unpack(data[_BASE.size :])]


_BASE = struct.Struct("<Q")
_HEAD = struct.Struct("<QH")
_ID = struct.Struct("<IB")
_CHUNKS_BITS = 20


def _placed(serial: int, index: int) -> int:
    return serial << _CHUNKS_BITS | index


def _own_chunks(dataset: int, numbers: list[int], serial: int) -> Iterator[Chunk]:
    for index, start in enumerate(range(0, len(numbers), CHUNK)):
        part = numbers[start : start + CHUNK]
        first = part[0]
        data = _BASE.pack(first) + array("I", [n - first for n in part]).tobytes()
        yield Chunk(own_key(dataset), _placed(serial, index), len(part), data)


def _shared_chunk(bucket: int, pairs: list[tuple[int, int]], place: int) -> Chunk:
    first = min(number for _, number in pairs)
    local, counts, numbers = array("H"), array("H"), array("I")
    for dataset, of_dataset in groupby(pairs, lambda pair: pair[0]):
        before = len(numbers)
        numbers.extend(number - first for _, number in of_dataset)
        local.append(dataset % _BUCKET_IDS)
        counts.append(len(numbers) - before)
    data = _HEAD.pack(first, len(local)) + local.tobytes() + counts.tobytes() + numbers.tobytes()
    return Chunk(bucket, place, len(numbers), data)


_DIGEST_BYTES = {"md5": 16, "sha1": 20, "sha256": 32, "sha512": 64}
_BY_LENGTH = {length: name for name, length in _DIGEST_BYTES.items()}


def pack_checksum(checksum: str) -> bytes | None:
    """Return a checksum in the form ``ALGORITHM$HEX`` as its bytes, another text as it is, marked."""
    name, dollar, digest = checksum.partition("$")
    if not checksum:
        return None
    if dollar and len(digest) == 2 * _DIGEST_BYTES.get(name, -1) and digest == digest.lower():
        try:
            return bytes.fromhex(digest)
        except ValueError:
            pass
    text = b"\0" + checksum.encode()
    # A text must not be as long as a digest.
    return text if len(text) not in _BY_LENGTH else b"\1" + text


def unpack_checksum(data: bytes | None) -> str:
    """Return the text that :func:`pack_checksum` was given."""
    if not data:
        return ""
    name = _BY_LENGTH.get(len(data))
    if name is not None:
        return f"{name}${data.hex()}"
    return data[1 + data[0] :].decode()
