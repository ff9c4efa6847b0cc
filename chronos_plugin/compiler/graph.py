"""The task graph: what a workflow engine needs to know of a CWL process, and nothing of either.

A :class:`TaskGraph` is frozen and equals its JSON form. It names tasks and their order; how a step's
inputs are computed and what it runs stands in the step specifications beside it
(:mod:`chronos_plugin.compiler.specification`), which only the task that needs one reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

FORMAT = 2
INPUTS_TASK = "chronos.inputs"
OUTPUTS_TASK = "chronos.outputs"


class TaskKind(StrEnum):
    """What a task does."""

    INPUTS = "inputs"
    """Check the input object, find secondary files, open the run."""
    SCATTER = "scatter"
    """Evaluate the inputs of a scattered step, once for each element."""
    STEP = "step"
    """Run a step's process: one execution, or a batch of scatter elements."""
    DELEGATED = "delegated"
    """Have a target run a subworkflow, or the whole workflow, as one piece; the compiler makes none."""
    OUTPUTS = "outputs"
    """Collect the workflow's outputs and publish them."""


@dataclass(frozen=True)
class Parameter:
    """An input or output parameter of the process.

    Attributes:
        name: The parameter's id without the document's part.
        type: The CWL type in JSON form, with short names in the place of URIs.
        schema: JSON Schema of an input's value as a user writes it; empty for outputs.
        default: The default as a user would write it, None where there is none.
        has_default: Whether the document states a default.
    """

    name: str
    type: Any
    label: str | None = None
    doc: str | None = None
    schema: Mapping[str, Any] = field(default_factory=dict)
    default: Any = None
    has_default: bool = False


@dataclass(frozen=True)
class Execution:
    """Wishes of the document about how it is run: requirements, hints and ``chronos:Execution``.

    Attributes:
        retries: Retries of a failed execution; None: the deployment's default.
        retry_delay: Seconds before a retry.
        timeout: Seconds of ToolTimeLimit; None where there is none or it is an expression.
        cores: ``coresMin``, where it is a number.
        ram: ``ramMin`` in MiB, where it is a number.
        batch: Scatter elements that one task instance runs in turn.
        target: Execution target that the document wishes for.
    """

    retries: int | None = None
    retry_delay: float | None = None
    timeout: float | None = None
    cores: float | None = None
    ram: float | None = None
    batch: int = 1
    pool: str | None = None
    queue: str | None = None
    priority: int | None = None
    target: str | None = None
    owner: str | None = None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Task:
    """One task.

    Attributes:
        id: Unique in the graph; parts of enclosing groups are joined by dots.
        step: Path of step names from the root workflow; empty for ``inputs`` and ``outputs``.
        group: Id of the enclosing group, None at the top.
        over: Id of the scatter task that says which elements exist; None for a single execution.
        expands: Whether this task itself is mapped over ``over`` (else its group is).
        upstream: Ids of tasks that end before this one starts, in a stable order.
        runs: CWL class of what is run (``CommandLineTool`` …); empty where nothing is.
        file: The document that the step stands in, relative to the root document's folder.
        line: Line of the step in ``file``, counted from 1.
    """

    id: str
    kind: TaskKind
    step: tuple[str, ...] = ()
    group: str | None = None
    over: str | None = None
    expands: bool = False
    upstream: tuple[str, ...] = ()
    label: str | None = None
    doc: str | None = None
    runs: str = ""
    execution: Execution = field(default_factory=Execution)
    file: str | None = None
    line: int | None = None


@dataclass(frozen=True)
class Group:
    """A subworkflow step.

    Attributes:
        over: Id of the scatter task if the group as a whole is mapped, else None.
    """

    id: str
    step: tuple[str, ...]
    parent: str | None = None
    over: str | None = None
    label: str | None = None
    doc: str | None = None


@dataclass(frozen=True)
class TaskGraph:
    """A compiled process.

    Attributes:
        name: Id that the document gives itself, empty where it gives none.
        process_class: CWL class of the root process.
        cwl_version: Version that the document declares.
        tasks: In an order in which every task comes after its upstream.
        dag: Value of a ``chronos:DAG`` hint's ``enabled``; None where there is none.
    """

    name: str
    process_class: str
    cwl_version: str
    inputs: tuple[Parameter, ...]
    outputs: tuple[Parameter, ...]
    tasks: tuple[Task, ...]
    groups: tuple[Group, ...] = ()
    label: str | None = None
    doc: str | None = None
    execution: Execution = field(default_factory=Execution)
    dag: bool | None = None
    format: int = FORMAT

    def task(self, task_id: str) -> Task:
        """Return the task named ``task_id``; KeyError if there is none."""
        for task in self.tasks:
            if task.id == task_id:
                return task
        raise KeyError(task_id)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form; :meth:`from_json` of it equals this graph."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> TaskGraph:
        """Rebuild a graph from its JSON form.

        Raises:
            ValueError: If the form was written by another version of the compiler.
        """
        if value.get("format") != FORMAT:
            raise ValueError(f"task graph format {value.get('format')!r}, expected {FORMAT}")
        fields = dict(value)
        fields["inputs"] = tuple(Parameter(**p) for p in value["inputs"])
        fields["outputs"] = tuple(Parameter(**p) for p in value["outputs"])
        fields["tasks"] = tuple(_task(t) for t in value["tasks"])
        fields["groups"] = tuple(Group(**{**g, "step": tuple(g["step"])}) for g in value["groups"])
        fields["execution"] = _execution(value["execution"])
        return cls(**fields)


def _task(value: Mapping[str, Any]) -> Task:
    fields = dict(value)
    fields["kind"] = TaskKind(value["kind"])
    fields["step"] = tuple(value["step"])
    fields["upstream"] = tuple(value["upstream"])
    fields["execution"] = _execution(value["execution"])
    return Task(**fields)


def _execution(value: Mapping[str, Any]) -> Execution:
    return Execution(**{**value, "tags": tuple(value["tags"])})
