"""Subworkflows, or a whole workflow, that a rule gives to a target as one piece: one task stands for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from chronos_plugin.compiler.graph import INPUTS_TASK, Task, TaskGraph, TaskKind
from chronos_plugin.errors import SettingInvalid, SourceLocation
from chronos_plugin.execution.bindings.decision import StepFacts, matches
from chronos_plugin.execution.bindings.document import Rule, TargetsFile, beside, deployment

KIND = "toil"
"""The kind of targets that take whole workflows."""
WHOLE_TASK = "chronos.workflow"
"""Id of the task that stands for a whole workflow."""

StepPath = tuple[str, ...]


@dataclass(frozen=True)
class Delegated:
    """A workflow that is given away.

    Attributes:
        step: Path of the subworkflow's step; empty: the whole workflow.
        why: In words, with the place of the rule.
        options: For the target, from the rule.
    """

    step: StepPath
    target: str
    why: str
    options: Mapping[str, Any] = field(default_factory=dict)


def delegations(graph: TaskGraph, workflow: str, targets_file: Path, document: Path) -> tuple[Delegated, ...]:
    """As :func:`delegated`, with the rules that a deployment and a document have now."""
    whole = deployment(targets_file)
    return delegated(graph, workflow, whole, beside(document, whole.targets))


def delegated(
    graph: TaskGraph, workflow: str, whole: TargetsFile, near: Sequence[Rule]
) -> tuple[Delegated, ...]:
    """Return what the rules of a deployment and those beside a document give away.

    A rule with ``delegate`` and without ``step`` gives the whole workflow; one with ``step`` the subworkflows
    that it names. Of several rules that hold for a subworkflow the first counts. Rules with ``needs`` are
    about single steps.

    Args:
        workflow: DAG id.
        near: The rules beside the document.

    Raises:
        SettingInvalid: If a file is wrong, or a rule gives a workflow to a target that takes none.
    """
    rules = [rule for rule in (*near, *whole.bindings) if not rule.needs]
    if not any(rule.delegate for rule in rules):
        return ()
    labels = frozenset(graph.execution.tags)
    found = _given(whole, [r for r in rules if not r.step], StepFacts(workflow, "", labels), ())
    if found is not None:
        return (found,)
    named = [rule for rule in rules if rule.step]
    given: dict[StepPath, Delegated] = {}
    for group in sorted(graph.groups, key=lambda one: len(one.step)):
        if _covering(group.step, given) is None:
            found = _given(whole, named, StepFacts(workflow, "/".join(group.step), labels), group.step)
            if found is not None:
                given[group.step] = found
    return tuple(given.values())


def _given(whole: TargetsFile, rules: Sequence[Rule], facts: StepFacts, step: StepPath) -> Delegated | None:
    rule = next((rule for rule in rules if matches(rule, facts)), None)
    if rule is None or not rule.delegate:
        return None
    _check(rule.target, whole.targets[rule.target].kind, rule.location)
    return Delegated(step, rule.target, f"rule at {rule.location}", rule.options)


def _check(target: str, kind: str, where: SourceLocation) -> None:
    if kind != KIND:
        raise SettingInvalid(
            f"{where}: delegate: target {target!r} is of kind {kind}; "
            f"whole workflows go to targets of kind {KIND}"
        )


def without_inner(graph: TaskGraph, given: Iterable[Delegated]) -> TaskGraph:
    """Return the graph in which one task stands for each workflow that is given away."""
    paths = {one.step for one in given}
    if not paths:
        return graph
    standing = {path: _standing(path, graph) for path in paths}
    inner = {
        task.id: standing[path].id
        for task in graph.tasks
        if task.step and (path := _covering(task.step[:-1], paths)) is not None
    }
    outside = [task for task in graph.tasks if task.id not in inner]
    for path, task in standing.items():
        before = [u for t in graph.tasks if inner.get(t.id) == task.id for u in t.upstream]
        # One without inner steps still has the workflow's inputs.
        before += [] if path or before else [INPUTS_TASK]
        standing[path] = replace(task, upstream=_through(before, inner, task.id))
    tasks = [replace(task, upstream=_through(task.upstream, inner, task.id)) for task in outside]
    kept = tuple(group for group in graph.groups if _covering(group.step, paths) is None)
    return replace(graph, tasks=tuple(_in_order([*tasks, *standing.values()])), groups=kept)


def _standing(path: StepPath, graph: TaskGraph) -> Task:
    if not path:
        return Task(WHOLE_TASK, TaskKind.DELEGATED, runs="Workflow", label="workflow")
    group = next(group for group in graph.groups if group.step == path)
    over, expands = _elements(path, graph)
    return Task(
        group.id,
        TaskKind.DELEGATED,
        step=path,
        group=group.parent,
        over=over,
        expands=expands,
        label=group.label,
        doc=group.doc,
        runs="Workflow",
    )


def _elements(path: StepPath, graph: TaskGraph) -> tuple[str | None, bool]:
    """Return the scatter task that says which instances there are, and whether Airflow maps a task over them.

    It does not where a group around them is mapped.
    """
    scatters = {task.step: task.id for task in graph.tasks if task.kind is TaskKind.SCATTER}
    mapped = {group.step for group in graph.groups if group.over is not None}
    for length in range(len(path), 0, -1):
        if path[:length] in scatters:
            return scatters[path[:length]], length == len(path) or path[:length] not in mapped
    return None, False


def _covering(step: StepPath, paths: Iterable[StepPath]) -> StepPath | None:
    """Return the path of the workflow that ``step`` is, or stands in."""
    return next((path for path in paths if step[: len(path)] == path), None)


def _through(upstream: Iterable[str], inner: Mapping[str, str], own: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(u for one in upstream if (u := inner.get(one, one)) != own))


def _in_order(tasks: Sequence[Task]) -> list[Task]:
    """Return tasks so that each comes after its upstream, and else as they were."""
    left = {task.id: task for task in tasks}
    ordered: list[Task] = []
    while left:
        ready = [t for t in left.values() if not any(u in left for u in (*t.upstream, t.over or ""))]
        ordered += ready
        for task in ready:
            del left[task.id]
    return ordered
