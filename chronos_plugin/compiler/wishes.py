"""What a document wishes about its execution: standard requirements, and the ``chronos:`` hints.

``chronos:Execution`` (hint of a workflow, step or tool) takes ``retries``, ``retry_delay`` (seconds),
``batch``, ``pool``, ``queue``, ``priority``, ``target``, ``owner``, ``tags``. ``chronos:DAG`` (hint of a
root process) takes ``enabled``. The namespace is :data:`NAMESPACE`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chronos_plugin.compiler.graph import Execution

if TYPE_CHECKING:
    from cwltool.process import Process
    from cwltool.workflow import WorkflowStep

NAMESPACE = "https://chronos-airflow.org/cwl#"


def of_step(step: WorkflowStep) -> Execution:
    """Return the wishes in force for one execution of ``step``'s process."""
    return of_process(step.embedded_tool)


def of_process(process: Process) -> Execution:
    """Return the wishes in force for ``process``, inherited ones included."""
    hint = _hint(process, "Execution")
    resources, _ = process.get_requirement("ResourceRequirement")
    limit, _ = process.get_requirement("ToolTimeLimit")
    resources = resources or {}
    return Execution(
        retries=_number(hint.get("retries"), int),
        retry_delay=_number(hint.get("retry_delay"), float),
        timeout=_number((limit or {}).get("timelimit"), float) or None,
        cores=_number(resources.get("coresMin", resources.get("coresMax")), float),
        ram=_number(resources.get("ramMin", resources.get("ramMax")), float),
        batch=max(1, _number(hint.get("batch"), int) or 1),
        pool=hint.get("pool"),
        queue=hint.get("queue"),
        priority=_number(hint.get("priority"), int),
        target=hint.get("target"),
        owner=hint.get("owner"),
        tags=tuple(str(tag) for tag in hint.get("tags", [])),
    )


def dag_enabled(process: Process) -> bool | None:
    """Return what a ``chronos:DAG`` hint says; None if there is none."""
    hint = _hint(process, "DAG")
    return bool(hint["enabled"]) if "enabled" in hint else None


def _hint(process: Process, name: str) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for hint in [*process.hints, *process.requirements]:
        # Inner hints come later in the list and win, field by field.
        if str(hint.get("class", "")) in (NAMESPACE + name, f"chronos:{name}"):
            merged.update({_local(k): v for k, v in hint.items() if k != "class"})
    return merged


def _local(key: str) -> str:
    return key.removeprefix(NAMESPACE).removeprefix("chronos:")


def _number(value: Any, kind: type) -> Any:
    return kind(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
