"""Workflow links (CWL v1.2 Workflow, sections 4 and 5): what arrives at a step's inputs."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from chronos_plugin.compiler.naming import short_name
from chronos_plugin.compiler.specification import Source, Step
from chronos_plugin.errors import StepFailed

Reader = Callable[[Source], Any]


def join(
    parameters: Sequence[Mapping[str, Any]],
    sources: Mapping[str, Source],
    multiple: bool,
    field: str,
    read: Reader,
    *,
    named: bool = False,
) -> dict[str, Any]:
    """Follow links: several sources, ``linkMerge``, ``pickValue``, ``default``.

    Args:
        parameters: Step inputs or workflow outputs.
        sources: What the links can name.
        multiple: Whether several sources are allowed.
        field: ``source`` or ``outputSource``.
        read: Gives a source's value.
        named: Key the result by short names, not URIs.

    Raises:
        StepFailed: If the values do not fit (types, nothing to pick).
    """
    from cwltool.errors import WorkflowException
    from cwltool.utils import WorkflowStateItem
    from cwltool.workflow_job import object_from_state

    state: dict[str, Any] = {}
    for uri in {uri for p in parameters for uri in _listed(p.get(field))}:
        source = sources[uri]
        state[uri] = WorkflowStateItem({"type": copy.deepcopy(source.type)}, read(source), "success")
    try:
        result = object_from_state(state, list(parameters), named, multiple, field, incomplete=named)  # type: ignore[arg-type]
    except WorkflowException as error:
        raise StepFailed(str(error)) from error
    return dict(result or {})


def scattered(step: Step, linked: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the values at a scattered step's inputs for each element, in order."""
    arrays = [linked[uri] for uri in step.scatter]
    combinations = (
        zip(*arrays, strict=True) if step.scatter_method == "dotproduct" else itertools.product(*arrays)
    )
    for values in combinations:
        yield {**linked, **dict(zip(step.scatter, values, strict=True))}


def shape(step: Step, linked: Mapping[str, Any]) -> list[int]:
    """Return the lengths of the nested arrays in which the elements' outputs are gathered.

    Raises:
        StepFailed: If an input that is scattered is no array, or dotproduct arrays differ in length.
    """
    lengths = []
    for uri in step.scatter:
        if not isinstance(linked[uri], list):
            raise StepFailed(f"scatter over '{short_name(uri)}': it is no array but {linked[uri]!r:.80}")
        lengths.append(len(linked[uri]))
    if step.scatter_method == "nested_crossproduct":
        return lengths
    if step.scatter_method == "flat_crossproduct":
        return [math.prod(lengths)]
    if len(set(lengths)) > 1:
        names = ", ".join(f"{short_name(u)}: {n}" for u, n in zip(step.scatter, lengths, strict=True))
        raise StepFailed(f"dotproduct scatter needs arrays of one length, got {names}")
    return lengths[:1]


def reshape(values: list[Any], lengths: Sequence[int]) -> list[Any]:
    """Nest a flat list into arrays of ``lengths``, the outermost first."""
    if len(lengths) == 1:
        return values
    size = math.prod(lengths[1:])
    return [reshape(values[i * size : (i + 1) * size], lengths[1:]) for i in range(lengths[0])]


def evaluate(step: Step, linked: Mapping[str, Any], access: Any = None) -> dict[str, Any] | None:
    """Apply ``loadContents``, ``valueFrom`` and ``when``.

    Args:
        access: Makes the CWL library's file access for a base folder; None: files of this machine.

    Returns:
        The input object of the step's process, by short names; None if the step is skipped.

    Raises:
        StepFailed: If an expression fails, or ``when`` gives no boolean.
    """
    from cwl_utils.errors import JavascriptException
    from cwltool.errors import WorkflowException

    if access is None:
        from cwltool.stdfsaccess import StdFsAccess

        access = StdFsAccess
    try:
        inputs = _with_contents(step, linked, access(""))
        inputs = _with_value_from(step, inputs, access(""))
        if step.when is not None:
            verdict = _expression(step.when, _short(inputs), step, None)
            if not isinstance(verdict, bool):
                raise StepFailed(f"'when' must give true or false, but gave {verdict!r:.80}")
            if not verdict:
                return None
    except (WorkflowException, JavascriptException, OSError) as error:
        raise StepFailed(str(error)) from error
    connected = {p["id"] for p in step.inputs if not p.get("not_connected")}
    return {short_name(k): v for k, v in inputs.items() if k in connected}


def ports(step: Step) -> list[str]:
    """Return the names of a step's outputs."""
    return [short_name(p["id"]) for p in step.outputs]


def _with_contents(step: Step, linked: Mapping[str, Any], access: Any) -> dict[str, Any]:
    from cwltool.builder import content_limit_respected_read

    inputs = dict(linked)
    for uri in (p["id"] for p in step.inputs if p.get("loadContents")):
        value = copy.deepcopy(inputs.get(uri))
        for file in _listed(value):
            if file.get("contents") is None:
                with access.open(file["location"], "rb") as stream:
                    file["contents"] = content_limit_respected_read(stream)
        inputs[uri] = value
    return inputs


def _with_value_from(step: Step, inputs: dict[str, Any], access: Any) -> dict[str, Any]:
    expressions = {p["id"]: p["valueFrom"] for p in step.inputs if "valueFrom" in p}
    if not expressions:
        return inputs
    from functools import partial

    from cwltool.utils import adjustDirObjs, get_listing

    # All expressions see the values from before any of them was applied.
    before, result = _short(inputs), dict(inputs)
    for uri, expression in expressions.items():
        value = copy.deepcopy(inputs.get(uri))
        adjustDirObjs(value, partial(get_listing, access, recursive=True))
        result[uri] = _expression(expression, before, step, value)
    return result


def _expression(expression: str, inputs: dict[str, Any], step: Step, context: Any) -> Any:
    from cwl_utils.expression import do_eval

    return do_eval(expression, inputs, step.link_requirements, None, None, {}, context=context, timeout=3600)


def _short(inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {short_name(k): v for k, v in inputs.items()}


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
