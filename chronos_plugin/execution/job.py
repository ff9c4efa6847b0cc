"""Job files: the input object that a runner is given, with the process it may name itself."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from chronos_plugin.cwl.yaml import load_yaml
from chronos_plugin.errors import InputInvalid
from chronos_plugin.execution.inputs import locate

_REQUIREMENTS = "cwl:requirements"
_TOOL = "cwl:tool"


@dataclass(frozen=True)
class Job:
    """What to run, with which input object.

    Attributes:
        process: Path or ``file:`` URI of the document, with ``#fragment`` where one is chosen.
        loaded: The input object with absolute locations; None: inputs come from ``arguments``.
        arguments: ``--NAME VALUE`` pairs.
        requirements: ``cwl:requirements`` of the input object.
    """

    process: str
    loaded: dict[str, Any] | None
    arguments: list[str]
    requirements: Any

    def values(self, schemas: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
        """Return the input object.

        Args:
            schemas: Gives the JSON Schemas of the inputs by name; asked only if there are arguments.

        Raises:
            InputInvalid: If an argument names no input or is no value of its type.
        """
        values = dict(self.loaded or {})
        if self.arguments:
            values.update(_from_arguments(self.arguments, schemas()))
        return values


def load_job(process: str, job: str | None, arguments: Sequence[str]) -> Job:
    """Load a job file.

    Args:
        process: What to run: a CWL document, or a job file that names one by ``cwl:tool``.
        job: Path of the input object; ``-`` for standard input; None for none.
        arguments: Inputs as ``--NAME VALUE``.

    Raises:
        InputInvalid: If the file is missing or is no mapping.
    """
    loaded: dict[str, Any] | None = None
    if job is None and not arguments:
        own = _load(process) if _names_a_tool(process) else None
        if own is not None and _TOOL in own:
            process, loaded = str(own.pop(_TOOL)), own
    elif job is not None:
        loaded = _load(job)
    requirements = (loaded or {}).pop(_REQUIREMENTS, None) or []
    if loaded is not None:
        loaded.pop("$schemas", None)
    return Job(_as_path(process), loaded, list(arguments), requirements)


def _load(path: str) -> dict[str, Any]:
    """Return the mapping in a job file, its files' locations made absolute."""
    if path == "-":
        value, folder = load_yaml(sys.stdin.read(), "standard input"), Path.cwd()
    else:
        file = Path(_as_path(path)).absolute()
        if not file.is_file():
            raise InputInvalid(f"{path}: no such job file")
        value, folder = load_yaml(file.read_bytes(), path), file.parent
    if value is not None and not isinstance(value, dict):
        raise InputInvalid(f"{path}: an input object must be a YAML or JSON mapping of input names")
    loaded = absolute(value or {}, folder)
    if _TOOL in loaded:
        loaded[_TOOL] = locate(str(loaded[_TOOL]), folder)
    namespaces = {**_namespaces(loaded)}
    return dict(_expanded(loaded, namespaces))


def absolute(value: Any, folder: Path) -> Any:
    """Return a value whose files have absolute locations: relative paths are taken from ``folder``."""
    if isinstance(value, list):
        return [absolute(v, folder) for v in value]
    if not isinstance(value, dict):
        return value
    result = {str(k): absolute(v, folder) for k, v in value.items()}
    if result.get("class") in ("File", "Directory"):
        path = result.pop("path", None)
        if path is not None:
            result["location"] = locate(str(path), folder)
        elif result.get("location"):
            result["location"] = locate(str(result["location"]), folder, reference=True)
    return result


def _namespaces(loaded: dict[str, Any]) -> dict[str, str]:
    return {str(k): str(v) for k, v in (loaded.pop("$namespaces", None) or {}).items()}


def _expanded(value: Any, namespaces: dict[str, str]) -> Any:
    """Expand the prefixes of formats."""
    if isinstance(value, list):
        return [_expanded(v, namespaces) for v in value]
    if not isinstance(value, dict):
        return value
    result = {k: _expanded(v, namespaces) for k, v in value.items()}
    prefix, colon, rest = str(result.get("format", "")).partition(":")
    if result.get("class") == "File" and colon and prefix in namespaces:
        result["format"] = namespaces[prefix] + rest
    return result


def _names_a_tool(path: str) -> bool:
    try:
        with open(_as_path(path), encoding="utf-8") as file:
            return _TOOL in file.read(1 << 20)
    except (OSError, UnicodeDecodeError):
        return False


def _from_arguments(arguments: Sequence[str], schemas: Mapping[str, Any]) -> dict[str, Any]:
    parser = argparse.ArgumentParser(prog="inputs", add_help=False, allow_abbrev=False, exit_on_error=False)
    here = Path.cwd()
    kinds: dict[str, str] = {}
    for name, schema in schemas.items():
        kinds[name] = _kind(schema)
        nargs = "*" if "array" in _listed(schema.get("type")) else None
        if kinds[name] == "boolean" and nargs is None:
            parser.add_argument(f"--{name}", action=argparse.BooleanOptionalAction, default=None)
        else:
            parser.add_argument(f"--{name}", nargs=nargs, default=None)
    try:
        found, unknown = parser.parse_known_args(list(arguments))
    except argparse.ArgumentError as error:
        raise InputInvalid(str(error)) from error
    if unknown:
        names = ", ".join(f"--{name}" for name in schemas)
        raise InputInvalid(f"unknown argument {unknown[0]}; inputs are: {names or 'none'}")

    def convert(name: str, text: Any) -> Any:
        if isinstance(text, list):
            return [convert(name, t) for t in text]
        kind = kinds[name]
        try:
            if kind in ("integer", "number"):
                return int(text) if kind == "integer" else float(text)
        except ValueError as error:
            raise InputInvalid(
                f"--{name} {text}: write a{'n' if kind == 'integer' else ''} {kind}"
            ) from error
        if kind in ("file", "directory"):
            return {"class": kind.capitalize(), "location": locate(text, here)}
        return text

    return {name: convert(name, value) for name, value in vars(found).items() if value is not None}


def _kind(schema: Any) -> str:
    items = schema.get("items") or schema.get("unevaluatedItems") or schema
    if items.get("format") in ("file", "directory"):
        return str(items["format"])
    types = [t for t in _listed(items.get("type")) if t != "null"]
    return str(types[0]) if types else "string"


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _as_path(uri: str) -> str:
    if not uri.startswith("file:"):
        return uri
    parts = urlsplit(uri)
    return unquote(parts.path) + (f"#{parts.fragment}" if parts.fragment else "")
