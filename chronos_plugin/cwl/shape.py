"""The coarse shape of a CWL document, for mistakes that make the CWL library itself stumble."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from chronos_plugin.cwl.places import processes
from chronos_plugin.errors import CwlInvalid, SourceLocation

if TYPE_CHECKING:
    from chronos_plugin.cwl.source import Node

_KINDS = {"text": "text", "list": "a list", "map": "a mapping"}
# For each part of a process or step: what its members are called, and how to write one.
_PARTS = {
    "inputs": ("an input", "name: string"),
    "outputs": ("an output", "name: File"),
    "steps": ("a step", "name: {run: tool.cwl, in: {}, out: []}"),
    "requirements": ("a requirement", "InlineJavascriptRequirement: {}"),
    "hints": ("a hint", "ResourceRequirement: {coresMin: 2}"),
    "in": ("a step input", "name: source"),
}
_CLASSED = ("requirements", "hints")
# Members that a map may give in short form: a type, or a source.
_SHORT_FORM = {"inputs": "type", "outputs": "type", "in": "source"}
_REFERENCES = ("source", "outputSource", "scatter")
_NOT_TEXT = re.compile(r"|~|null|true|false|[-+]?(\d[\d_]*\.?\d*|\.\d+)([eE][-+]?\d+)?", re.IGNORECASE)


def check_shape(document: Node, name: str) -> None:
    """Refuse parts of a process or step that have not the form that CWL gives them.

    Args:
        document: The nodes of a CWL file.
        name: How messages name the file.

    Raises:
        CwlInvalid: At the first part that has another form.
    """
    shape = _Shape(name)
    for process in processes(document):
        shape.process(process)


class _Shape:
    def __init__(self, name: str) -> None:
        self.name = name

    def process(self, process: Node) -> None:
        self.text(process, "class")
        for field in ("inputs", "outputs", "requirements", "hints", "steps"):
            self.part(process, field)
        steps = process.get("steps")
        for _, step in steps.entries() if steps is not None else ():
            self.step(step)

    def step(self, step: Node) -> None:
        run, out = step.get("run"), step.get("out")
        if run is not None and run.kind != "map" and not _is_text(run):
            raise self.wrong(run, "`run` must name a file or hold a process", "write `run: tool.cwl`")
        self.references(step, "scatter")
        self.text(step, "scatterMethod")
        for field in ("in", *_CLASSED):
            self.part(step, field)
        if out is not None and out.kind != "list":
            raise self.wrong(out, f"`out` must be a list, not {_found(out)}", "write `out: [name]`")
        for item in out.items if out is not None else ():
            if not _is_text(item) and not item.word("id"):
                raise self.wrong(
                    item, "a member of `out` is not the name of an output", "write `out: [name]`"
                )

    def part(self, owner: Node, field: str) -> None:
        part = owner.get(field)
        if part is None:
            return
        if part.kind == "text":
            example = _PARTS[field][1]
            message = f"`{field}` must be a mapping or a list, not {_found(part)}"
            raise self.wrong(part, message, f"write `{field}: {{{example}}}`")
        for item in part.items:
            self.member(item, field)
        for key, value in part.pairs:
            if not key.text.startswith("$"):
                self.entry(key, value, field)

    def member(self, item: Node, field: str) -> None:
        what, example = _PARTS[field]
        key = "class" if field in _CLASSED else "id"
        special = any(item.get(name) is not None for name in ("$import", "$mixin", "$include"))
        if item.kind != "map":
            message = f"{what} in `{field}` is {_found(item)}, not a mapping"
            raise self.wrong(item, message, f"write `{field}:` with `{example}` below it")
        if special:
            return
        if item.get(key) is None:
            raise self.wrong(item, f"{what} in `{field}` has no `{key}`", f"add `{key}: …`")
        self.text(item, key)
        self.fields(item)

    def entry(self, key: Node, value: Node, field: str) -> None:
        short = _SHORT_FORM.get(field)
        if value.kind == "map" and (short != "type" or value.get("type") is not None):
            self.fields(value)
        elif short == "type":
            self.type(value)
        elif short == "source":
            self.reference(value, key.text)
        elif value.kind != "map":
            raise self.wrong(value, f"`{key.text}` must hold a mapping", f"write `{_PARTS[field][1]}`")

    def fields(self, owner: Node) -> None:
        """Look at the fields of a parameter."""
        kind = owner.get("type")
        if kind is not None:
            self.type(kind)
        for field in _REFERENCES:
            self.references(owner, field)

    def type(self, kind: Node) -> None:
        if kind.kind == "list":
            for part in kind.items:
                self.type(part)
        elif kind.kind == "map":
            for field in ("type", "items"):
                inner = kind.get(field)
                if inner is not None:
                    self.type(inner)
            symbols = kind.get("symbols")
            for symbol in symbols.items if symbols is not None else ():
                if not _is_text(symbol):
                    shown = symbol.text or "this"
                    raise self.wrong(
                        symbol, f"`{shown}` in `symbols` is not text", f'put it in quotes: "{shown}"'
                    )
        elif kind.text.lower() in ("null", "~") and not kind.style:
            raise self.wrong(
                kind, "the type `null` must be in quotes", 'write `["null", string]`, or `string?`'
            )
        elif not _is_text(kind):
            raise self.wrong(kind, f"a type is text or a mapping, not {_found(kind)}", "write `type: string`")

    def references(self, owner: Node, field: str) -> None:
        value = owner.get(field)
        if value is not None:
            self.reference(value, field)

    def reference(self, value: Node, field: str) -> None:
        for item in value.items or [value]:
            if not _is_text(item) and not (item is value and value.kind == "list"):
                message = f"`{field}` must be a name or a list of names, not {_found(item)}"
                raise self.wrong(item, message, "write the name of an input, or `step/output`")

    def text(self, owner: Node, field: str) -> None:
        value = owner.get(field)
        if value is not None and not _is_text(value):
            raise self.wrong(value, f"`{field}` must be text, not {_found(value)}", f"write `{field}: name`")

    def wrong(self, node: Node, message: str, suggestion: str) -> CwlInvalid:
        place = SourceLocation(self.name, node.line, node.column)
        return CwlInvalid(message, location=place, suggestion=suggestion)


def _is_text(node: Node) -> bool:
    return node.kind == "text" and bool(node.style or not _NOT_TEXT.fullmatch(node.text))


def _found(node: Node) -> str:
    if node.kind == "text" and not _is_text(node):
        return f"`{node.text}`" if node.text else "empty"
    return _KINDS[node.kind]
