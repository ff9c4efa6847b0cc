"""Plain words for YAML syntax errors: what is wrong, where it begins, what to write instead.

PyYAML's two parsers and ruamel.yaml word the same mistake differently; only the parts that they
share are looked at, together with the text around the place.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chronos_plugin.errors import CwlInvalid, SourceLocation

_BREAKS = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_EXPRESSION = re.compile(r"\$[({]")
_NO_NAME = "a field has no name before its `:`"
_KEY = re.compile(r"\s*(?:-\s+)*([\w$.@/-]+|\"[^\"]*\"|'[^']*')\s*:(?=\s|$)")


@dataclass(frozen=True)
class _Problem:
    """What a parser said; lines and columns count from 0, as its marks do."""

    text: str
    context: str
    line: int
    column: int
    start_line: int
    start_column: int
    lines: list[str]

    def at(self, line: int) -> str:
        return self.lines[line] if 0 <= line < len(self.lines) else ""

    @property
    def here(self) -> str:
        return self.at(self.line)

    @property
    def character(self) -> str:
        return self.here[self.column : self.column + 1]

    @property
    def span(self) -> str:
        """The text from where the construct began to where the parser stopped, and the rest of that line."""
        first = self.at(self.start_line)[self.start_column :]
        if self.line == self.start_line:
            return first
        return "\n".join([first, *self.lines[self.start_line + 1 : self.line + 1]])


@dataclass(frozen=True)
class _Answer:
    message: str
    suggestion: str
    from_start: bool = False
    column: int | None = None


def explain(error: Exception, data: bytes, name: str) -> CwlInvalid:
    """Return the error to show for what a YAML parser raised about ``data``.

    Args:
        error: A PyYAML or ruamel.yaml error; its marks are used where it has them.
        data: The document.
        name: How messages name its file.
    """
    text = data.decode("utf-8", "replace")
    position = getattr(error, "position", None)
    if isinstance(position, int):
        return _unreadable(error, data, text, position, name)
    problem = _problem(error, text)
    answer = next(found for rule in _RULES if (found := rule(problem)) is not None)
    line, column = (
        (problem.start_line, problem.start_column) if answer.from_start else (problem.line, problem.column)
    )
    if answer.column is not None:
        column = answer.column
    line = min(line, max(len(problem.lines) - 1, 0))
    return CwlInvalid(
        answer.message,
        location=SourceLocation(name, line + 1, column + 1),
        suggestion=answer.suggestion,
    )


def _problem(error: Exception, text: str) -> _Problem:
    mark: Any = getattr(error, "problem_mark", None)
    start: Any = getattr(error, "context_mark", None) or mark
    return _Problem(
        text=str(getattr(error, "problem", None) or error).strip(),
        context=str(getattr(error, "context", None) or ""),
        line=mark.line if mark else 0,
        column=mark.column if mark else 0,
        start_line=start.line if start else 0,
        start_column=start.column if start else 0,
        lines=_BREAKS.split(text),
    )


def _unreadable(error: Exception, data: bytes, text: str, position: int, name: str) -> CwlInvalid:
    character = getattr(error, "character", "")
    code = ord(character) if isinstance(character, str) and len(character) == 1 else character
    # libyaml counts bytes, the pure parsers count characters.
    before = data[:position].decode("utf-8", "replace")
    if isinstance(code, int) and text[position : position + 1] == chr(code):
        before = text[:position]
    lines = _BREAKS.split(before)
    shown = f"U+{code:04X}" if isinstance(code, int) else str(character)
    return CwlInvalid(
        f"the character {shown} is not allowed in YAML",
        location=SourceLocation(name, len(lines), len(lines[-1]) + 1),
        suggestion='remove it, or write it as an escape in double quotes, such as "\\x1b"',
    )


def _tab(problem: _Problem) -> _Answer | None:
    if problem.character != "\t" and "tab" not in problem.text.split():
        return None
    return _Answer("a tab indents this line; YAML indents with spaces only", "replace the tab by spaces")


def _reserved_start(problem: _Problem) -> _Answer | None:
    if "cannot start any token" not in problem.text:
        return None
    character = problem.character
    return _Answer(
        f"a value cannot start with `{character}` unless it is in quotes",
        f"put the value in quotes: {_quoted(problem.here[problem.column :])}",
    )


def _alias(problem: _Problem) -> _Answer | None:
    if "alias" not in problem.context + problem.text and "an anchor" not in problem.context:
        return None
    at = problem.here[problem.start_column :] if problem.start_line == problem.line else problem.here
    sign = "&" if "an anchor" in problem.context else "*"
    meaning = "names a value for later use" if sign == "&" else "refers to a named value"
    return _Answer(
        f"an unquoted `{sign}` at the start of a value {meaning} in YAML",
        f"put the value in quotes: {_quoted(at)}",
        from_start=True,
    )


def _tag(problem: _Problem) -> _Answer | None:
    if "a tag" not in problem.context and "tag handle" not in problem.text:
        return None
    return _Answer(
        "an unquoted `!` at the start of a value is a YAML tag",
        f"put the value in quotes: {_quoted(problem.at(problem.start_line)[problem.start_column :])}",
        from_start=True,
    )


def _escape(problem: _Problem) -> _Answer | None:
    if "escape" not in problem.text:
        return None
    return _Answer(
        "a backslash in double quotes starts an escape that YAML does not know",
        "use single quotes, or double the backslash",
    )


def _open_quote(problem: _Problem) -> _Answer | None:
    if "quoted scalar" not in problem.context and "double-quoted" not in problem.context:
        return None
    return _Answer(
        "the quote that opens here is never closed",
        "add the closing quote, or remove the opening one",
        from_start=True,
    )


def _after_quote(problem: _Problem) -> _Answer | None:
    head = problem.here[: problem.column].rstrip()
    if "block mapping" not in problem.context or head[-1:] not in ("'", '"') or ":" not in head:
        return None
    quote = head[-1]
    advice = "double the quote inside the text ('' for ')" if quote == "'" else 'write \\" for a quote inside'
    return _Answer(
        f"text follows the closing {quote} of this value",
        f"put the whole value in quotes; {advice}",
    )


def _flow(problem: _Problem) -> _Answer | None:
    if "flow" not in problem.context:
        return None
    opened = problem.at(problem.start_line)[problem.start_column : problem.start_column + 1] or "["
    if _EXPRESSION.search(problem.span):
        return _Answer(
            f"an expression inside `{opened}` must be quoted, since `{{`, `[` and `,` have a meaning there",
            'put it in quotes, such as "$(inputs.x)", or write the fields one a line without braces',
            from_start=problem.line != problem.start_line,
        )
    close = {"{": "}", "[": "]"}.get(opened, "]")
    if problem.character in ('"', "'") and not problem.here[: problem.column].strip():
        return _Answer(
            "a comma is missing at the end of the line before this one",
            f"separate the members by `,` and end with `{close}`",
        )
    if problem.line == problem.start_line:
        return _Answer(
            f"a comma or the closing `{close}` is missing before this point",
            f"separate the members by `,` and end with `{close}`; quote text that holds {{ }} [ ] or ,",
        )
    return _Answer(
        f"the `{opened}` that opens here is not closed where line {problem.line + 1} begins",
        f"add the closing `{close}`",
        from_start=True,
    )


def _colon_in_value(problem: _Problem) -> _Answer | None:
    if "mapping values are not allowed" not in problem.text:
        return None
    key = _KEY.match(problem.here)
    value = problem.here[key.end() :].strip() if key else ""
    if key is None or key.end() > problem.column:
        return _Answer(
            "this line is indented as a part of the value above it",
            "indent it as much as the other fields of its mapping, or remove the value above",
            column=len(problem.here) - len(problem.here.lstrip()),
        )
    if value.startswith("${") or "$(" in value:
        return _Answer(
            "an expression with `: ` in it must be quoted or in a block",
            f"write `{key.group(1)}: |` and the expression on the next line, indented",
        )
    return _Answer(
        "an unquoted value holds `: `, which starts another field",
        f"put the value in quotes: {_quoted(value)}",
    )


def _no_colon(problem: _Problem) -> _Answer | None:
    if "expected ':'" not in problem.text:
        return None
    found = problem.at(problem.start_line)[problem.start_column :].strip()
    name, colon, value = found.partition(":")
    better = f"`{name.strip()}: {value.strip()}`" if colon and value.strip() else f"`{name.strip()}:`"
    return _Answer(
        f"`{_short(found)}` is not of the form `name: value`",
        f"write {better}, with a space after the colon",
        from_start=True,
    )


def _block_scalar(problem: _Problem) -> _Answer | None:
    if "block scalar" not in problem.context:
        return None
    return _Answer(
        "text stands on the same line as the `|` or `>` that starts a block",
        "begin the text on the next line, indented; or quote it and leave out `|` or `>`",
        from_start=True,
    )


def _stray(problem: _Problem) -> _Answer | None:
    if "node content" not in problem.text:
        return None
    if problem.character == ":":
        return _Answer(_NO_NAME, "write `name: value`")
    if problem.character not in ("]", "}", ","):
        return None
    return _Answer(
        f"`{problem.character}` stands where a value belongs", "remove it, or put the value in quotes"
    )


def _dash(problem: _Problem) -> _Answer | None:
    if "block collection" not in problem.context and "block sequence" not in problem.context:
        return None
    return _Answer(
        "a field stands between the `- ` members of a list",
        "indent it under a member, or write `- ` before it",
    )


def _indentation(problem: _Problem) -> _Answer | None:
    if "block mapping" not in problem.context:
        return None
    spaces = len(problem.here) - len(problem.here.lstrip(" "))
    if problem.character == ":":
        return _Answer(_NO_NAME, "write `name: value`")
    if problem.character == "-":
        return _Answer(
            "a list member (`- `) stands among the fields of a mapping",
            "indent it under the field that it belongs to, or remove the `- `",
        )
    return _Answer(
        f"the indentation of this line ({spaces} spaces) fits no mapping above it",
        "align it with the fields of the mapping that it belongs to",
    )


def _other(problem: _Problem) -> _Answer:
    said = problem.text.splitlines()[0] if problem.text else "unknown problem"
    context = f" {problem.context}" if problem.context else ""
    return _Answer(
        f"this is not YAML{context}: {said}", "check quotes, indentation and brackets near this place"
    )


_RULES: tuple[Callable[[_Problem], _Answer | None], ...] = (
    _tab,
    _reserved_start,
    _alias,
    _tag,
    _escape,
    _open_quote,
    _after_quote,
    _stray,
    _flow,
    _colon_in_value,
    _no_colon,
    _block_scalar,
    _dash,
    _indentation,
    _other,
)


def _quoted(text: str) -> str:
    text = _short(text.strip())
    return f'"{text}"' if '"' not in text and "\\" not in text else f"'{text}'"


def _short(text: str, width: int = 60) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
