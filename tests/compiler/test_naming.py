"""Names: legal for Airflow, the same every time, and never two things under one."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chronos_plugin.compiler.naming import MAX_LENGTH, TaskNames, dag_id, short_name
from chronos_plugin.errors import CwlUnsupported

LEGAL = re.compile(r"[A-Za-z0-9_.-]{1,250}")
ODD = ["a", "a_2", "a.b", "a b", "a.scatter", "x" * 300, "y" * 119]
NAMES = st.one_of(st.text(min_size=1, max_size=300), st.sampled_from(ODD))
STEPS = st.lists(st.tuples(NAMES, st.none() | st.integers(0, 3)), min_size=1, max_size=25)


def take_all(steps: list[tuple[str, int | None]]) -> list[str]:
    """Name steps; each may stand in the group that an earlier one made."""
    book, ids = TaskNames(("chronos.inputs", "chronos.outputs")), list[str]()
    for name, group in steps:
        inside = ids[group] if group is not None and group < len(ids) else None
        try:
            ids.append(book.take(name, inside))
        except CwlUnsupported:
            assert inside is not None
            assert len(inside) > 230
            ids.append(book.take(name, None))
    return ids


@given(STEPS)
def test_task_ids_are_legal_distinct_and_repeatable(steps: list[tuple[str, int | None]]) -> None:
    ids = take_all(steps)
    everything = [*ids, *(f"{i}.scatter" for i in ids), "chronos.inputs", "chronos.outputs"]
    assert len(set(everything)) == len(everything)
    assert all(LEGAL.fullmatch(name) for name in everything)
    assert take_all(steps) == ids


@given(STEPS)
def test_task_ids_begin_with_their_group(steps: list[tuple[str, int | None]]) -> None:
    """Airflow puts the group's id before what it is given for an operator inside."""
    book = TaskNames()
    for name, _ in steps:
        outer = book.take(name, None)
        inner = book.take(name, outer)
        assert inner.startswith(f"{outer}.")
        assert book.take(name, inner).startswith(f"{inner}.")


def test_names_without_room_are_refused() -> None:
    def nest(depth: int) -> str:
        return book.take("z" * 250, nest(depth - 1) if depth else None)

    book = TaskNames()
    assert len(nest(4)) <= MAX_LENGTH
    with pytest.raises(CwlUnsupported, match="250 characters"):
        nest(100)


@given(st.lists(st.text(min_size=1, max_size=80), min_size=1, max_size=6), st.text(max_size=300))
def test_dag_ids_are_legal(parts: list[str], name: str) -> None:
    assert LEGAL.fullmatch(dag_id("/".join(parts).strip("/") + "x.cwl", name))


@pytest.mark.parametrize(
    ("path", "name", "expected"),
    [
        ("deep/er/chain.cwl", "main", "deep.er.chain"),
        ("chain.v2.cwl", "", "chain.v2"),
        ("chain.cwl", "outer/inner", "inner"),
        ("a b/ü.cwl", "", "a_b._"),
        ("x" * 400 + ".cwl", "", "x" * MAX_LENGTH),
    ],
)
def test_dag_id_of_a_file(path: str, name: str, expected: str) -> None:
    assert dag_id(path, name) == expected


@pytest.mark.parametrize(
    ("uri", "name"),
    [("file:///a.cwl#main/step/out", "out"), ("file:///dir/a.cwl", "a.cwl"), ("#x", "x"), ("plain", "plain")],
)
def test_short_name(uri: str, name: str) -> None:
    assert short_name(uri) == name
