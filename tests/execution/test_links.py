"""Scatter laid out: the same elements in the same order as the definition gives them."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chronos_plugin.compiler.specification import Step
from chronos_plugin.errors import StepFailed
from chronos_plugin.execution import links

ARRAYS = st.lists(st.lists(st.integers(), max_size=4), min_size=1, max_size=3)


def step(method: str, count: int) -> Step:
    """A step that scatters over ``count`` inputs."""
    return Step(
        inputs=[],
        outputs=[],
        sources={},
        link_requirements=[],
        multiple=False,
        run_class="ExpressionTool",
        scatter=tuple(f"#s/{i}" for i in range(count)),
        scatter_method=method,
    )


def linked(arrays: list[Any]) -> dict[str, Any]:
    """Values at the inputs of :func:`step`, and one that is not scattered."""
    return {**{f"#s/{i}": array for i, array in enumerate(arrays)}, "#s/other": "o"}


def elements(method: str, arrays: list[Any]) -> list[tuple[Any, ...]]:
    """The scattered values of each element."""
    found = list(links.scattered(step(method, len(arrays)), linked(arrays)))
    assert all(element["#s/other"] == "o" for element in found)
    return [tuple(element[f"#s/{i}"] for i in range(len(arrays))) for element in found]


@given(ARRAYS)
def test_flat_crossproduct(arrays: list[list[int]]) -> None:
    expected = list(itertools.product(*arrays))
    assert elements("flat_crossproduct", arrays) == expected
    assert links.shape(step("flat_crossproduct", len(arrays)), linked(arrays)) == [len(expected)]


@given(ARRAYS)
def test_nested_crossproduct(arrays: list[list[int]]) -> None:
    def nest(chosen: tuple[int, ...], rest: list[list[int]]) -> Any:
        return chosen if not rest else [nest((*chosen, value), rest[1:]) for value in rest[0]]

    shape = links.shape(step("nested_crossproduct", len(arrays)), linked(arrays))
    assert links.reshape(elements("nested_crossproduct", arrays), shape) == nest((), arrays)


@given(st.lists(st.tuples(st.integers(), st.text()), max_size=6))
def test_dotproduct(pairs: list[tuple[int, str]]) -> None:
    arrays: list[Any] = [[a for a, _ in pairs], [b for _, b in pairs]]
    assert elements("dotproduct", arrays) == pairs
    assert links.shape(step("dotproduct", 2), linked(arrays)) == [len(pairs)]


def test_dotproduct_of_unequal_lengths_names_them() -> None:
    with pytest.raises(StepFailed, match="one length, got 0: 1, 1: 2"):
        links.shape(step("dotproduct", 2), linked([[1], [1, 2]]))


@pytest.mark.parametrize("value", [None, "text", {"class": "File"}, 3])
def test_scatter_over_a_single_value_is_refused(value: Any) -> None:
    with pytest.raises(StepFailed, match="'0': it is no array but"):
        links.shape(step("dotproduct", 1), linked([value]))
