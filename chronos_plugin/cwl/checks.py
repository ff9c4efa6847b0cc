"""Mistakes that cwltool loads without a word and that would only show when a step runs.

Each check follows what the CWL library does at run time, so that nothing is refused here that would
have run.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chronos_plugin.cwl.advice_links import add_requirement, short_type
from chronos_plugin.cwl.expression_checks import JAVASCRIPT, check_expression, check_library
from chronos_plugin.cwl.findings import local_path
from chronos_plugin.cwl.places import closest
from chronos_plugin.cwl.source import display_name
from chronos_plugin.errors import CwlError, CwlInvalid, CwlUnsupported, SourceLocation

if TYPE_CHECKING:
    from cwltool.process import Process

_ORIGINAL_VERSION = "http://commonwl.org/cwltool#original_cwlVersion"
_MAX_DETAIL_LINES = 40

# The fields whose text is evaluated; a list below one of them is evaluated member by member.
_EVALUATED = frozenset(
    (
        *("arguments", "valueFrom", "glob", "outputEval", "stdin", "stdout", "stderr", "expression"),
        *("secondaryFiles", "pattern", "required", "format", "position", "listing", "entry", "entryname"),
        *("envValue", "coresMin", "coresMax", "ramMin", "ramMax", "tmpdirMin", "tmpdirMax", "outdirMin"),
        *("outdirMax", "timelimit", "networkAccess", "enableReuse"),
    )
)
# Not looked into: values, texts for people, other processes, and the JavaScript that is no expression.
_SKIPPED = frozenset(
    (
        *("default", "doc", "label", "id", "run", "steps", "hints", "expressionLib"),
        *("$namespaces", "$schemas", "$graph"),
    )
)

_quiet = logging.getLogger(f"{__name__}.validation")
_quiet.setLevel(logging.CRITICAL + 1)


def check_process(process: Process, *, root: Path | None = None) -> None:
    """Refuse a loaded process that could not run, with all that is wrong with it and its steps.

    Args:
        process: What cwltool loaded.
        root: The DAG bundle that files are named relative to; by default the folder of the process.

    Raises:
        CwlInvalid: At the first mistake; ``details`` names the others.
        CwlUnsupported: If nothing is wrong, but a step cannot be run, such as an ``Operation``.
    """
    base = root
    if base is None:
        file = local_path(str(process.tool.get("id", "")).partition("#")[0])
        base = file.parent if file else None
    problems: dict[str, CwlError] = {}
    for problem in _Checker(base).process(process):
        problems.setdefault(f"{problem.location} {problem.message}", problem)
    if not problems:
        return
    first, *others = sorted(problems.values(), key=_order)
    lines = [f"{other.location}: {other.message}" for other in others]
    if len(lines) > _MAX_DETAIL_LINES:
        lines = [*lines[: _MAX_DETAIL_LINES - 1], f"… and {len(lines) - _MAX_DETAIL_LINES + 1} more"]
    details = "\n".join(lines) or None
    raise type(first)(first.message, location=first.location, suggestion=first.suggestion, details=details)


def _order(problem: CwlError) -> tuple[bool, str, int]:
    place = problem.location
    return isinstance(problem, CwlUnsupported), place.file if place else "", (place.line or 0) if place else 0


class _Checker:
    def __init__(self, base: Path | None) -> None:
        self.base = base

    def process(self, process: Any) -> Iterator[CwlError]:
        tool = process.tool
        yield from self.twice(tool, "inputs", "outputs", "steps")
        yield from self.defaults(process)
        yield from self.expressions(process)
        if tool["class"] == "Workflow":
            yield from self.workflow(process)
        elif tool["class"] == "Operation":
            yield self.operation(tool, "class", "")

    def workflow(self, workflow: Any) -> Iterator[CwlError]:
        tool = workflow.tool
        sources = [
            f"{_short(step.tool)}/{_short(out)}" for step in workflow.steps for out in step.tool["outputs"]
        ]
        for index, output in enumerate(tool["outputs"]):
            yield from self.output(tool["outputs"], index, output, sources)
            yield from self.sources(workflow, output, "outputSource")
        for step in sorted(workflow.steps, key=lambda step: getattr(step.tool.lc, "line", None) or 0):
            yield from self.step(workflow, step)

    def step(self, workflow: Any, step: Any) -> Iterator[CwlError]:
        yield from self.twice(step.tool, "in", "out")
        for entry in step.tool["in"]:
            yield from self.sources(workflow, entry, "source")
            if "valueFrom" in entry and not workflow.get_requirement("StepInputExpressionRequirement")[0]:
                name = f"{_short(step.tool)}/{_short(entry)}"
                yield self.invalid(
                    entry,
                    "valueFrom",
                    f"`{name}`: `valueFrom` in a step needs StepInputExpressionRequirement",
                    add_requirement("StepInputExpressionRequirement"),
                )
        yield from self.step_values(step)
        yield from self.step_expressions(workflow, step)
        if step.embedded_tool.tool["class"] == "Operation":
            yield self.operation(step.tool, "run", _short(step.tool))
        else:
            yield from self.process(step.embedded_tool)

    def output(self, outputs: Any, index: int, output: Any, sources: list[str]) -> Iterator[CwlError]:
        kind = output.get("type")
        if "outputSource" in output or kind == "null" or (isinstance(kind, list) and "null" in kind):
            return
        name = _short(output)
        better = closest(name, sources) or (sources[0] if sources else "step/output")
        yield self.invalid(
            outputs,
            index,
            f"`{name}`: the output gets no value, since it has no `outputSource`",
            f"add `outputSource: {better}`, or the step output that it shall be",
        )

    def sources(self, workflow: Any, entry: Any, field: str) -> Iterator[CwlError]:
        source = entry.get(field)
        if not isinstance(source, list) or len(source) < 2:
            return
        if not workflow.get_requirement("MultipleInputFeatureRequirement")[0]:
            yield self.invalid(
                entry,
                field,
                f"`{_short(entry)}`: several sources need MultipleInputFeatureRequirement",
                add_requirement("MultipleInputFeatureRequirement"),
            )

    def twice(self, owner: Any, *fields: str) -> Iterator[CwlError]:
        for field in fields:
            part = owner.get(field)
            seen: dict[str, int] = {}
            for index, entry in enumerate(part if isinstance(part, list) else ()):
                uri = str(entry.get("id", index) if isinstance(entry, dict) else entry)
                if uri in seen:
                    first = self.place(part, seen[uri]).line
                    yield self.invalid(
                        part,
                        index,
                        f"`{_last(uri)}` stands twice under `{field}`, first in line {first}",
                        "rename or remove one of them",
                    )
                seen.setdefault(uri, index)

    def operation(self, owner: Any, key: str, name: str) -> CwlError:
        subject = f"`{name}` runs an Operation, which" if name else "an Operation"
        return CwlUnsupported(
            f"{subject} only describes what is to be done and cannot be run",
            location=self.place(owner, key, value=True),
            suggestion="write a CommandLineTool, ExpressionTool or Workflow with the same inputs and outputs",
        )

    def defaults(self, process: Any) -> Iterator[CwlError]:
        fields = _input_fields(process)
        for entry in process.tool["inputs"]:
            name = _short(entry)
            if entry.get("default") is not None and not _fits(fields.get(name), entry["default"]):
                yield self.default(entry, name, entry["type"])

    def default(self, entry: Any, name: str, kind: Any) -> CwlError:
        wanted, value = short_type(kind), entry["default"]
        shown = f"`{value}`" if isinstance(value, str | int | float) else "given"
        suggestion = f"write a value of type `{wanted}`, or change the type"
        if wanted.rstrip("?") in ("File", "Directory") and isinstance(value, str):
            suggestion = f"write `default: {{class: {wanted.rstrip('?')}, location: {value}}}`"
        message = f"`{name}`: the default {shown} is no `{wanted}`"
        return self.invalid(entry, "default", message, suggestion)

    def step_values(self, step: Any) -> Iterator[CwlError]:
        fields = _input_fields(step.embedded_tool)
        tools = {_short(entry): entry for entry in step.embedded_tool.tool["inputs"]}
        scatter = step.tool.get("scatter", ())
        for index, entry in enumerate(step.tool["in"]):
            name = _short(entry)
            target = tools.get(name)
            if target is None:
                continue
            given = entry.get("default")
            if given is None:
                if not any(key in entry for key in ("source", "default", "valueFrom")) and _needed(target):
                    yield self.invalid(
                        step.tool["in"],
                        index,
                        f"`{_short(step.tool)}`: the tool's required input `{name}` gets no value",
                        f"give `{name}` a `source`, `default` or `valueFrom`",
                    )
            elif "valueFrom" not in entry:
                many = entry["id"] in (scatter if isinstance(scatter, list) else [scatter])
                values = given if many and isinstance(given, list) else [given]
                if not all(_fits(fields.get(name), value) for value in values):
                    yield self.default(entry, f"{_short(step.tool)}/{name}", target["type"])

    def expressions(self, process: Any) -> Iterator[CwlError]:
        javascript = _has_javascript(process)
        tool = process.tool
        is_workflow = tool["class"] == "Workflow"
        names = None if is_workflow else [_short(entry) for entry in tool["inputs"]]
        version = str(process.metadata.get(_ORIGINAL_VERSION, ""))
        owner = "workflow" if is_workflow else "tool"
        for item, key, text in _evaluated(tool, ""):
            fault = check_expression(
                text, javascript=javascript, names=names, owner=owner, cwl_version=version
            )
            if fault is not None:
                yield self.invalid(item, key, fault.message, fault.suggestion, fault.line)
        for requirement in tool.get("requirements", ()):
            library = requirement.get("expressionLib") if requirement["class"] == JAVASCRIPT else None
            fault = check_library([str(text) for text in library]) if library else None
            if fault is not None:
                yield self.invalid(requirement, "expressionLib", fault.message, fault.suggestion)

    def step_expressions(self, workflow: Any, step: Any) -> Iterator[CwlError]:
        javascript = _has_javascript(workflow)
        names = [_short(entry) for entry in step.tool["in"]]
        texts = [(entry, "valueFrom", entry.get("valueFrom")) for entry in step.tool["in"]]
        for item, key, text in [*texts, (step.tool, "when", step.tool.get("when"))]:
            if not isinstance(text, str):
                continue
            fault = check_expression(text, javascript=javascript, names=names, owner="workflow")
            if fault is not None:
                yield self.invalid(item, key, fault.message, fault.suggestion, fault.line)

    def invalid(self, item: Any, key: Any, message: str, suggestion: str, line: int = 0) -> CwlInvalid:
        place = self.place(item, key, value=isinstance(item, dict))
        text = item.get(key) if isinstance(item, dict) else None
        if type(text).__name__ == "LiteralScalarString" and place.line is not None:
            # The text of a `|` block starts in the line after its field.
            place = SourceLocation(place.file, place.line + 1 + line)
        return CwlInvalid(message, location=place, suggestion=suggestion)

    def place(self, item: Any, key: Any, *, value: bool = False) -> SourceLocation:
        """Return where a member of a loaded mapping or list stands, as far as it is known."""
        mark = getattr(item, "lc", None)
        path = local_path(getattr(mark, "filename", None))
        name = display_name(path, self.base) if path else ""
        at = (getattr(mark, "data", None) or {}).get(key)
        if at is None:
            line = getattr(mark, "line", None)
            return SourceLocation(name, None if line is None else line + 1)
        line, column = at[2:4] if value and len(at) == 4 else at[:2]
        return SourceLocation(name, line + 1, column + 1)


def _evaluated(item: Any, field: str) -> Iterator[tuple[Any, Any, str]]:
    """Yield ``(holder, key, text)`` of every text in a tool that is evaluated at run time."""
    pairs: Iterable[tuple[Any, Any]] = item.items() if isinstance(item, dict) else enumerate(item)
    for key, value in pairs:
        name = key if isinstance(item, dict) else field
        if name in _SKIPPED:
            continue
        if isinstance(value, str):
            if name in _EVALUATED:
                yield item, key, value
        elif isinstance(value, list) or (
            isinstance(value, dict) and value.get("class") not in ("File", "Directory")
        ):
            yield from _evaluated(value, name)


def _has_javascript(process: Any) -> bool:
    return any(requirement["class"] == JAVASCRIPT for requirement in process.requirements)


def _needed(entry: Any) -> bool:
    kind = entry.get("type")
    optional = kind in ("null", "Any") or (isinstance(kind, list) and "null" in kind)
    return not optional and "default" not in entry


def _input_fields(process: Any) -> dict[str, Any]:
    record = process.names.get_name("input_record_schema", None)
    return {field.name: field.type for field in record.fields} if record is not None else {}


def _fits(schema: Any, value: Any) -> bool:
    from cwltool.builder import INPUT_OBJ_VOCAB
    from schema_salad.validate import validate_ex

    if schema is None:
        return True
    return validate_ex(schema, value, raise_ex=False, strict=False, logger=_quiet, vocab=INPUT_OBJ_VOCAB)


def _short(entry: Any) -> str:
    return _last(str(entry["id"] if isinstance(entry, dict) else entry))


def _last(uri: str) -> str:
    return uri.rpartition("#")[2].rpartition("/")[2]
