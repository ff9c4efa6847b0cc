"""A compiled document as an Airflow DAG."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

from airflow.sdk import DAG, Param, TaskGroup
from airflow.sdk.definitions._internal.expandinput import DictOfListsExpandInput
from airflow.sdk.definitions.param import ParamsDict
from airflow.sdk.definitions.taskgroup import MappedTaskGroup

from chronos_plugin.compiler.compile import CompiledDocument
from chronos_plugin.compiler.graph import Group, Parameter, Task, TaskKind
from chronos_plugin.errors import SettingInvalid
from chronos_plugin.execution.bindings.delegation import Delegated, delegations, without_inner
from chronos_plugin.operators.cwl import (
    CwlInputsOperator,
    CwlOutputsOperator,
    CwlScatterOperator,
)
from chronos_plugin.operators.delegated import CwlDelegatedOperator
from chronos_plugin.operators.step import CwlStepOperator
from chronos_plugin.settings import Settings

log = logging.getLogger("chronos.rendering")
OWNER = "chronos"
TAG = "cwl"
TIMEOUT_GRACE = 300.0
"""Seconds that Airflow waits longer than ToolTimeLimit, for staging and collecting."""


def render(
    document: CompiledDocument,
    *,
    dag_id: str,
    settings: Settings,
    overrides: Mapping[str, Any] | None = None,
    only: str | None = None,
) -> DAG:
    """Return the DAG of ``document``.

    Args:
        dag_id: Its id.
        overrides: Arguments of :class:`airflow.sdk.DAG` that replace those from the document.
        only: Id of the one task that is wanted, with what it is mapped over: a process that runs a
            task of a large workflow needs no other. An unknown id gives the whole DAG.
    """
    given = _delegations(document, dag_id, settings)
    if given:
        document = replace(document, graph=without_inner(document.graph, given))
    graph = document.graph
    execution = graph.execution
    arguments: dict[str, Any] = {
        "dag_id": dag_id,
        "dag_display_name": graph.label or dag_id,
        "description": _first_line(graph.doc or graph.label),
        "doc_md": graph.doc,
        "schedule": None,
        "catchup": False,
        "tags": {TAG, *execution.tags},
        "params": {**{p.name: param(p) for p in graph.inputs}, **({} if only else order_param(settings))},
        "default_args": {
            "owner": execution.owner or OWNER,
            "retries": settings.lost_retries,
            "retry_delay": timedelta(seconds=settings.retry_delay),
        },
        "render_template_as_native_obj": False,
    }
    dag = DAG(**{**arguments, **(overrides or {})})
    # Airflow copies a DAG's form into each of its tasks. A task of a run is given the DAG's again.
    form, dag.params = dag.params, ParamsDict()
    _Rendering(document, dag, settings, given).tasks(only)
    dag.params = form
    return dag


def _delegations(document: CompiledDocument, dag_id: str, settings: Settings) -> tuple[Delegated, ...]:
    try:
        return delegations(document.graph, dag_id, settings.targets_file, document.file)
    except SettingInvalid as error:
        # Every step will say so; the DAG is to be seen all the same.
        log.warning("%s", error)
        return ()


def param(parameter: Parameter) -> Param:
    """Return the form field of an input parameter."""
    schema = dict(parameter.schema)
    schema["title"] = parameter.label or parameter.name
    if parameter.doc:
        schema["description_md"] = parameter.doc
    if parameter.has_default:
        return Param(parameter.default, **schema)
    if "null" in _types(schema):
        return Param(None, **schema)
    return Param(**schema)


def order_param(settings: Settings) -> dict[str, Param]:
    """Return the form field by which a run is sent to a target; none if there are the built-in ones alone."""
    from chronos_plugin.execution.bindings.decision import ORDER

    names = _targets(settings)
    if not names:
        return {}
    schema: dict[str, Any] = {
        "type": ["string", "null", "object"],
        "examples": names,
        "title": "Where to run",
        "section": "CHRONOS",
        "description_md": "Target for all steps of this run: one of "
        + ", ".join(f"`{name}`" for name in names)
        + '. Empty: as the rules of the deployment say. By step: `{"STEP": "TARGET"}`.',
    }
    return {ORDER: Param(None, **schema)}


def _targets(settings: Settings) -> list[str]:
    """Return the names that a run can order, none where the deployment adds none to the built-in ones."""
    if not settings.targets_file.exists():
        return []
    from chronos_plugin.execution.bindings import document

    try:
        targets = document.deployment(settings.targets_file).targets
    except SettingInvalid as error:
        # Every step will say so; the DAGs are to be seen all the same.
        log.warning("%s", error)
        return []
    return sorted(targets) if set(targets) - {document.WORKER, document.LOCAL} else []


class _Rendering:
    """Builds the tasks and groups of one DAG."""

    def __init__(
        self, document: CompiledDocument, dag: DAG, settings: Settings, given: Sequence[Delegated]
    ) -> None:
        self._document, self._dag, self._settings = document, dag, settings
        self._given = {one.step: one for one in given}
        self._groups: dict[str | None, TaskGroup] = {None: dag.task_group}
        self._tasks: dict[str, Any] = {}

    def tasks(self, only: str | None = None) -> None:
        """Add all tasks to the DAG, or ``only`` one with what it is mapped over."""
        graph = self._document.graph
        pending = {group.id: group for group in graph.groups}
        wanted = self._needed(only)
        for task in graph.tasks:
            if wanted and task.id not in wanted:
                continue
            self._ensure_group(task.group, pending)
            operator = self._operator(task)
            self._tasks[task.id] = operator
            for upstream in task.upstream:
                # A mapped task follows its scatter task by the argument that it expands over.
                if (upstream != task.over or not task.expands) and upstream in self._tasks:
                    operator.set_upstream(self._tasks[upstream])

    def _needed(self, only: str | None) -> set[str]:
        """Return the tasks without which ``only`` cannot be made; empty: all."""
        graph = self._document.graph
        task = next((t for t in graph.tasks if t.id == only), None)
        if task is None:
            return set()
        groups = {group.id: group for group in graph.groups}
        # Airflow records the length of what a task returns only if it sees that something maps over it.
        makers = [task, *(t for t in graph.tasks if t.over == task.id)]
        needed = {t.id for t in makers}
        for maker in makers:
            if maker.expands and maker.over is not None:
                needed.add(maker.over)
            name = maker.group
            while name is not None:
                group = groups[name]
                if group.over is not None:
                    needed.add(group.over)
                name = group.parent
        return needed

    def _ensure_group(self, group_id: str | None, pending: Mapping[str, Group]) -> None:
        if group_id is None or group_id in self._groups:
            return
        group = pending[group_id]
        self._ensure_group(group.parent, pending)
        make: Any = TaskGroup
        if group.over is not None:
            elements = DictOfListsExpandInput({"element": self._tasks[group.over].output})
            make = partial(MappedTaskGroup, expand_input=elements)
        made = make(
            group_id=_local(group_id, group.parent),
            parent_group=self._groups[group.parent],
            dag=self._dag,
            tooltip=_first_line(group.doc) or "",
            group_display_name=group.label or group_id.rsplit(".", 1)[-1],
        )
        if group.over is not None:
            made.set_upstream(self._tasks[group.over])
        self._groups[group_id] = made

    def _operator(self, task: Task) -> Any:
        common: dict[str, Any] = {
            "task_id": _local(task.id, task.group),
            "dag": self._dag,
            "task_group": self._groups[task.group],
            "document": self._document,
        }
        match task.kind:
            case TaskKind.INPUTS:
                return CwlInputsOperator(
                    **common, task_display_name="inputs", doc_md=_inputs_doc(self._document)
                )
            case TaskKind.OUTPUTS:
                return CwlOutputsOperator(
                    **common, task_display_name="outputs", doc_md=_outputs_doc(self._document)
                )
            case TaskKind.SCATTER:
                name = f"{task.step[-1]} (scatter)"
                return CwlScatterOperator(**common, task_display_name=name, doc_md=task.doc)
        if task.kind is TaskKind.DELEGATED:
            kind: Any = CwlDelegatedOperator
            common["delegated"] = self._given[task.step]
        else:
            kind = CwlStepOperator
            common.update(self._execution(task))
        common.update(task_display_name=task.label or "".join(task.step[-1:]), doc_md=task.doc)
        if task.expands and task.over is not None:
            common["map_index_template"] = "{{ chronos_label }}"
            return kind.partial(**common).expand(element=self._tasks[task.over].output)
        return kind(**common)

    def _execution(self, task: Task) -> dict[str, Any]:
        """Return operator arguments for what the document wishes."""
        execution = task.execution
        retries = execution.retries if execution.retries is not None else self._settings.retries
        arguments: dict[str, Any] = {
            "tool_retries": retries,
            "retries": retries + self._settings.lost_retries,
        }
        if execution.retry_delay is not None:
            arguments["retry_delay"] = timedelta(seconds=execution.retry_delay)
        if execution.timeout and task.over is None:
            # A mapped task may run a batch whose size only its run knows; the tool's own limit holds there.
            arguments["execution_timeout"] = timedelta(seconds=execution.timeout + TIMEOUT_GRACE)
        if execution.pool:
            arguments["pool"] = execution.pool
        if execution.queue:
            arguments["queue"] = execution.queue
        if execution.priority is not None:
            arguments["priority_weight"] = execution.priority
        if self._settings.pool_slot_cores > 0 and execution.cores:
            arguments["pool_slots"] = max(1, round(execution.cores / self._settings.pool_slot_cores))
        if execution.owner:
            arguments["owner"] = execution.owner
        return arguments


def _local(name: str, group: str | None) -> str:
    """Return an id without its group's, which Airflow puts before it again."""
    return name.removeprefix(f"{group}.") if group else name


def _inputs_doc(document: CompiledDocument) -> str:
    rows = [f"- `{p.name}`: {p.label or _first_line(p.doc) or p.type}" for p in document.graph.inputs]
    return "Checks the input object and opens the run.\n\n" + "\n".join(rows)


def _outputs_doc(document: CompiledDocument) -> str:
    rows = [f"- `{p.name}`: {p.label or _first_line(p.doc) or p.type}" for p in document.graph.outputs]
    return "Collects the outputs and publishes their files.\n\n" + "\n".join(rows)


def _first_line(text: str | None) -> str | None:
    stripped = (text or "").strip()
    return stripped.splitlines()[0] if stripped else None


def _types(schema: Mapping[str, Any]) -> list[Any]:
    value = schema.get("type")
    return value if isinstance(value, list) else [value]
