"""What an exception of the CWL library says, as a flat list of short texts with places.

cwltool reports through schema-salad's trees of exceptions, through plain text that carries
``file:line:column:`` at line starts and is wrapped to the terminal's width, and through any Python
exception. All three are read here; nothing is imported from those libraries.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

_PLACED = re.compile(r"^(\S.*?):(\d+):(\d+):\s*(.*)$")
_SUBJECT = re.compile(r"Tool definition (.+?) failed validation:")
_INNER = re.compile(r"^\(\d+\) \(.*?\) Validation error in ")
_TRIED = re.compile(r"^tried .* but$")
# A branch of a union that was meant for something else: its kind, not its content, is wrong.
_OTHER_KIND = re.compile(r"is not a valid enum_\w+, expected|^Expected class |^Missing 'class' field")
_MAX_CHAIN = 50


@dataclass(frozen=True)
class Finding:
    """One statement about a document; line and column count from 1.

    Attributes:
        text: What is wrong, in the library's words, on one line.
        file: The document, None where unknown.
        parents: What the statement is a part of, outermost first.
    """

    text: str
    file: Path | None = None
    line: int | None = None
    column: int | None = None
    parents: tuple[str, ...] = ()

    def within(self, pattern: str) -> re.Match[str] | None:
        """Return the match of ``pattern`` in the innermost parent that has one."""
        for parent in reversed(self.parents):
            match = re.search(pattern, parent)
            if match:
                return match
        return None


def local_path(name: str | None) -> Path | None:
    """Return the path that a library's name for a file stands for.

    It is a URI, or a path relative to the working folder.
    """
    if not name:
        return None
    if name.startswith("file:"):
        return Path(unquote(urlsplit(name).path))
    if "://" in name:
        return None
    path = Path(os.path.abspath(name))
    return path if path.exists() else Path(unquote(str(path)))


def chain(error: BaseException) -> Iterator[BaseException]:
    """Yield the exception and what caused it, outermost first."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen and len(seen) < _MAX_CHAIN:
        seen.add(id(current))
        yield current
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)


def gather(error: BaseException) -> list[Finding]:
    """Return the statements of the exception and its causes, the innermost exception's first."""
    groups: list[list[Finding]] = []
    subject: Path | None = None
    for current in chain(error):
        named = _SUBJECT.search(str(current))
        if named and current.__cause__ is not None:
            # The rest of its text is that of its cause, wrapped.
            subject = local_path(named.group(1).partition("#")[0])
            continue
        tree: Any = current
        found = list(_of_tree(tree, ())) if hasattr(current, "leaves") else list(_of_text(str(current)))
        groups.append([_complete(item, subject) for item in found])
    everything = [finding for group in reversed(groups) for finding in group]
    # Outer exceptions repeat inner ones, then with a place.
    placed = {finding.text for finding in everything if finding.line is not None}
    findings: dict[tuple[object, ...], Finding] = {}
    for finding in everything:
        if finding.line is not None or finding.text not in placed:
            findings.setdefault((finding.text, finding.file, finding.line, finding.column), finding)
    return list(findings.values())


def _complete(finding: Finding, subject: Path | None) -> Finding:
    return replace(finding, file=finding.file or subject)


def _of_tree(error: Any, parents: tuple[str, ...]) -> Iterator[Finding]:
    message = str(error.message)
    children = list(error.children)
    if children:
        if len(children) > 1 and all(_TRIED.match(str(child.message)) for child in children):
            children = [min(children, key=_misfit)]
        inside = parents if not message or _INNER.match(message) else (*parents, message)
        for child in children:
            yield from _of_tree(child, inside)
    elif message.strip():
        line, column = error.start or (None, None)
        for finding in _of_text(message):
            if finding.line is None:
                finding = replace(finding, file=local_path(error.file), line=line, column=column)
            yield replace(finding, parents=parents)


def _misfit(branch: Any) -> tuple[bool, int]:
    leaves = branch.leaves()
    return any(_OTHER_KIND.search(str(leaf.message)) for leaf in leaves), len(leaves)


def _of_text(text: str) -> Iterator[Finding]:
    current: Finding | None = None
    for line in text.splitlines():
        placed = _PLACED.match(line)
        if placed:
            if current is not None:
                yield current
            name, number, column, said = placed.groups()
            current = Finding(said.strip(), local_path(name), int(number), int(column))
        elif current is None:
            current = Finding(line.strip())
        else:
            # A wrapped line, or one more line of the same statement.
            current = replace(current, text=f"{current.text} {line.strip()}".strip())
    if current is not None and current.text:
        yield current
