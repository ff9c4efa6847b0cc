"""The sizing grammar."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chronos_plugin.errors import InputInvalid
from chronos_plugin.execution.cloud.sizing import normal, parse

_whole = st.integers(0, 10_000).map(str)
_decimal = st.decimals(0, 1000, places=2, allow_nan=False).map(str)
_any_operator = st.sampled_from(["=", "~", "<", "<=", ">", ">="])


def _interval(numbers: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(numbers, numbers).map(lambda ends: "=[{}-{}]".format(*sorted(ends, key=float)))


def _component(name: str, numbers: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    plain = st.tuples(_any_operator, numbers).map("".join)
    return (plain | _interval(numbers)).map(name.__add__)


_parts = (
    st.tuples(
        st.none() | _component("cpu", _whole),
        st.none() | _component("cpufreq", _decimal),
        st.none() | _component("gpu", _whole),
        st.none() | _component("ram", _decimal),
        st.none() | st.tuples(st.sampled_from(["=", ">="]), _whole).map(lambda p: "disk" + "".join(p)),
        st.none() | st.just("template=x1.large"),
    )
    .map(lambda parts: [part for part in parts if part])
    .filter(bool)
)


@given(_parts.flatmap(st.permutations))
def test_what_the_grammar_allows_is_read_back_as_it_was_written(parts: list[str]) -> None:
    assert [str(constraint) for constraint in parse(",".join(parts))] == parts


@given(_parts, st.sampled_from(["", " ", "  "]))
def test_spaces_make_no_difference(parts: list[str], space: str) -> None:
    spaced = f"{space},{space}".join(parts)
    assert normal(spaced) == ",".join(parts)


@given(st.text(alphabet="cpuramdiskgtel=~<>[]-,.0123456789 \n\0é", max_size=40))
def test_any_other_text_is_refused_as_input_and_normal_text_stays(text: str) -> None:
    try:
        once = normal(text)
    except InputInvalid:
        return
    assert normal(once) == once


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        ("cpu", "not <component>"),
        ("cpu=", "not <component>"),
        ("cpu=x", "whole number"),
        ("cpu=1.5", "whole number"),
        ("cores=4", "no component 'cores'"),
        ("disk<100", "disk takes = or >="),
        ("template~x1", "template takes ="),
        ("ram=[8-4]", "low end"),
        ("ram~[4-8]", "interval"),
        ("cpu=[1.5-2]", "whole numbers"),
        ("cpu=1,cpu=2", "twice"),
        ("cpu=1,,ram=2", "not <component>"),
        ("cpu=1,count=3", "no component 'count'"),
    ],
)
def test_the_message_says_what_is_wrong(text: str, says: str) -> None:
    with pytest.raises(InputInvalid, match=says):
        parse(text)


def test_nodes_of_a_new_cluster_are_counted() -> None:
    assert normal("cpu=1, count=3", count=True) == "cpu=1,count=3"
