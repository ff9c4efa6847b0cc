"""The coarse shape of a CWL document, for mistakes that make the CWL library itself stumble."""

from __future__ import annotations

from chronos_plugin.cwl.places import processes
from chronos_plugin.cwl.source import Node
from chronos_plugin.errors import CwlInvalid, SourceLocation

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
_VALUES_MAY_BE_TEXT = ("inputs", "outputs", "in")


def check_shape(document: Node, name: str) -> None:
    """Refuse parts of a process or step that are neither a mapping nor a list of objects.

    Args:
        document: The nodes of a CWL file.
        name: How messages name the file.

    Raises:
        CwlInvalid: At the first part that has another form.
    """
    for process in processes(document):
        for field in ("inputs", "outputs", "requirements", "hints", "steps"):
            _part(process, field, name)
        steps = process.get("steps")
        for _, step in steps.entries() if steps is not None else ():
            for field in ("in", "requirements", "hints"):
                _part(step, field, name)
            _out(step, name)


def _part(owner: Node, field: str, name: str) -> None:
    part = owner.get(field)
    if part is None:
        return
    what, example = _PARTS[field]
    if part.kind == "text":
        raise _wrong(part, name, f"`{field}` must be a mapping or a list, not text", f"write `{field}: {{{example}}}`")
    for item in part.items:
        key = "class" if field in ("requirements", "hints") else "id"
        special = item.get("$import") or item.get("$mixin") or item.get("$include")
        if item.kind != "map" or (item.get(key) is None and special is None):
            found = f"{_KINDS[item.kind]} alone" if item.kind != "map" else f"has no `{key}`"
            raise _wrong(item, name, f"{what} in `{field}` {_is(found)}", f"write `{field}:` with `{example}` in it")
    for key_node, value in part.pairs:
        may_be_text = field in _VALUES_MAY_BE_TEXT or key_node.text.startswith("$")
        if value.kind != "map" and not may_be_text:
            raise _wrong(value, name, f"`{key_node.text}` must hold a mapping", f"write `{example}`")


def _out(step: Node, name: str) -> None:
    out = step.get("out")
    if out is None:
        return
    if out.kind != "list":
        raise _wrong(out, name, f"`out` must be a list, not {_KINDS[out.kind]}", "write `out: [name]`")
    for item in out.items:
        if item.kind == "list" or (item.kind == "map" and not item.word("id")):
            raise _wrong(item, name, "a member of `out` is no name", "write `out: [name]`")


def _is(found: str) -> str:
    return found if found.startswith("has") else f"is {found}"


def _wrong(node: Node, name: str, message: str, suggestion: str) -> CwlInvalid:
    return CwlInvalid(message, location=SourceLocation(name, node.line, node.column), suggestion=suggestion)
