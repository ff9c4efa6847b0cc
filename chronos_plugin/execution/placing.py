"""Where the executions of one run go: rules, orders and wishes applied to a step of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from chronos_plugin.compiler.graph import Task
from chronos_plugin.execution.bindings import document as files
from chronos_plugin.execution.bindings.decision import Placement, StepFacts, decide
from chronos_plugin.execution.bindings.document import TargetSetting
from chronos_plugin.execution.run import Run
from chronos_plugin.execution.store import Key
from chronos_plugin.execution.targets import report


@dataclass(frozen=True)
class Placing:
    """What a run's executions are placed by.

    Attributes:
        targets_file: The deployment's; need not exist.
        workflow: DAG id, for the rules.
        override: The run's own order: a target, or targets by step.
        states: Folder in which the watchers say how targets do.
    """

    targets_file: Path
    workflow: str
    override: str | Mapping[str, str] | None = None
    states: Path | None = None

    def place(self, run: Run, task: Task, key: Key) -> tuple[TargetSetting, Placement]:
        """Return the target of one execution, and why it is that.

        Raises:
            SettingInvalid: If a targets or bindings file is wrong.
            InputInvalid: If the run orders a target that is not there.
        """
        deployment = files.deployment(self.targets_file)
        beside = files.beside(run.document.file, deployment.targets)
        facts = StepFacts(
            workflow=self.workflow,
            step="/".join(task.step),
            labels=frozenset((*run.document.graph.execution.tags, *task.execution.tags)),
            needs=lambda: _needs(run, key),
            wish=task.execution.target,
        )
        placement = decide(facts, deployment, beside, self.override, self._waiting)
        return deployment.targets[placement.target], placement

    def _waiting(self, target: str) -> float | None:
        return report.seen(self.states, target).waiting_seconds if self.states else None


def _needs(run: Run, key: Key) -> dict[str, float]:
    """Evaluate what an execution asks for, expressions included."""
    from chronos_plugin.execution.tasks import input_object
    from chronos_plugin.execution.tool import evaluate_resources

    specification = run.specification(tuple(name for name, _ in key))
    resources = evaluate_resources(run, specification, input_object(run, key) or {})
    limit = resources.time_limit
    return {
        "cores": resources.cores,
        "ram": resources.ram,
        "gpus": float(resources.gpus),
        "time": math.inf if limit is None else limit,
    }
