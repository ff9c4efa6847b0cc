"""JavaScript: values, limits, and messages that say what went wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from chronos_plugin.cwl import expressions, library


@pytest.fixture(autouse=True)
def limits() -> Iterator[None]:
    """The usual limits, before and after each test."""
    library.prepare()
    expressions.limit(timeout=20, memory_mib=256)
    yield
    expressions.limit(timeout=20, memory_mib=256)


def evaluate(expression: str, lib: list[str] | None = None, **inputs: Any) -> Any:
    """Evaluate an expression as the CWL library does."""
    from cwl_utils.expression import do_eval

    requirement: Any = {"class": "InlineJavascriptRequirement", "expressionLib": lib or []}
    return do_eval(expression, inputs, [requirement], None, None, {}, timeout=20)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$(1 + 1)", 2),
        ("$(0.1)", 0.1),
        ("$('a' + 'b')", "ab"),
        ("$([1, 'a', null, {x: true}])", [1, "a", None, {"x": True}]),
        ("${return {a: 1};}", {"a": 1}),
        ("$(null)", None),
        ("$(undefined)", None),
        ("${}", None),
        ("${ /* nothing */ }", None),
        ("$(inputs.word)", "wörd \u2603"),
        ("$(inputs.word.length)", 6),
        ("a$(1)b$(2)", "a1b2"),
        ("$(2 ** 53)", 2**53),
        ("$(1 / 3)", 1 / 3),
        ("$(-0.5e-9)", -0.5e-9),
        ("$(function(){return 'called'}())", "called"),
        ("$(({a: 1}).a)", 1),
        ("${var f = x => x * 2; return [1, 2].map(f);}", [2, 4]),
    ],
)
def test_values(text: str, value: Any) -> None:
    assert evaluate(text, word="wörd \u2603") == value


def test_library_and_inputs() -> None:
    assert evaluate("$(twice(inputs.n))", ["function twice(n) {return 2 * n;}"], n=21) == 42


def test_long_strings_and_long_lists_come_back_whole() -> None:
    assert evaluate("$('ab'.repeat(2000000))") == "ab" * 2_000_000
    text = "x" * 3_000_000
    assert evaluate("$(inputs.text + 'y')", text=text) == text + "y"
    assert evaluate("${var a = []; for (var i = 0; i < 100000; i++) a.push(i); return a;}") == list(
        range(100_000)
    )


def test_nothing_is_left_from_one_expression_to_the_next() -> None:
    assert evaluate("${globalThis.kept = 1; return kept;}") == 1
    assert evaluate("$(typeof kept)") == "undefined"


@pytest.mark.parametrize("name", ["require", "process", "os", "std", "fetch", "console", "Worker", "read"])
def test_nothing_of_the_system_is_in_reach(name: str) -> None:
    assert evaluate(f"$(typeof {name})") == "undefined"


def test_endless_expression_is_stopped() -> None:
    from cwl_utils.errors import WorkflowException

    expressions.limit(timeout=0.3, memory_mib=256)
    with pytest.raises(WorkflowException, match=r"stopped after 0\.3 s .*expression_timeout"):
        evaluate("${while (true) {}}")


def test_greedy_expression_is_stopped() -> None:
    from cwl_utils.errors import WorkflowException

    expressions.limit(timeout=20, memory_mib=16)
    with pytest.raises(WorkflowException, match=r"more than 16 MiB .*expression_memory"):
        evaluate("${var a = []; while (true) {a.push('x'.repeat(1000) + a.length);}}")


def test_null_that_is_thrown_is_not_mistaken_for_lack_of_memory() -> None:
    from cwl_utils.errors import WorkflowException

    with pytest.raises(WorkflowException, match="threw null, or needs more"):
        evaluate("${throw null;}")


def test_endless_recursion_is_an_error() -> None:
    from cwl_utils.errors import WorkflowException

    with pytest.raises(WorkflowException, match="JavaScript: "):
        evaluate("${function f() {return f() + 1;} return f();}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("$(1 +)", "SyntaxError"),
        ("$(nowhere.x)", "'?nowhere'? is not defined"),
        ("$(inputs.missing.x)", "of undefined"),
        ("${throw new Error('own words');}", "own words"),
        ("${throw 'own words';}", "own words"),
        ("${ y = 1; return y; }", "'?y'? is not defined"),
        ("${var a = {}; a.a = a; return a;}", "circular"),
    ],
)
def test_errors_name_the_reason_and_show_the_expression(text: str, message: str) -> None:
    from cwl_utils.errors import WorkflowException

    with pytest.raises(WorkflowException, match=message):
        evaluate(text)
