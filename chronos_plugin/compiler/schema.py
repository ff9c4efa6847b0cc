"""CWL input parameters as JSON Schema: what a form asks and what is refused before a run starts.

A File or Directory may be written as a string (path or URI) or as CWL's object. Relative paths are
relative to the folder of the CWL document.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from chronos_plugin.compiler.graph import Parameter
from chronos_plugin.compiler.naming import short_name

_SCALARS = {
    "null": "null",
    "boolean": "boolean",
    "int": "integer",
    "long": "integer",
    "float": "number",
    "double": "number",
    "string": "string",
}
_ANY = ["object", "array", "string", "number", "boolean", "null"]
_PATHS = {"File": "file", "Directory": "directory", "stdin": "file"}


def parameters(inputs: list[dict[str, Any]], named_types: Mapping[str, Any]) -> list[Parameter]:
    """Describe the inputs of a resolved process.

    Args:
        inputs: ``inputs`` of the process, with absolute URIs.
        named_types: Types of SchemaDefRequirement by name.
    """
    return [_parameter(p, named_types) for p in inputs]


def json_schema(cwl_type: Any, named_types: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the JSON Schema of values of ``cwl_type`` (resolved CWL type, CWL v1.2 section 2.3.2)."""
    return _schema(cwl_type, named_types or {}, frozenset())


def _parameter(p: Mapping[str, Any], named: Mapping[str, Any]) -> Parameter:
    schema = json_schema(p["type"], named)
    folder = os.path.dirname(path_of(str(p["id"]).partition("#")[0]))
    has_default = p.get("default") is not None
    default = _as_written(p["default"], folder) if has_default else None
    if has_default:
        # CWL: null given for an input with a default means the default.
        schema = _or_null(schema)
    doc = p.get("doc")
    return Parameter(
        name=short_name(p["id"]),
        type=readable(p["type"]),
        label=p.get("label"),
        doc="\n".join(doc) if isinstance(doc, list) else doc,
        schema=_presented(schema, default),
        default=default,
        has_default=has_default,
    )


def _schema(cwl_type: Any, named: Mapping[str, Any], seen: frozenset[str]) -> dict[str, Any]:
    if isinstance(cwl_type, list):
        return _union([_schema(t, named, seen) for t in cwl_type])
    if isinstance(cwl_type, str):
        return _named(cwl_type, named, seen)
    kind = cwl_type["type"]
    if kind == "array":
        return {"type": "array", "items": _schema(cwl_type["items"], named, seen)}
    if kind == "enum":
        return {"type": "string", "enum": [short_name(str(s)) for s in cwl_type["symbols"]]}
    if kind == "record":
        return _record(cwl_type, named, seen)
    return _schema(kind, named, seen)


def _named(name: str, named: Mapping[str, Any], seen: frozenset[str]) -> dict[str, Any]:
    if name in _SCALARS:
        return {"type": _SCALARS[name]}
    if name in _PATHS:
        return {"type": ["string", "object"], "format": _PATHS[name], "minLength": 1}
    if name in named and name not in seen:
        return _schema(named[name], named, seen | {name})
    return {"type": list(_ANY)}


def _record(cwl_type: Mapping[str, Any], named: Mapping[str, Any], seen: frozenset[str]) -> dict[str, Any]:
    properties, required = {}, []
    for record_field in cwl_type.get("fields") or []:
        name = short_name(record_field["name"])
        properties[name] = _schema(record_field["type"], named, seen)
        if not _nullable(record_field["type"]):
            required.append(name)
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _union(options: list[dict[str, Any]]) -> dict[str, Any]:
    if len(options) == 1:
        return options[0]
    types = list(dict.fromkeys(t for option in options for t in _types(option)))
    rest = [o for o in options if set(o) - {"type"}]
    if not rest:
        return {"type": types}
    if len(rest) == 1 and all(_types(o) == ["null"] for o in options if o is not rest[0]):
        return _or_null(rest[0])
    # ``type`` repeats what ``anyOf`` says, for forms that choose their field by it.
    return {"type": types, "anyOf": options}


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    types = _types(schema)
    if "null" in types:
        return schema
    result = {**schema, "type": [*types, "null"]}
    if "enum" in schema:
        result["enum"] = [*schema["enum"], None]
    if "anyOf" in schema:
        result["anyOf"] = [*schema["anyOf"], {"type": "null"}]
    return result


def _types(schema: Mapping[str, Any]) -> list[str]:
    types = schema["type"]
    return list(types) if isinstance(types, list) else [types]


def _presented(schema: dict[str, Any], default: Any) -> dict[str, Any]:
    """Let forms offer one line a file for arrays of files, as they do for arrays of strings."""
    items = schema.get("items")
    simple = default is None or (isinstance(default, list) and all(isinstance(d, str) for d in default))
    if isinstance(items, dict) and items.get("format") in _PATHS.values() and simple:
        return {**{k: v for k, v in schema.items() if k != "items"}, "unevaluatedItems": items}
    return schema


def _nullable(cwl_type: Any) -> bool:
    return cwl_type in ("null", "Any") or (isinstance(cwl_type, list) and "null" in cwl_type)


def _as_written(value: Any, folder: str) -> Any:
    """Return a default as a user would write it: files as paths relative to ``folder``."""
    if isinstance(value, list):
        return [_as_written(v, folder) for v in value]
    if not isinstance(value, dict):
        return value
    if value.get("class") in ("File", "Directory"):
        location = str(value.get("location") or value.get("path") or "")
        if location.startswith("file:"):
            path = os.path.relpath(path_of(location), folder)
            if set(value) <= {"class", "location", "path", "basename"}:
                return path
            value = {**{k: v for k, v in value.items() if k != "path"}, "location": path}
    return {k: _as_written(v, folder) for k, v in value.items()}


def path_of(uri: str) -> str:
    """Return the path in a ``file:`` URI, without fragment; anything else as it is."""
    return unquote(urlsplit(uri).path) if uri.startswith("file:") else uri


def readable(cwl_type: Any) -> Any:
    """Return a type with short names in the place of URIs."""
    if isinstance(cwl_type, list):
        return [readable(t) for t in cwl_type]
    if isinstance(cwl_type, str):
        return short_name(cwl_type) if "#" in cwl_type else cwl_type
    result = {k: v for k, v in cwl_type.items() if k in ("type", "label", "doc")}
    for key in ("type", "items"):
        if key in cwl_type:
            result[key] = readable(cwl_type[key])
    if "symbols" in cwl_type:
        result["symbols"] = [short_name(str(s)) for s in cwl_type["symbols"]]
    if "fields" in cwl_type:
        result["fields"] = [
            {"name": short_name(f["name"]), "type": readable(f["type"])} for f in cwl_type["fields"] or []
        ]
    return result
