"""Where the steps of a document would run, as far as that can be said before a run."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chronos_plugin.compiler.compile import CompiledDocument
from chronos_plugin.compiler.graph import Task, TaskKind
from chronos_plugin.execution.bindings import document as files
from chronos_plugin.execution.bindings.decision import StepFacts, decide, matches
from chronos_plugin.execution.bindings.delegation import delegated, without_inner
from chronos_plugin.execution.bindings.document import Rule, TargetsFile
from chronos_plugin.execution.targets.report import seen

_FIELDS = {
    "cores": ("ResourceRequirement", ("coresMin", "coresMax"), 1.0),
    "ram": ("ResourceRequirement", ("ramMin", "ramMax"), 256.0),
    "gpus": ("CUDARequirement", ("cudaDeviceCountMin", "cudaDeviceCount", "cudaDeviceCountMax"), 0.0),
    "time": ("ToolTimeLimit", ("timelimit",), math.inf),
}


@dataclass(frozen=True)
class Foreseen:
    """What can be said of a step.

    Attributes:
        target: None where it is decided at run time.
        why: In words, with the place of the rule.
    """

    step: str
    target: str | None
    why: str


class _AtRunTime(Exception):
    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class _Needs(Mapping[str, float]):
    """Needs that are stated as numbers; asking for another one raises."""

    def __init__(self, known: Mapping[str, float | None]) -> None:
        self._known = known

    def __getitem__(self, name: str) -> float:
        value = self._known[name]
        if value is None:
            raise _AtRunTime(name)
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


def foresee(
    document: CompiledDocument,
    workflow: str,
    targets: TargetsFile,
    beside: Sequence[Rule],
    waiting: Callable[[str], float | None],
) -> Iterator[Foreseen]:
    """Yield for each step of ``document`` where it would run now, and why.

    Args:
        workflow: DAG id, for the rules.
        waiting: Gives how long, in seconds, the oldest job of a target has been waiting.
    """
    given = delegated(document.graph, workflow, targets, beside)
    for one in given:
        name = "/".join(one.step) or "(the whole workflow)"
        yield Foreseen(name, one.target, f"delegated as one piece: {one.why}")
    for task in without_inner(document.graph, given).tasks:
        if task.kind is not TaskKind.STEP:
            continue
        labels = frozenset((*document.graph.execution.tags, *task.execution.tags))
        needs = _Needs(stated_needs(document, task))
        name = "/".join(task.step)
        facts = StepFacts(workflow, name, labels, lambda needs=needs: needs, task.execution.target)  # type: ignore[misc]
        try:
            placement = decide(facts, targets, beside, None, waiting)
        except _AtRunTime as unknown:
            rule = _asking([*beside, *targets.bindings], facts)
            why = f"decided at run time: rule at {rule.location} asks for {unknown.name}, an expression"
            yield Foreseen(name, None, f"{why}; if it holds: {rule.target}")
        else:
            yield Foreseen(name, placement.target, placement.why)


def foresee_now(
    document: CompiledDocument, workflow: str, targets_file: Path, target_states: Path
) -> list[Foreseen]:
    """Return for each step where it would run by a deployment's files, the queues being as they are now.

    Args:
        target_states: Folder where those who watch targets say how they do.

    Raises:
        SettingInvalid: If one of the files is wrong.
    """
    targets = files.deployment(targets_file)
    rules = files.beside(document.file, targets.targets)

    def waiting(name: str) -> float | None:
        return seen(target_states, name).waiting_seconds

    return list(foresee(document, workflow, targets, rules, waiting))


def stated_needs(document: CompiledDocument, task: Task) -> dict[str, float | None]:
    """Return what a step asks for, as rules name it; None where an expression says."""
    step = document.specification(task.step).step
    requirements, hints = (step.requirements, step.hints) if step is not None else ([], [])
    return {name: _stated(requirements, hints, *field) for name, field in _FIELDS.items()}


def _stated(
    requirements: Sequence[Mapping[str, Any]],
    hints: Sequence[Mapping[str, Any]],
    kind: str,
    fields: tuple[str, ...],
    default: float,
) -> float | None:
    for entry in (*reversed(requirements), *reversed(hints)):
        if str(entry.get("class", "")).rpartition("#")[2].rpartition(":")[2] == kind:
            value = next((entry[field] for field in fields if entry.get(field) is not None), default)
            if kind == "ToolTimeLimit" and value == 0:
                return default
            return None if isinstance(value, str) else float(value)
    return default


def _asking(rules: Sequence[Rule], facts: StepFacts) -> Rule:
    """Return the first rule that cannot be judged yet."""
    for rule in rules:
        try:
            matches(rule, facts)
        except _AtRunTime:
            return rule
    raise LookupError("all rules can be judged")
