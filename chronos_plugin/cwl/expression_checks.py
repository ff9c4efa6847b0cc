"""What is wrong with CWL expressions, told without running them.

The text is split as :mod:`cwl_utils.expression` splits it at run time. JavaScript is only parsed: a
``throw`` as the first statement keeps everything after it from running, whatever it says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

JAVASCRIPT = "InlineJavascriptRequirement"

_NAMES = ("inputs", "self", "runtime", "null")
_INPUT = re.compile(r"\(inputs(?:\.(\w+)|\[(['\"])(.+?)\2\])")
_FIRST = re.compile(r"\((\w+)")
_WHERE = re.compile(r"<input>:(\d+):(\d+)")
_PARSE_ONLY = '"use strict"; throw 0;\n'
# Versions in which a backslash escapes any one character.
_OLD_ESCAPES = ("v1.0", "v1.1")
_SHOWN = 60


@dataclass(frozen=True)
class Fault:
    """What is wrong with an expression; ``line`` counts from 0 within its text."""

    message: str
    suggestion: str
    line: int = 0


def check_expression(
    text: str,
    *,
    javascript: bool,
    names: Iterable[str] | None,
    owner: str,
    cwl_version: str = "",
) -> Fault | None:
    """Return what would make the text of a field fail when it is evaluated, None if nothing is seen.

    Args:
        text: The field's text; plain text is right.
        javascript: Whether InlineJavascriptRequirement applies.
        names: The inputs that ``inputs.…`` may name; None to leave that unchecked.
        owner: What the requirement would be added to, for the suggestion: ``tool`` or ``workflow``.
        cwl_version: The version that the document was written in, which decides about backslashes.
    """
    from cwl_utils.errors import SubstitutionError

    if "$(" not in text and "${" not in text:
        return None
    try:
        for start, fragment in list(_fragments(text, cwl_version)):
            fault = _check_fragment(fragment, javascript, names, owner)
            if fault is not None:
                return Fault(fault.message, fault.suggestion, fault.line + text.count("\n", 0, start))
    except SubstitutionError:
        opened = re.search(r"\$([({])", text)
        close = ")" if opened and opened.group(1) == "(" else "}"
        return Fault(
            f"the expression `{_short(text)}` is not closed",
            f"add the missing `{close}`; write `\\$(` or `\\${{` for plain text",
        )
    return None


def check_library(texts: Iterable[str]) -> Fault | None:
    """Return the syntax error of an ``expressionLib``, None if it can be parsed."""
    said = _syntax_error("\n".join(texts))
    if said is None:
        return None
    return Fault(f"the JavaScript of `expressionLib` is wrong: {said[0]}", "correct the JavaScript", said[1])


def _fragments(text: str, cwl_version: str) -> Iterator[tuple[int, str]]:
    """Yield where each ``$(…)`` or ``${…}`` starts, and the text without its dollar."""
    from cwl_utils.expression import scanner

    at, rest = len(text) - len(text.lstrip()), text.strip()
    while found := scanner(rest):
        start, end = found
        if rest[start] == "$":
            yield at + start, rest[start + 1 : end]
        elif cwl_version not in _OLD_ESCAPES and rest[start : end + 1] in ("\\$(", "\\${"):
            end += 1
        at, rest = at + end, rest[end:]


def _check_fragment(fragment: str, javascript: bool, names: Iterable[str] | None, owner: str) -> Fault | None:
    from cwl_utils.sandboxjs import param_re

    if not param_re.match(fragment):
        return _check_javascript(fragment) if javascript else _needs_javascript(fragment, owner)
    if javascript:
        # `inputs.unknown` is undefined there, which a script may want.
        return None
    first = _FIRST.match(fragment)
    word = first.group(1) if first else ""
    if word not in _NAMES:
        if word == "input":
            return Fault(
                f"`${fragment}`: there is no `input`",
                f"did you mean `${fragment.replace('(input', '(inputs', 1)}`?",
            )
        return _needs_javascript(fragment, owner)
    return _check_names(fragment, names, owner)


def _check_names(fragment: str, names: Iterable[str] | None, owner: str) -> Fault | None:
    from chronos_plugin.cwl.places import closest, listed

    match = _INPUT.match(fragment)
    if names is None or match is None:
        return None
    name, known = match.group(1) or match.group(3), list(names)
    if name in known:
        return None
    better = closest(name, known)
    if better:
        suggestion = f"did you mean `inputs.{better}`?"
    elif owner == "workflow":
        suggestion = f"give the step that input: add `{name}: …` under its `in:`"
    else:
        suggestion = f"declare it under `inputs:`, which has {listed(known) if known else 'none'}"
    return Fault(f"`${fragment}`: there is no input `{name}`", suggestion)


def _needs_javascript(fragment: str, owner: str) -> Fault:
    return Fault(
        f"`{_short('$' + fragment)}` is JavaScript, which needs {JAVASCRIPT}",
        f"add `requirements: {{{JAVASCRIPT}: {{}}}}` to the {owner}; "
        f"write `\\${fragment[0]}` for plain text, such as a shell's",
    )


def _check_javascript(fragment: str) -> Fault | None:
    inner = fragment if fragment.startswith("{") else f"{{return {fragment};}}"
    said = _syntax_error(f"(function(){inner})()")
    if said is None:
        return None
    suggestion = "correct the JavaScript; `$(…)` takes one expression, `${…}` statements with a `return`"
    return Fault(f"`{_short('$' + fragment)}` is no JavaScript: {said[0]}", suggestion, said[1])


@lru_cache(maxsize=4096)
def _syntax_error(source: str) -> tuple[str, int] | None:
    import quickjs

    context = quickjs.Context()
    context.set_memory_limit(64 << 20)
    context.set_time_limit(2)
    try:
        context.eval(_PARSE_ONLY + source)
    except quickjs.JSException as error:
        said, _, stack = str(error).partition("\n")
        if not said.startswith("SyntaxError: "):
            return None
        place = _WHERE.search(stack)
        line = int(place.group(1)) - 2 if place else 0
        plain = said.removeprefix("SyntaxError: ").replace("token in expression: ''", "end")
        return plain, max(line, 0)
    return None


def _short(text: str) -> str:
    text = re.sub(r"\s+", " ", text).strip()
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
