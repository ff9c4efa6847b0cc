"""The document that Toil is given: the user's own, or one made of the process of a step."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chronos_plugin.compiler.naming import short_name
from chronos_plugin.cwl import library
from chronos_plugin.errors import CwlInvalid, SourceLocation
from chronos_plugin.execution.store import write_json

if TYPE_CHECKING:
    from cwltool.process import Process

_LIBRARY = "http://commonwl.org/cwltool#"


def process_document(document: Path, step: tuple[str, ...], fragment: str | None, folder: Path) -> str:
    """Return the URI of what ``toil-cwl-runner`` is to run.

    Args:
        step: Path of the step whose process is meant; empty for the document's own.
        folder: Where a document is written, if the step's process has no URI of its own, or inherits
            requirements from around it.

    Raises:
        CwlInvalid: If the document cannot be loaded or has no such step.
    """
    whole = document.as_uri() + (f"#{fragment}" if fragment else "")
    if not step:
        return whole
    process = _process_of(whole, document, step)
    file = folder / "process.cwl"
    write_json(file, _standalone(process, step[-1]))
    return file.as_uri()


def _process_of(whole: str, document: Path, step: tuple[str, ...]) -> Process:
    library.prepare()
    from cwltool.context import LoadingContext
    from cwltool.errors import WorkflowException
    from cwltool.load_tool import load_tool
    from schema_salad.exceptions import ValidationException

    # As written: Toil brings the version up to date itself, and takes no development versions.
    context = LoadingContext({"do_update": False, "disable_js_validation": True, "relax_path_checks": True})
    try:
        process = load_tool(whole, context)
    except (ValidationException, WorkflowException) as error:
        raise CwlInvalid(str(error), location=SourceLocation(str(document))) from error
    for number, name in enumerate(step):
        steps = {short_name(s.id): s for s in getattr(process, "steps", [])}
        if name not in steps:
            where = "/".join(step[: number + 1])
            raise CwlInvalid(f"there is no step {where}", location=SourceLocation(str(document)))
        process = steps[name].embedded_tool
    return process


def _standalone(process: Process, name: str) -> dict[str, Any]:
    """Return a process as a document of its own, with the requirements and hints in force around it."""
    value: dict[str, Any] = _named(_plain(process.tool), name)
    # Later ones win over earlier ones of the same class, and the last are the process's own.
    value["requirements"] = list({r["class"]: r for r in _plain(process.requirements)}.values())
    value["hints"] = list({h["class"]: h for h in _plain(process.hints)}.values())
    value["cwlVersion"] = process.metadata.get("cwlVersion", "v1.2")
    for key in ("$namespaces", "$schemas"):
        if key in process.metadata:
            value[key] = _plain(process.metadata[key])
    return value


def _named(process: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a process in which each one without an id has the name of its step: Toil names jobs by it.

    Processes in files of their own stay references; Toil reads them in their own version of CWL.
    """
    if str(process.get("id", "_:")).startswith("_:"):
        process["id"] = name
    for step in process.get("steps", []):
        if isinstance(step.get("run"), dict):
            step["run"] = _named(step["run"], short_name(step["id"]))
    return process


def _plain(value: Any) -> Any:
    """Return JSON without the library's own fields."""
    text = json.dumps(value, default=_jsonable)
    return _without_marks(json.loads(text))


def _jsonable(value: Any) -> Any:
    return dict(value) if hasattr(value, "keys") else list(value)


def _without_marks(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_marks(v) for k, v in value.items() if not k.startswith(_LIBRARY)}
    if isinstance(value, list):
        return [_without_marks(v) for v in value]
    return value
