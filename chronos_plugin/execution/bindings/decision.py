"""The decision: of several rules, wishes and orders, which one says where a step runs, and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from chronos_plugin.errors import InputInvalid
from chronos_plugin.execution.bindings.document import WORKER, Rule, TargetsFile


@dataclass(frozen=True)
class StepFacts:
    """What rules look at.

    Attributes:
        workflow: DAG id.
        step: Path of the step, its names joined by ``/``.
        labels: Tags of the workflow and the step.
        needs: Gives ``cores``, ``ram``, ``gpus``, ``time`` (seconds; infinite where no limit is stated);
            called only if a rule asks, since evaluating them may take an expression.
        wish: Target that a ``chronos:Execution`` hint wishes for.
    """

    workflow: str
    step: str
    labels: frozenset[str] = frozenset()
    needs: Callable[[], Mapping[str, float]] = dict
    wish: str | None = None


@dataclass(frozen=True)
class Placement:
    """Where a step runs.

    Attributes:
        target: Name of the target.
        why: In words, with the place of the rule.
        options: For the target, from the rule over those of the targets file.
        delegate: Whether the rule gives a workflow away as one piece.
    """

    target: str
    why: str
    options: Mapping[str, Any] = field(default_factory=dict)
    delegate: bool = False

    @property
    def here(self) -> bool:
        """Whether the step's own task runs it."""
        return self.target == WORKER


def decide(
    facts: StepFacts,
    targets: TargetsFile,
    beside: Sequence[Rule] = (),
    override: str | Mapping[str, str] | None = None,
    waiting: Callable[[str], float | None] = lambda _: None,
) -> Placement:
    """Return where a step runs.

    In this order: what the run itself orders; the first rule beside the workflow whose conditions hold;
    the first such rule of the deployment; the wish of the document; a rule without conditions, beside the
    workflow, then of the deployment; the worker.

    Args:
        override: Of the run: a target for all steps, or targets by step (``*`` and ``?`` for any).
        waiting: Gives how long, in seconds, the oldest job of a target has been waiting.

    Raises:
        InputInvalid: If the run orders a target that is not there.
    """
    ordered = _ordered(facts, override)
    if ordered is not None:
        if ordered not in targets.targets:
            known = ", ".join(sorted(targets.targets))
            raise InputInvalid(f"chronos:target: there is no target {ordered!r}; there are: {known}")
        return Placement(ordered, "ordered by the run")
    rules = [*beside, *targets.bindings]
    for rule in rules:
        if not rule.default and matches(rule, facts):
            return _placed(rule, waiting)
    if facts.wish and facts.wish in targets.targets:
        return Placement(facts.wish, "wish of the document (chronos:Execution target)")
    for rule in rules:
        if rule.default:
            return _placed(rule, waiting)
    return Placement(WORKER, "no rule says otherwise")


def matches(rule: Rule, facts: StepFacts) -> bool:
    """Return whether all conditions of a rule hold for a step."""
    if rule.workflow and not _any(rule.workflow, facts.workflow):
        return False
    if rule.step and not _any(rule.step, facts.step):
        return False
    if rule.label and not any(_any(rule.label, label) for label in facts.labels):
        return False
    if not rule.needs:
        return True
    needs = facts.needs()
    return all(condition.holds(needs[name]) for name, condition in rule.needs.items())


def _ordered(facts: StepFacts, override: str | Mapping[str, str] | None) -> str | None:
    if override is None or isinstance(override, str):
        return override or None
    return next((target for glob, target in override.items() if fnmatchcase(facts.step, glob)), None)


def _placed(rule: Rule, waiting: Callable[[str], float | None]) -> Placement:
    if rule.burst is not None:
        seconds = waiting(rule.target)
        if seconds is not None and seconds > rule.burst.when_waiting:
            why = f"{rule.location}: {rule.target} has a job waiting for {seconds / 60:.0f} min; burst"
            return Placement(rule.burst.to, why, rule.burst.options, rule.delegate)
    return Placement(rule.target, f"rule at {rule.location}", rule.options, rule.delegate)


def _any(globs: Sequence[str], text: str) -> bool:
    return any(fnmatchcase(text, glob) for glob in globs)
