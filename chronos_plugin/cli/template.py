"""Input objects to fill in."""

from __future__ import annotations

import json
from typing import Any

from chronos_plugin.compiler.graph import Parameter, TaskGraph

_EXAMPLES = {
    "string": "text",
    "integer": 0,
    "number": 0.0,
    "boolean": False,
    "null": None,
    "object": {},
    "array": [],
}


def template(graph: TaskGraph) -> str:
    """Return an input object in YAML: types and documentation as comments, defaults filled in."""
    lines: list[str] = []
    for parameter in graph.inputs:
        for line in (parameter.doc or parameter.label or "").splitlines():
            lines.append(f"# {line}".rstrip())
        written = type_text(parameter.type).removesuffix("?")
        lines.append(f"# type: {written}{'' if _required(parameter) else ', optional'}")
        value = _filled(parameter)
        mark = "" if _required(parameter) else "# "
        lines += [f"{mark}{parameter.name}: {json.dumps(value, ensure_ascii=False)}", ""]
    return "\n".join(lines) if lines else "{}\n"


def json_schema(graph: TaskGraph) -> dict[str, Any]:
    """Return the JSON Schema of the input object, with an example of one."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            p.name: {**p.schema, **({"description": p.doc} if p.doc else {}), **_default(p)}
            for p in graph.inputs
        },
        "required": [p.name for p in graph.inputs if _required(p)],
        "examples": [{p.name: _filled(p) for p in graph.inputs}],
    }


def type_text(cwl_type: Any) -> str:
    """Return a CWL type as one writes it: ``File[]``, ``string?``."""
    if isinstance(cwl_type, str):
        return cwl_type
    if isinstance(cwl_type, list):
        rest = [type_text(t) for t in cwl_type if t != "null"]
        return " | ".join(rest) + ("?" if "null" in cwl_type else "")
    if cwl_type["type"] == "array":
        return f"{type_text(cwl_type['items'])}[]"
    if cwl_type["type"] == "enum":
        return "one of " + ", ".join(cwl_type["symbols"])
    if cwl_type["type"] == "record":
        fields = (f"{f['name']}: {type_text(f['type'])}" for f in cwl_type.get("fields", []))
        return "{" + ", ".join(fields) + "}"
    return type_text(cwl_type["type"])


def _filled(parameter: Parameter) -> Any:
    return parameter.default if parameter.has_default else _example(parameter.schema)


def _required(parameter: Parameter) -> bool:
    types = parameter.schema.get("type")
    return not parameter.has_default and "null" not in (types if isinstance(types, list) else [types])


def _default(parameter: Parameter) -> dict[str, Any]:
    return {"default": parameter.default} if parameter.has_default else {}


def _example(schema: Any) -> Any:
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("format")
    if kind in ("file", "directory"):
        return {"class": kind.capitalize(), "path": f"path/to/{kind}"}
    types = schema.get("type")
    first = next((t for t in (types if isinstance(types, list) else [types]) if t != "null"), "null")
    if first == "array":
        return [_example(schema.get("items") or schema.get("unevaluatedItems") or {"type": "null"})]
    if first == "object":
        return {name: _example(inner) for name, inner in schema.get("properties", {}).items()}
    return _EXAMPLES[first]
