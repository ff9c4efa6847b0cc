"""From what a user writes to a CWL input object."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

from chronos_plugin.compiler.naming import short_name
from chronos_plugin.compiler.specification import Specification
from chronos_plugin.data.schemes import is_remote
from chronos_plugin.errors import InputInvalid

if TYPE_CHECKING:
    from chronos_plugin.execution.run import Run

_FILES = ("File", "Directory")


def as_input_object(
    given: Mapping[str, Any], parameters: Sequence[Mapping[str, Any]], specification: Specification, run: Run
) -> dict[str, Any]:
    """Return the input object that ``given`` means.

    A string given for a File or Directory is a path (relative ones: to the document's folder) or a URI.
    A value equal to the document's default as a form shows it stands for that default.

    Raises:
        InputInvalid: If a file lies outside the folders that inputs may come from, or files of the shared
            file system are not there; all of them are named.
    """
    library_defaults = {p.name: p for p in run.document.graph.inputs}
    folder = run.document.file.parent
    result: dict[str, Any] = {}
    for parameter in parameters:
        name = short_name(parameter["id"])
        if name not in given:
            continue
        value = given[name]
        shown = library_defaults.get(name)
        if shown is not None and shown.has_default and value == shown.default:
            continue
        result[name] = _converted(value, parameter["type"], folder)
    _normalise(result, specification, folder)
    _check_roots(result, run)
    missing = [line for name, value in result.items() for line in _missing(name, value)]
    if missing:
        raise InputInvalid("\n".join(dict.fromkeys(missing)))
    return result


def _converted(value: Any, cwl_type: Any, folder: Path) -> Any:
    """Turn strings into File and Directory objects where the type asks for them."""
    if isinstance(value, str):
        kind = _file_kind(cwl_type)
        return {"class": kind, "location": locate(value, folder)} if kind else value
    if isinstance(value, list):
        return [_converted(v, _items(cwl_type), folder) for v in value]
    if isinstance(value, dict) and value.get("class") not in _FILES:
        fields = _fields(cwl_type)
        return {k: _converted(v, fields.get(k), folder) for k, v in value.items()}
    return value


def normal_requirements(value: Any) -> list[dict[str, Any]]:
    """Return ``cwl:requirements`` as a list of requirements whose maps are lists.

    Raises:
        InputInvalid: If it is neither a list of requirements nor a map of them by class.
    """
    entries = value
    if isinstance(value, dict) and all(isinstance(body, dict) for body in value.values()):
        entries = [{"class": name, **body} for name, body in value.items()]
    if not isinstance(entries, list) or not all(isinstance(e, dict) and "class" in e for e in entries):
        raise InputInvalid("cwl:requirements: write a list of requirements, each with its class")
    result = []
    for entry in entries:
        definitions = entry.get("envDef")
        if isinstance(definitions, dict):
            entry = {**entry, "envDef": [{"envName": k, "envValue": v} for k, v in definitions.items()]}
        result.append(entry)
    return result


def locate(text: str, folder: Path, *, reference: bool = False) -> str:
    """Return the URI of a path relative to ``folder``; a URI is returned as it is.

    Args:
        reference: Take ``text`` as a relative URI reference (CWL's ``location``), in which ``%23`` is
            a ``#``; else it is a path as the operating system writes it.
    """
    if "://" in text or text.startswith(("file:", "_:")):
        return text
    plain = unquote(text) if reference else os.path.expanduser(text)
    return "file://" + quote(os.path.normpath(os.path.join(folder, plain)), safe="/~")


def _normalise(value: dict[str, Any], specification: Specification, folder: Path) -> None:
    """Give every file a location URI, expand format prefixes, drop what the library computes itself."""
    from cwltool.process import add_sizes
    from cwltool.stdfsaccess import StdFsAccess
    from cwltool.utils import adjustDirObjs, normalizeFilesDirs, trim_listing, visit_class

    namespaces = specification.metadata.get("$namespaces") or {}
    access = StdFsAccess("")

    def each(file: dict[str, Any]) -> None:
        path = file.pop("path", None)
        if path is not None:
            file["location"] = locate(str(path), folder)
        elif file.get("location"):
            file["location"] = locate(str(file["location"]), folder, reference=True)
        prefix, colon, rest = str(file.get("format", "")).partition(":")
        if colon and prefix in namespaces:
            file["format"] = namespaces[prefix] + rest
        if file["class"] == "File":
            add_sizes(access, file)

    visit_class(value, _FILES, each)
    adjustDirObjs(value, trim_listing)
    normalizeFilesDirs(value)


def _check_roots(value: Any, run: Run) -> None:
    roots = [Path(root) for root in run.options.input_roots]
    if not roots:
        return
    allowed = [os.path.realpath(p) for p in (*roots, run.document.base, run.store.root.parents[1])]
    from cwltool.utils import visit_class

    def check(file: dict[str, Any]) -> None:
        location = str(file.get("location") or "")
        if not location.startswith("file:"):
            return
        path = os.path.realpath(unquote(urlsplit(location).path))
        if not any(path == root or path.startswith(root + os.sep) for root in allowed):
            raise InputInvalid(
                f"{path}: input files may come from {', '.join(map(str, roots))} only "
                "(option input_roots of [chronos])"
            )

    visit_class(value, _FILES, check)


def _missing(name: str, value: Any) -> Iterator[str]:
    """Yield what is wrong with each file that nothing can read, before anything runs."""
    if isinstance(value, list):
        for inner in value:
            yield from _missing(name, inner)
    elif isinstance(value, dict):
        location = str(value.get("location") or "")
        if value.get("class") in _FILES and location:
            problem = _problem(location)
            if problem:
                yield f"input '{name}': {problem}"
        for inner in value.values():
            yield from _missing(name, inner)


def _problem(location: str) -> str | None:
    if location.startswith("file:"):
        path = unquote(urlsplit(location).path)
        return None if os.path.exists(path) else f"{path} is not there (as the workers see it)"
    if location.startswith("_:") or is_remote(location):
        return None
    from chronos_plugin.data.location import parse

    try:
        parse(location)
    except InputInvalid as error:
        return str(error)
    return None


def _file_kind(cwl_type: Any) -> str | None:
    """Return File or Directory if a string can only mean one; None if the type takes strings."""
    options = cwl_type if isinstance(cwl_type, list) else [cwl_type]
    names = [t for t in options if isinstance(t, str)]
    if "string" in names or any(isinstance(t, dict) and t.get("type") == "enum" for t in options):
        return None
    return next((kind for kind in _FILES if kind in names), None)


def _items(cwl_type: Any) -> Any:
    for option in cwl_type if isinstance(cwl_type, list) else [cwl_type]:
        if isinstance(option, dict) and option.get("type") == "array":
            return option["items"]
    return None


def _fields(cwl_type: Any) -> dict[str, Any]:
    for option in cwl_type if isinstance(cwl_type, list) else [cwl_type]:
        if isinstance(option, dict) and option.get("type") == "record":
            return {short_name(f["name"]): f["type"] for f in option.get("fields") or []}
    return {}
