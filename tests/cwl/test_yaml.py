"""YAML 1.2's core schema, with YAML 1.1's surprises left out."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chronos_plugin.cwl.yaml import load_yaml
from chronos_plugin.errors import InputInvalid


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"),
        ("No", "No"),
        ("on", "on"),
        ("OFF", "OFF"),
        ("y", "y"),
        ("true", True),
        ("FALSE", False),
        ("tRUE", "tRUE"),
        ("null", None),
        ("~", None),
        ("", None),
        ("nULL", "nULL"),
        ("12", 12),
        ("-7", -7),
        ("+7", 7),
        ("012", 12),
        ("0o17", 15),
        ("0x1F", 31),
        ("0b11", "0b11"),
        ("1_000", "1_000"),
        ("1e3", 1000.0),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1.", 1.0),
        ("-1.5E-3", -0.0015),
        (".inf", math.inf),
        ("-.Inf", -math.inf),
        ("inf", "inf"),
        ("12:30:45", "12:30:45"),
        ("1:30", "1:30"),
        ("2026-10-01", "2026-10-01"),
        ("2026-10-01T15:30:00Z", "2026-10-01T15:30:00Z"),
        ("=", "="),
        ("1.2.3", "1.2.3"),
        ("1e", "1e"),
        ("'12'", "12"),
        ('"true"', "true"),
        ("!!str 12", "12"),
        ("!!int '12'", 12),
    ],
)
def test_scalars(text: str, value: Any) -> None:
    found = load_yaml(f"v: {text}", "job.yml")["v"]
    assert found == value
    assert type(found) is type(value)


def test_not_a_number() -> None:
    assert math.isnan(load_yaml(".nan", "job.yml"))


def test_collections_anchors_and_merges() -> None:
    text = "a: &a {x: 1, y: [yes, 2]}\nb: {<<: *a, x: 3}\nc: *a\nd: |\n  two\n  lines\n"
    assert load_yaml(text, "job.yml") == {
        "a": {"x": 1, "y": ["yes", 2]},
        "b": {"x": 3, "y": ["yes", 2]},
        "c": {"x": 1, "y": ["yes", 2]},
        "d": "two\nlines\n",
    }


TEXT = st.text(st.characters(exclude_categories=["Cs"]))
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=15,
)


@given(JSON)
def test_json_is_read_as_json(value: Any) -> None:
    assert load_yaml(json.dumps(value), "job.json") == value


@pytest.mark.parametrize(
    "text",
    [
        "a: [1, 2",
        "a: b: c",
        "\tkey: 1",
        "a: !!python/object:os.system {}",
        "a: *nowhere",
        "'open",
        "a: \x00",
        "a: 1\n---\nb: 2",
    ],
)
def test_broken_yaml_is_named_with_its_place(text: str) -> None:
    with pytest.raises(InputInvalid, match=r"job\.yml"):
        load_yaml(text, "job.yml")


@given(st.text())
def test_text_that_json_writes_with_escapes(text: str) -> None:
    assert load_yaml(json.dumps({"v": text}), "job.json") == {"v": text}


def test_backslashes_before_what_looks_like_an_escape() -> None:
    text = "\\ud83d\\udef0 \\\\ud83d\\udef0 \U0001f6f0\\\U0001f6f0"
    assert load_yaml(json.dumps(text), "job.json") == text


@pytest.mark.parametrize("text", ['"\\ud83d"', '"\\udef0\\ud83d"'])
def test_half_a_character_is_refused(text: str) -> None:
    with pytest.raises(InputInvalid, match=r"job\.json"):
        load_yaml(text, "job.json")


def test_alias_bomb_is_refused() -> None:
    bomb = "a0: &a0 [x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
    )
    with pytest.raises(InputInvalid, match=r"job\.yml"):
        load_yaml(bomb, "job.yml")


def test_bottomless_nesting_is_refused() -> None:
    with pytest.raises(InputInvalid, match=r"job\.yml"):
        load_yaml("[" * 100_000, "job.yml")


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(InputInvalid, match=r"job\.yml"):
        load_yaml(b"a: \xff\xfe\x00", "job.yml")
