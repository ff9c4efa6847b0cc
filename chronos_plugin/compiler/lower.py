"""Lowering: a loaded CWL process becomes a task graph and the specifications of its steps."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, MutableSequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

from chronos_plugin.compiler import wishes
from chronos_plugin.compiler.graph import (
    INPUTS_TASK,
    OUTPUTS_TASK,
    Group,
    Parameter,
    Task,
    TaskGraph,
    TaskKind,
)
from chronos_plugin.compiler.naming import TaskNames, short_name
from chronos_plugin.compiler.schema import parameters, path_of, readable
from chronos_plugin.compiler.specification import Path, Scope, Source, Specification, Step
from chronos_plugin.cwl.library import plain
from chronos_plugin.errors import CwlInvalid

if TYPE_CHECKING:
    from cwltool.process import Process
    from cwltool.workflow import Workflow, WorkflowStep

MULTIPLE = "MultipleInputFeatureRequirement"
_ORIGINAL_VERSION = "http://commonwl.org/cwltool#original_cwlVersion"


@dataclass(frozen=True)
class Lowered:
    """A task graph and, by path, the specifications of what its tasks run."""

    graph: TaskGraph
    specifications: dict[Path, Specification]


def lower(process: Process) -> Lowered:
    """Translate ``process`` (Workflow, CommandLineTool or ExpressionTool, updated by cwltool).

    A tool is taken as a workflow of one step.

    Raises:
        CwlInvalid: If two steps of one workflow have the same name.
    """
    lowering = _Lowering(process)
    if process.tool["class"] == "Workflow":
        leaves = lowering.workflow(cast("Workflow", process), (), _Region(entry=(INPUTS_TASK,)))
    else:
        leaves = lowering.tool(process)
    return lowering.finish(leaves)


@dataclass(frozen=True)
class _Region:
    """Where in the graph a workflow is being lowered.

    Attributes:
        entry: Tasks that must end before the workflow's inputs exist.
        group: Enclosing group.
        over: Scatter task that enumerates the workflow's instances.
        flat: Whether each task expands by itself, because a scatter inside forbids a mapped group.
    """

    entry: tuple[str, ...]
    group: str | None = None
    over: str | None = None
    flat: bool = False


@dataclass
class _Lowering:
    root: Process
    tasks: list[Task] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    specifications: dict[Path, Specification] = field(default_factory=dict)
    names: TaskNames = field(default_factory=lambda: TaskNames((INPUTS_TASK, OUTPUTS_TASK)))

    def __post_init__(self) -> None:
        self.metadata = plain({k: v for k, v in self.root.metadata.items() if k != "$schemas"})
        self.schemas = [str(uri) for uri in _as_list(self.root.metadata.get("$schemas", []))]
        self.tasks.append(Task(id=INPUTS_TASK, kind=TaskKind.INPUTS))

    # -- workflows -----------------------------------------------------------------------------

    def workflow(self, workflow: Workflow, path: Path, region: _Region) -> tuple[str, ...]:
        """Lower all steps; return the tasks after which the workflow is complete."""
        self._specify(path, scope=self._scope(workflow))
        by_id = {step.tool["id"]: step for step in workflow.steps}
        _check_names(workflow)
        done: dict[str, tuple[str, ...]] = {}
        depended_on: set[str] = set()
        for step in _in_order(workflow, by_id):
            sources = list(_source_uris(step.tool["inputs"]))
            producers = [source.rpartition("/")[0] for source in sources]
            upstream = _unique(t for producer in producers for t in done.get(producer, region.entry))
            depended_on.update(upstream)
            done[step.tool["id"]] = self._step(workflow, step, path, region, upstream or region.entry)
        leaves = _unique(t for tasks in done.values() for t in tasks if t not in depended_on)
        return leaves or region.entry

    def _step(
        self, workflow: Workflow, step: WorkflowStep, path: Path, region: _Region, upstream: tuple[str, ...]
    ) -> tuple[str, ...]:
        name = short_name(step.tool["id"])
        step_path = (*path, name)
        task_id = self.names.take(name, region.group)
        over, scattered = region.over, "scatter" in step.tool
        common = {"step": step_path, "group": region.group, **self._description(step)}
        execution = wishes.of_step(step)
        if scattered:
            over = f"{task_id}.scatter"
            scatter = Task(id=over, kind=TaskKind.SCATTER, upstream=upstream, execution=execution, **common)
            self.tasks.append(scatter)
            upstream = (over,)
        run = step.embedded_tool
        is_scope = run.tool["class"] == "Workflow" and not step.tool.get("loop")
        self._specify(step_path, step=_specification(workflow, step))
        if not is_scope:
            expands = over is not None and (scattered or region.flat)
            task = Task(
                id=task_id,
                kind=TaskKind.STEP,
                over=over,
                expands=expands,
                upstream=_unique((*upstream, over)) if expands and over else upstream,
                runs=run.tool["class"],
                execution=execution,
                **common,
            )
            self.tasks.append(task)
            return (task_id,)
        inner = cast("Workflow", run)
        flat = region.flat or (scattered and _contains_scatter(inner))
        mapped = over if scattered and not flat else None
        self.groups.append(
            Group(
                id=task_id,
                step=step_path,
                parent=region.group,
                over=mapped,
                label=common["label"],
                doc=common["doc"],
            )
        )
        return self.workflow(inner, step_path, _Region(entry=upstream, group=task_id, over=over, flat=flat))

    # -- a tool alone --------------------------------------------------------------------------

    def tool(self, process: Process) -> tuple[str, ...]:
        """Lower a single tool as a workflow of one step that passes everything through."""
        tool = process.tool
        base = str(tool["id"])
        name = short_name(base).rsplit("/", 1)[-1].removesuffix(".cwl")
        name = name if name not in ("", "main") else "tool"
        inner = f"{base}/{name}" if "#" in base else f"{base}#{name}"
        own = plain(tool)
        sources = {p["id"]: Source(None, short_name(p["id"]), p["type"]) for p in own["inputs"]}
        results = {
            f"{inner}/{short_name(p['id'])}": Source(name, short_name(p["id"]), p["type"])
            for p in own["outputs"]
        }
        step = Step(
            inputs=[
                {"id": f"{inner}/{short_name(p['id'])}", "type": p["type"], "source": p["id"]}
                for p in own["inputs"]
            ],
            outputs=[{"id": uri, "type": s.type} for uri, s in results.items()],
            sources=sources,
            link_requirements=[],
            multiple=False,
            run_class=own["class"],
            **_run(process),
        )
        outputs = [
            {"id": p["id"], "type": p["type"], "outputSource": f"{inner}/{short_name(p['id'])}"}
            for p in own["outputs"]
        ]
        scope = self._scope(process, outputs=outputs, sources=results, bindings=False)
        self._specify((), scope=scope)
        self._specify((name,), step=step)
        task_id = self.names.take(name, None)
        self.tasks.append(
            Task(
                id=task_id,
                kind=TaskKind.STEP,
                step=(name,),
                upstream=(INPUTS_TASK,),
                runs=own["class"],
                execution=wishes.of_process(process),
                label=own.get("label"),
                doc=_text(own.get("doc")),
            )
        )
        return (task_id,)

    # -- the result ----------------------------------------------------------------------------

    def finish(self, leaves: tuple[str, ...]) -> Lowered:
        """Add the task that publishes and return all."""
        self.tasks.append(Task(id=OUTPUTS_TASK, kind=TaskKind.OUTPUTS, upstream=leaves))
        tool = self.root.tool
        written = sorted(tool["inputs"], key=_place)
        inputs, outputs = parameters(plain(written), self._schema_defs()), []
        for output in plain(tool["outputs"]):
            outputs.append(
                Parameter(
                    name=short_name(output["id"]),
                    type=readable(output["type"]),
                    label=output.get("label"),
                    doc=_text(output.get("doc")),
                )
            )
        graph = TaskGraph(
            name=_own_name(self.root),
            process_class=tool["class"],
            cwl_version=str(self.metadata.get(_ORIGINAL_VERSION, self.metadata.get("cwlVersion", ""))),
            inputs=tuple(inputs),
            outputs=tuple(outputs),
            tasks=tuple(_reduced(self.tasks)),
            groups=tuple(self.groups),
            label=tool.get("label"),
            doc=_text(plain(tool.get("doc"))),
            execution=wishes.of_process(self.root),
            dag=wishes.dag_enabled(self.root),
        )
        return Lowered(graph, self.specifications)

    def _description(self, step: WorkflowStep) -> dict[str, Any]:
        """Return what a person reads about a step, and where it stands, relative to the root document."""
        run = step.embedded_tool.tool
        place = getattr(step.tool, "lc", None)
        file = getattr(place, "filename", None)
        folder = os.path.dirname(path_of(str(self.root.tool["id"])))
        return {
            "label": step.tool.get("label") or run.get("label"),
            "doc": _text(plain(step.tool.get("doc") or run.get("doc"))),
            "file": os.path.relpath(path_of(str(file)), folder) if file else None,
            "line": _place(step.tool)[0] + 1 if file else None,
        }

    def _schema_defs(self) -> dict[str, Any]:
        requirement, _ = self.root.get_requirement("SchemaDefRequirement")
        return {t["name"]: t for t in plain(requirement["types"])} if requirement else {}

    def _scope(
        self,
        process: Process,
        *,
        outputs: list[Any] | None = None,
        sources: dict[str, Source] | None = None,
        bindings: bool = True,
    ) -> Scope:
        tool = plain(process.tool)
        dropped = () if bindings else ("inputBinding", "loadContents", "loadListing", "streamable")
        if sources is None:
            sources = _workflow_sources(cast("Workflow", process))
        own = len(process.tool.get("requirements", []))
        return Scope(  # noqa: S604 - the process without its steps, no shell of an operating system
            shell={
                "class": "Workflow",
                "id": tool["id"],
                "inputs": [{k: v for k, v in p.items() if k not in dropped} for p in tool["inputs"]],
                "outputs": [],
                "steps": [],
            },
            requirements=plain(process.requirements),
            own_from=len(process.requirements) - own,
            hints=plain(process.hints),
            outputs=tool["outputs"] if outputs is None else outputs,
            sources=sources,
            multiple=bool(process.get_requirement(MULTIPLE)[0]),
        )

    def _specify(self, path: Path, *, step: Step | None = None, scope: Scope | None = None) -> None:
        known = self.specifications.get(path)
        self.specifications[path] = Specification(
            path=path,
            metadata=self.metadata,
            schemas=self.schemas,
            step=step or (known.step if known else None),
            scope=scope or (known.scope if known else None),
        )


def _specification(workflow: Workflow, step: WorkflowStep) -> Step:
    """Return the specification of one step of ``workflow``."""
    tool = step.tool
    looping = bool(tool.get("loop"))
    sources = _workflow_sources(workflow)
    wanted = set(_source_uris(tool["inputs"]))
    subworkflow = step.embedded_tool.tool["class"] == "Workflow" and not looping
    details: dict[str, Any] = {} if subworkflow or looping else _run(step.embedded_tool)
    if looping:
        index = next(i for i, s in enumerate(workflow.tool["steps"]) if s["id"] == tool["id"])
        details = {
            "loop": _embedded(workflow.tool["steps"][index], step),
            "requirements": plain(workflow.requirements),
            "hints": plain(workflow.hints),
        }
    return Step(
        inputs=[_parameter(p) for p in tool["inputs"]],
        outputs=[_parameter(p) for p in tool["outputs"]],
        sources={uri: source for uri, source in sources.items() if uri in wanted},
        link_requirements=plain(workflow.requirements),
        multiple=bool(workflow.get_requirement(MULTIPLE)[0]),
        run_class=step.embedded_tool.tool["class"],
        scatter=tuple(_as_list(tool.get("scatter", []))),
        scatter_method=tool.get("scatterMethod") or "dotproduct",
        when=tool.get("when"),
        **details,
    )


def _run(process: Process) -> dict[str, Any]:
    tool = plain(process.tool)
    own = len(tool.pop("requirements", []))
    tool.pop("hints", None)
    return {
        "run": tool,
        "requirements": plain(process.requirements),
        "own_from": len(process.requirements) - own,
        "hints": plain(process.hints),
    }


def _embedded(raw: Mapping[str, Any], step: WorkflowStep) -> dict[str, Any]:
    """Return a step as written, with the process that it runs in the place of its reference."""
    tool = plain(step.embedded_tool.tool)
    if tool["class"] == "Workflow":
        inner = cast("Workflow", step.embedded_tool)
        steps = {s.tool["id"]: s for s in inner.steps}
        tool["steps"] = [_embedded(s, steps[s["id"]]) for s in inner.tool["steps"]]
    return {**plain(raw), "run": tool}


def _workflow_sources(workflow: Workflow) -> dict[str, Source]:
    sources = {
        str(p["id"]): Source(None, short_name(p["id"]), plain(p["type"])) for p in workflow.tool["inputs"]
    }
    for step in workflow.steps:
        name = short_name(step.tool["id"])
        for p in step.tool["outputs"]:
            sources[str(p["id"])] = Source(name, short_name(p["id"]), plain(p["type"]))
    return sources


def _parameter(parameter: Mapping[str, Any]) -> dict[str, Any]:
    kept = {k: v for k, v in parameter.items() if k not in ("_tool_entry", "inputBinding", "outputBinding")}
    return dict(plain(kept))


def _in_order(workflow: Workflow, by_id: Mapping[str, WorkflowStep]) -> Iterator[WorkflowStep]:
    """Yield the steps in the document's order, but none before the steps that it needs."""
    waiting = [str(step["id"]) for step in sorted(workflow.tool["steps"], key=_place)]
    finished: set[str] = set()
    while waiting:
        for index, step_id in enumerate(waiting):
            needs = {uri.rpartition("/")[0] for uri in _source_uris(by_id[step_id].tool["inputs"])}
            if not (needs & set(waiting)) - finished:
                finished.add(waiting.pop(index))
                yield by_id[step_id]
                break
        else:
            raise CwlInvalid("steps wait for each other: " + ", ".join(short_name(s) for s in waiting))


def _place(node: Any) -> tuple[int, int]:
    """Return where a node is named, counted from 0; cwltool gives maps in the order of their keys.

    The place of its ``id`` is known for shorthands (``word: string``) too, which have none of their own.
    """
    marks = getattr(node, "lc", None)
    line, column = (getattr(marks, "data", None) or {}).get("id", (None, None))[:2]
    if line is None:
        line, column = getattr(marks, "line", None), getattr(marks, "col", None)
    return line or 0, column or 0


def _reduced(tasks: list[Task]) -> Iterator[Task]:
    """Yield the tasks without the upstream that other upstream implies."""
    before: dict[str, set[str]] = {}
    for task in tasks:
        implied = set().union(*(before[u] for u in task.upstream))
        kept = tuple(u for u in task.upstream if u not in implied or (task.expands and u == task.over))
        before[task.id] = implied | set(task.upstream)
        if task.over is not None:
            # Its group follows the scatter task, where it does not do so itself.
            before[task.id] |= before[task.over] | {task.over}
        yield replace(task, upstream=kept)


def _check_names(workflow: Workflow) -> None:
    seen: dict[str, str] = {}
    for step in workflow.tool["steps"]:
        name = short_name(step["id"])
        if name in seen:
            raise CwlInvalid(f"two steps are named {name!r}", suggestion="give each step its own id")
        seen[name] = step["id"]


def _contains_scatter(workflow: Workflow) -> bool:
    for step in workflow.steps:
        if "scatter" in step.tool:
            return True
        inner = step.embedded_tool
        runs_steps = inner.tool["class"] == "Workflow" and not step.tool.get("loop")
        if runs_steps and _contains_scatter(cast("Workflow", inner)):
            return True
    return False


def _own_name(process: Process) -> str:
    _, _, fragment = str(process.tool["id"]).partition("#")
    return fragment


def _source_uris(inputs: MutableSequence[Any]) -> Iterator[str]:
    for parameter in inputs:
        for uri in _as_list(parameter.get("source", [])):
            yield str(uri)


def _text(doc: Any) -> str | None:
    return "\n".join(doc) if isinstance(doc, list) else doc


def _as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _unique(items: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(items))
