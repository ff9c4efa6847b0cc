"""Where things stand in a CWL document and the files it needs; read again, after an error only."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from chronos_plugin.cwl.references import Bundle, Reference, collect_bundle, find_references
from chronos_plugin.cwl.source import Node, compose, display_name, read_source
from chronos_plugin.errors import CwlError, SourceLocation

if TYPE_CHECKING:
    from chronos_plugin.cwl.findings import Finding


@dataclass(frozen=True)
class Step:
    """One workflow step as written, with the workflow that holds it."""

    file: Path
    workflow: Node
    name: str
    node: Node


@dataclass
class Case:
    """One document that could not be loaded.

    Attributes:
        file: The document.
        root: The folder that messages name files relative to.
        findings: All that was said about it.
    """

    file: Path
    root: Path
    findings: list[Finding] = field(default_factory=list)
    _documents: dict[Path, Node | None] = field(default_factory=dict)

    def document(self, path: Path | None = None) -> Node | None:
        """Return the nodes of ``path``, by default the document's; None where it cannot be read."""
        path = path or self.file
        if path not in self._documents:
            try:
                self._documents[path] = compose(read_source(path, root=None), path.name)
            except CwlError:
                self._documents[path] = None
        return self._documents[path]

    @cached_property
    def bundle(self) -> Bundle | None:
        """All files that the document needs, None where they cannot be told."""
        try:
            return collect_bundle(self.file)
        except CwlError:
            return None

    def references(self, path: Path) -> list[Reference]:
        """Return what a file refers to; nothing where it cannot be read."""
        try:
            return find_references(read_source(path, root=None), path)
        except CwlError:
            return []

    def documents(self) -> Iterator[tuple[Path, Node]]:
        """Yield the document and every other CWL file of its bundle, as far as they are mappings."""
        for path in self.bundle.documents if self.bundle else (self.file,):
            node = self.document(path)
            if node is not None and node.kind == "map":
                yield path, node

    def location(
        self, path: Path | None, line: int | None = None, column: int | None = None
    ) -> SourceLocation:
        """Return a place in a file as messages show it."""
        return SourceLocation(display_name(path or self.file, self.root), line, column)

    def at(self, path: Path | None, node: Node | None) -> SourceLocation:
        """Return the place of a node."""
        return self.location(path, node.line, node.column) if node else self.location(path, 1, 1)

    def version(self, path: Path | None = None) -> str:
        """Return the CWL version that a file, or else the document, says; empty where neither does."""
        for document in (self.document(path), self.document()):
            if document is not None and document.word("cwlVersion"):
                return document.word("cwlVersion")
        return ""

    def near(self, path: Path | None, line: int | None, column: int | None, *texts: str) -> Node | None:
        """Return the first scalar, at or after a place, whose text is one of ``texts``."""
        start = (line or 1, column or 1)
        found = [
            node
            for node in nodes(self.document(path))
            if node.kind == "text" and node.text in texts and (node.line, node.column) >= start
        ]
        return min(found, key=lambda node: (node.line, node.column), default=None)

    def label(self, path: Path | None, line: int | None, column: int | None) -> str:
        """Return the identifier of what starts at a place, empty where it has none."""
        for node in nodes(self.document(path)):
            if (node.line, node.column) == (line, column):
                name = node.text or node.word("id") or node.word("class")
                if name and name not in ("id", "class", "cwlVersion"):
                    return name.lstrip("#")
        return ""

    def value_at(self, path: Path | None, line: int | None, column: int | None) -> Node | None:
        """Return the value of the field whose name starts at a place."""
        for node in nodes(self.document(path)):
            for name, value in node.pairs:
                if (name.line, name.column) == (line, column):
                    return value
        return None

    def steps(self) -> Iterator[Step]:
        """Yield the steps of every workflow in the bundle, the document's first."""
        for path, document in self.documents():
            for workflow in processes(document):
                steps = workflow.get("steps")
                for name, node in steps.entries() if steps is not None else ():
                    yield Step(path, workflow, name, node)


def processes(node: Node) -> Iterator[Node]:
    """Yield a process, those of its ``$graph``, and those written inline in its steps."""
    graph = node.get("$graph")
    if graph is not None:
        for item in graph.items:
            yield from processes(item)
        return
    yield node
    steps = node.get("steps")
    for _, step in steps.entries() if steps is not None else ():
        run = step.get("run")
        if run is not None and run.kind == "map":
            yield from processes(run)


def nodes(root: Node | None) -> Iterator[Node]:
    """Yield every node below and including ``root``, keys too, each once."""
    waiting = [root] if root is not None else []
    seen: set[int] = set()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        yield node
        waiting.extend(node.items)
        for pair in node.pairs:
            waiting.extend(pair)


def closest(word: str, choices: Iterable[str], *, cutoff: float = 0.65) -> str | None:
    """Return the choice that is most like ``word``, whatever the case; None where none is close."""
    by_lower = {choice.lower(): choice for choice in choices}
    matches = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=cutoff)
    return by_lower[matches[0]] if matches else None


def listed(names: Iterable[str], limit: int = 12) -> str:
    """Return names as ```a`, `b```, shortened to ``limit``."""
    shown = [f"`{name}`" for name in names]
    return ", ".join(shown[:limit]) + (f" and {len(shown) - limit} more" if len(shown) > limit else "")
