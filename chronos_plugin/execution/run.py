"""One run of a compiled document: the values that its steps exchange.

Semantics (links, scatter, ``when``) are cwltool's; what is here lays them out over tasks that share
nothing but the run's files. Plans of unscattered subworkflows are made by whichever task needs one
first: they follow from values that are there, so that two tasks making one at a time write the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from chronos_plugin.compiler.compile import CompiledDocument
from chronos_plugin.compiler.graph import Task, TaskKind
from chronos_plugin.compiler.specification import Path, Scope, Source, Specification, Step
from chronos_plugin.cwl import expressions
from chronos_plugin.errors import RunFailed
from chronos_plugin.execution import links
from chronos_plugin.execution.remote import names_remote
from chronos_plugin.execution.store import GATHERED, PLAN, RESULT, Key, RunStore, read_json, strip

if TYPE_CHECKING:
    from chronos_plugin.data.access import DataOptions

SUCCESS = "success"
SKIPPED = "skipped"


@dataclass(frozen=True)
class Options:
    """How processes are executed.

    Attributes:
        container_engine: One of ``docker podman singularity udocker none``.
        expression_timeout: Seconds a JavaScript expression may run.
        max_scatter_tasks: Mapped task instances of one scatter.
        log_fd: Where the tools' uncaptured output goes.
        debug: Log the CWL library's debug messages.
        data: How files in other places are reached; None: without a site's cache and connections.
    """

    container_engine: str = "docker"
    expression_timeout: float = 20.0
    expression_memory: int = 256
    max_scatter_tasks: int = 1000
    log_fd: int | None = None
    debug: bool = False
    input_roots: tuple[Any, ...] = ()
    data: DataOptions | None = None


@dataclass
class Run:
    """A run in progress, as one task sees it."""

    document: CompiledDocument
    store: RunStore
    options: Options = field(default_factory=Options)

    def __post_init__(self) -> None:
        expressions.limit(timeout=self.options.expression_timeout, memory_mib=self.options.expression_memory)

    # -- what is being run ---------------------------------------------------------------------

    def step(self, path: Path) -> Step:
        """Return the specification of the step at ``path``."""
        step = self.document.specification(path).step
        if step is None:
            raise RunFailed(f"{'/'.join(path)} is no step of {self.document.file.name}")
        return step

    def scope(self, path: Path) -> Scope | None:
        """Return the workflow at ``path``, or None where a tool is run."""
        return self.document.specification(path).scope

    def specification(self, path: Path) -> Specification:
        """Return all that is known of ``path``."""
        return self.document.specification(path)

    @cached_property
    def extra_requirements(self) -> list[Any]:
        """Requirements that came with the input object (``cwl:requirements``)."""
        record = read_json(self.store.root / "run.json") or {}
        return list(record.get("requirements") or [])

    # -- instances -----------------------------------------------------------------------------

    def instances(self, scatter_task: Task) -> list[Key]:
        """Return the instances of the workflow in which a scattered step stands, skipped ones left out."""
        return list(self._scope_instances(scatter_task.step[:-1], ()))

    def _scope_instances(self, path: Path, key: Key) -> Iterator[Key]:
        if len(key) == len(path):
            yield key
            return
        name = path[len(key)]
        step = self.step(path[: len(key) + 1])
        if not step.scatter:
            inner: Key = (*key, (name, None))
            if self.scope_inputs(inner) is not None:
                yield from self._scope_instances(path, inner)
            return
        plan = self.store.read((*key, (name, None)), PLAN)
        if plan is None:
            raise RunFailed(f"{'/'.join(path)}: the scatter was not laid out")
        skipped = set(plan["skipped"])
        for index in range(plan["count"]):
            if index not in skipped:
                yield from self._scope_instances(path, (*key, (name, index)))

    def batch(self, task: Task, map_index: int) -> list[Key]:
        """Return the executions that a task instance handles.

        Args:
            task: A step task.
            map_index: Airflow's map index, -1 where the task is not mapped.

        Raises:
            RunFailed: If the scatter task has not run.
        """
        if task.over is None:
            return [tuple((name, None) for name in task.step)]
        try:
            keys = self.store.batch(task.over, map_index)
        except (FileNotFoundError, IndexError) as error:
            raise RunFailed(f"{task.over} has not laid out element {map_index} of {task.id}") from error
        return [self._complete(task.step, key) for key in keys]

    def _complete(self, path: Path, key: Key) -> Key:
        return (*key, *((name, None) for name in path[len(key) :]))

    # -- values --------------------------------------------------------------------------------

    def scope_inputs(self, key: Key) -> dict[str, Any] | None:
        """Return the input object of a workflow instance; None if it is skipped."""
        if not key:
            value = read_json(self.store.root / "inputs.json")
            if value is None:
                raise RunFailed("the run has no input object: task chronos.inputs did not finish")
            return dict(value)
        parent, (name, index) = key[:-1], key[-1]
        if self.scope_inputs(parent) is None:
            return None
        path = tuple(name for name, _ in key)
        if index is not None:
            element = self.store.element((*parent, (name, None)), index)
            source = json.dumps(element, sort_keys=True)
        else:
            linked = self._linked(parent, path)
            source = json.dumps(linked, sort_keys=True)
        stamp = hashlib.sha256(source.encode()).hexdigest()[:32]
        known = self.store.read(key, "scope.json")
        if known is not None and known["stamp"] == stamp:
            return known["inputs"]  # type: ignore[no-any-return]
        if index is None:
            element = self._evaluated(self.step(path), linked)
        inputs = None if element is None else self._enter(path, element)
        self.store.write(key, "scope.json", {"stamp": stamp, "inputs": inputs})
        return inputs

    def _enter(self, path: Path, element: dict[str, Any]) -> dict[str, Any]:
        """Complete the input object of a subworkflow as its process does: defaults, listings, checks."""
        from chronos_plugin.execution.tool import complete_inputs

        scope = self.scope(path)
        if scope is None:
            return element
        return complete_inputs(self, self.specification(path), scope, element, toplevel=False)

    def _linked(self, parent: Key, path: Path) -> dict[str, Any]:
        """Return the values at a step's inputs before ``valueFrom``, by URI."""
        step = self.step(path)
        return links.join(step.inputs, step.sources, step.multiple, "source", self._reader(parent))

    def _reader(self, scope: Key) -> links.Reader:
        outputs: dict[str, dict[str, Any]] = {}

        def read(source: Source) -> Any:
            if source.step is None:
                return (self.scope_inputs(scope) or {}).get(source.port)
            if source.step not in outputs:
                outputs[source.step] = self.outputs(scope, source.step)
            return outputs[source.step].get(source.port)

        return read

    def plan(self, parent: Key, path: Path) -> Iterator[dict[str, Any] | None]:
        """Yield the input objects of a step in one workflow instance; None for what ``when`` skips.

        An unscattered step yields one.
        """
        step = self.step(path)
        linked = self._linked(parent, path)
        if not step.scatter:
            yield self._evaluated(step, linked)
            return
        for element in links.scattered(step, linked):
            yield self._evaluated(step, element)

    def _evaluated(self, step: Step, linked: dict[str, Any]) -> dict[str, Any] | None:
        # Only these look into files; long lists of files need not be gone through for others.
        looks = any(p.get("loadContents") or "valueFrom" in p for p in step.inputs)
        if not looks or not names_remote(linked):
            return links.evaluate(step, linked)
        from chronos_plugin.data.access import DataAccess
        from chronos_plugin.execution.remote_files import file_access

        with DataAccess(self.options.data) as data:
            return links.evaluate(step, linked, file_access(data))

    def lay_out(self, parent: Key, path: Path) -> dict[str, Any]:
        """Evaluate a scattered step in one workflow instance and keep its elements; return the plan."""
        step, name = self.step(path), path[-1]
        key: Key = (*parent, (name, None))
        shape = links.shape(step, self._linked(parent, path))
        skipped: list[int] = []

        def noting() -> Iterator[Any]:
            for index, element in enumerate(self.plan(parent, path)):
                if element is None:
                    skipped.append(index)
                yield strip(element)

        count = self.store.write_elements(key, noting())
        plan = {"count": count, "shape": shape, "skipped": skipped}
        self.store.write(key, PLAN, plan)
        return plan

    def outputs(self, scope: Key, name: str) -> dict[str, Any]:
        """Return the outputs of the step ``name`` in one workflow instance, scatter gathered."""
        path = (*(n for n, _ in scope), name)
        step = self.step(path)
        if not step.scatter:
            return self._result((*scope, (name, None)), step)
        key: Key = (*scope, (name, None))
        plan = self.store.read(key, PLAN)
        if plan is None:
            raise RunFailed(f"step {'/'.join(path)} has not been laid out")
        elements: list[Key] = [(*scope, (name, i)) for i in range(plan["count"])]
        tools = self.scope(path) is None
        # Only results of tools have files whose age tells whether what was gathered still holds.
        stamp = self.store.stamp([key, *elements]) + json.dumps(plan["shape"]) if tools else None
        known = self.store.read(key, GATHERED) if tools else None
        if known is not None and known["stamp"] == stamp:
            return dict(known["outputs"])
        skipped = set(plan["skipped"])
        results = [{} if i in skipped else self._result(e, step) for i, e in enumerate(elements)]
        ports = links.ports(step)
        gathered = {p: links.reshape([r.get(p) for r in results], plan["shape"]) for p in ports}
        if tools:
            self.store.write(key, GATHERED, {"stamp": stamp, "outputs": gathered})
        return gathered

    def _result(self, key: Key, step: Step) -> dict[str, Any]:
        """Return the outputs of one execution of a step, or of one instance of a subworkflow."""
        path = tuple(name for name, _ in key)
        if self.scope(path) is not None:
            if self.scope_inputs(key) is None:
                return dict.fromkeys(links.ports(step))
            return self.scope_outputs(key)
        result = self.store.read(key, RESULT)
        if result is None:
            raise RunFailed(f"step {'/'.join(path)} has no result yet")
        return dict(result["outputs"])

    def scope_outputs(self, key: Key) -> dict[str, Any]:
        """Return the output object of a workflow instance (the run's own for ``()``)."""
        delegated = self.store.read(key, RESULT)
        if delegated is not None:
            return dict(delegated["outputs"])
        scope = self.scope(tuple(name for name, _ in key))
        if scope is None:
            raise RunFailed(f"{key} is no workflow")
        return links.join(
            scope.outputs, scope.sources, scope.multiple, "outputSource", self._reader(key), named=True
        )


def batches(keys: Sequence[Key], *, batch: int, limit: int) -> list[list[Key]]:
    """Divide elements among task instances: ``batch`` each, more where there would be over ``limit``."""
    size = max(batch, -(-len(keys) // limit) if keys else 1)
    return [list(keys[i : i + size]) for i in range(0, len(keys), size)]


__all__ = ["SKIPPED", "SUCCESS", "Options", "Run", "TaskKind", "batches"]
