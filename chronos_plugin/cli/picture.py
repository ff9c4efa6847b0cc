"""Task graphs as text: a tree to read, Mermaid and Graphviz to draw."""

from __future__ import annotations

from collections.abc import Callable

from chronos_plugin.compiler.graph import Task, TaskGraph, TaskKind


def tree(graph: TaskGraph) -> str:
    """Return an indented list of the tasks, subworkflows as branches."""
    lines = [f"{graph.label or graph.name or graph.process_class} (CWL {graph.cwl_version})"]
    shown: set[str | None] = {None}

    def depth(group: str | None) -> int:
        return 0 if group is None else group.count(".") + 1

    groups = {group.id: group for group in graph.groups}
    for task in graph.tasks:
        branch, missing = task.group, []
        while branch not in shown:
            shown.add(branch)
            missing.append(groups[str(branch)])
            branch = missing[-1].parent
        for group in reversed(missing):
            each = " (one for each element)" if group.over else ""
            lines.append("  " * depth(group.id) + f"{group.id}/{each}")
        lines.append("  " * (depth(task.group) + 1) + _describe(task))
    return "\n".join(lines) + "\n"


def mermaid(graph: TaskGraph) -> str:
    """Return a Mermaid flow chart."""
    lines = ["flowchart LR"]
    lines += [f'    {_node(t.id)}["{_label(t)}"]' for t in graph.tasks]
    lines += [f"    {_node(up)} --> {_node(t.id)}" for t in graph.tasks for up in t.upstream]
    return "\n".join(lines) + "\n"


def dot(graph: TaskGraph) -> str:
    """Return a Graphviz digraph."""
    lines = ["digraph {", "  rankdir=LR; node [shape=box, fontname=sans];"]
    lines += [f'  "{t.id}" [label="{_label(t)}"];' for t in graph.tasks]
    lines += [f'  "{up}" -> "{t.id}";' for t in graph.tasks for up in t.upstream]
    return "\n".join([*lines, "}"]) + "\n"


FORMATS: dict[str, Callable[[TaskGraph], str]] = {"tree": tree, "mermaid": mermaid, "dot": dot}
SUFFIXES = {".dot": "dot", ".gv": "dot", ".mmd": "mermaid", ".txt": "tree"}


def _describe(task: Task) -> str:
    text = task.id
    if task.runs:
        text += f"  [{task.runs}]"
    if task.over:
        text += f"  for each of {task.over}"
    if task.upstream:
        text += f"  after {', '.join(task.upstream)}"
    return text


def _label(task: Task) -> str:
    many = " (each)" if task.over and task.kind is TaskKind.STEP else ""
    return (task.label or task.id).replace('"', "'") + many


def _node(task_id: str) -> str:
    return "t_" + "".join(c if c.isalnum() else "_" for c in task_id)
