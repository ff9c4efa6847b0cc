"""The files of a run, and the pure parts of scatter."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chronos_plugin.execution.links import reshape
from chronos_plugin.execution.run import batches
from chronos_plugin.execution.store import read_item, run_folder, strip, write_json, write_list

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(max_size=5), v, max_size=3),
    max_leaves=6,
)


@settings(max_examples=40)
@given(st.lists(JSON, max_size=8))
def test_lists_are_read_item_by_item(items: list[Any]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        stem = Path(folder) / "list"
        assert write_list(stem, items) == len(items)
        assert [read_item(stem, i) for i in range(len(items))] == items
        for index in (-1, len(items)):
            with pytest.raises(IndexError):
                read_item(stem, index)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=3))
def test_reshape_nests_and_loses_nothing(lengths: list[int]) -> None:
    count = math.prod(lengths)
    nested = reshape(list(range(count)), lengths)
    flat = nested
    for _ in lengths[1:]:
        flat = [x for inner in flat for x in inner]
    assert flat == list(range(count))
    assert len(nested) == lengths[0]


@given(st.integers(0, 200), st.integers(1, 10), st.integers(1, 50))
def test_batches_hold_all_and_are_few_enough(count: int, batch: int, limit: int) -> None:
    keys = [(("step", i),) for i in range(count)]
    parts = batches(keys, batch=batch, limit=limit)
    assert [key for part in parts for key in part] == keys
    assert len(parts) <= limit


def test_no_two_runs_share_a_folder(tmp_path: Path) -> None:
    names = ["a/b", "a%2Fb", "..", ".", "a b", "x" * 300, "x" * 301]
    folders = {run_folder(tmp_path, "dag", name) for name in names}
    assert len(folders) == len(names)
    assert all(folder.parent == tmp_path / "dag" for folder in folders)


def test_interrupted_write_leaves_the_old_value(tmp_path: Path) -> None:
    file = tmp_path / "value.json"
    write_json(file, {"old": 1})
    with pytest.raises(TypeError):
        write_json(file, {"new": object()})
    assert file.read_text() == '{"old": 1}'
    assert list(tmp_path.iterdir()) == [file]


def test_strip_drops_listings_of_what_exists_only() -> None:
    real = {"class": "Directory", "location": "file:///d", "listing": [1]}
    literal = {"class": "Directory", "basename": "d", "listing": [real]}
    assert strip(literal)["listing"] == [{"class": "Directory", "location": "file:///d"}]
