"""Packed columns."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chronos_plugin.db.store import packing
from chronos_plugin.db.store.packing import LinkEntry

_numbers = st.integers(1, 2**31 - 1)
_ids = st.integers(256, 2**39 - 1)


@given(_numbers, st.lists(st.tuples(_ids, st.integers(0, 127), st.booleans()), max_size=50))
def test_links(number: int, values: list[tuple[int, int, bool]]) -> None:
    links = [LinkEntry(*value) for value in values]
    data = packing.pack_links(number, links)
    assert packing.unpack_links(number, data) == links
    assert packing.inputs_of(number, data) == [link.dataset for link in links if not link.output]
    assert packing.outputs_of(number, data) == [link.dataset for link in links if link.output]


@given(st.sets(st.tuples(st.integers(256, 20_000), st.integers(1, 2000)), max_size=1500))
def test_usage(pairs: set[tuple[int, int]]) -> None:
    found = set()
    places = set()
    for chunk in packing.pack_usage(sorted(pairs), 7):
        assert chunk.entries <= packing.CHUNK
        assert (chunk.key, chunk.place) not in places
        places.add((chunk.key, chunk.place))
        if chunk.key < 0:
            found |= {(-chunk.key, n) for n in packing.unpack_own(chunk.data)}
        else:
            found |= {(d, n) for d, ns in packing.unpack_shared(chunk.key, chunk.data) for n in ns}
            assert all(
                packing.bucket_of(d) == chunk.key for d, _ in packing.unpack_shared(chunk.key, chunk.data)
            )
    assert found == pairs


@given(st.sets(_ids, min_size=1, max_size=1000).map(sorted))
def test_ids(ids: list[int]) -> None:
    ids = [i for i in ids if i >> 8 < (ids[0] >> 8) + 2**32]
    chunks = list(packing.pack_ids(5, ids, 1))
    assert [i for chunk in chunks for i in packing.unpack_ids(chunk.data)] == ids


@given(st.one_of(st.text(max_size=60), st.sampled_from(["", "sha1$" + "ab" * 20, "md5$" + "0" * 32])))
def test_checksums(text: str) -> None:
    assert packing.unpack_checksum(packing.pack_checksum(text)) == text


def test_digests_take_their_bytes() -> None:
    for name, length in (("md5", 16), ("sha1", 20), ("sha256", 32), ("sha512", 64)):
        packed = packing.pack_checksum(f"{name}${'00' * length}")
        assert packed is not None
        assert len(packed) == length
        assert packing.unpack_checksum(packed) == f"{name}${'00' * length}"
