"""Which workflows rules give away, and the graph that is left."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from chronos_plugin.compiler.compile import CompiledDocument
from chronos_plugin.compiler.graph import TaskKind
from chronos_plugin.errors import SettingInvalid
from chronos_plugin.execution.bindings.delegation import WHOLE_TASK, delegations, without_inner

NESTED = """\
cwlVersion: v1.2
class: Workflow
requirements:
  InlineJavascriptRequirement: {}
  MultipleInputFeatureRequirement: {}
  ScatterFeatureRequirement: {}
  StepInputExpressionRequirement: {}
  SubworkflowFeatureRequirement: {}
inputs: {words: "string[]", one: string}
outputs:
  all: {type: "string[]", outputSource: many/o}
  single: {type: string, outputSource: last/o}
steps:
  first: {in: {i: one}, out: [o], run: &echo {class: ExpressionTool, inputs: {i: string}, outputs: {o: string}, expression: "$({o: inputs.i})"}}
  many:
    scatter: i
    in: {i: words, other: first/o}
    out: [o]
    run:
      class: Workflow
      requirements: {SubworkflowFeatureRequirement: {}}
      inputs: {i: string, other: string}
      outputs: {o: {type: string, outputSource: inner/o}}
      steps:
        inner:
          in: {i: i}
          out: [o]
          run:
            class: Workflow
            inputs: {i: string}
            outputs: {o: {type: string, outputSource: deep/o}}
            steps: {deep: {in: {i: i}, out: [o], run: *echo}}
  last: {in: {i: {source: [one, many/o], linkMerge: merge_flattened, valueFrom: "$(self[0])"}}, out: [o], run: *echo}
"""
TARGETS = """\
targets:
  hpc: {kind: toil, options: {system: slurm}}
bindings:
"""


@pytest.fixture
def nested(compile_text: Callable[..., CompiledDocument]) -> CompiledDocument:
    return compile_text(NESTED)


def given(document: CompiledDocument, folder: Path, rules: str) -> dict[tuple[str, ...], str]:
    file = folder / "targets.yaml"
    file.write_text(TARGETS + rules)
    return {d.step: d.target for d in delegations(document.graph, "flow", file, document.file)}


@pytest.mark.parametrize(
    ("rules", "steps"),
    [
        ("  - {target: hpc, delegate: true}", {()}),
        ("  - {workflow: other, target: hpc, delegate: true}", set()),
        ("  - {workflow: 'fl*', target: hpc, delegate: true}", {()}),
        ("  - {step: many, target: hpc, delegate: true}", {("many",)}),
        ("  - {step: many/inner, target: hpc, delegate: true}", {("many", "inner")}),
        # The outermost of those that rules name.
        ("  - {step: '*', target: hpc, delegate: true}", {("many",)}),
        # The first rule that holds counts.
        (
            "  - {step: many, target: worker}\n  - {step: '*', target: hpc, delegate: true}",
            {("many", "inner")},
        ),
        ("  - {step: last, target: hpc, delegate: true}", set()),
        ("  - {needs: {ram: 1}, target: hpc, delegate: true}", set()),
    ],
)
def test_what_rules_give_away(
    nested: CompiledDocument, tmp_path: Path, rules: str, steps: set[tuple[str, ...]]
) -> None:
    assert given(nested, tmp_path, rules) == dict.fromkeys(steps, "hpc")


def test_other_kinds_take_no_workflows(nested: CompiledDocument, tmp_path: Path) -> None:
    with pytest.raises(SettingInvalid, match="'local' is of kind local; whole workflows go to"):
        given(nested, tmp_path, "  - {target: local, delegate: true}")


@pytest.mark.parametrize("rule", ["target: hpc", "step: many, target: hpc", "step: many/inner, target: hpc"])
def test_graph_that_is_left(nested: CompiledDocument, tmp_path: Path, rule: str) -> None:
    file = tmp_path / "targets.yaml"
    file.write_text(f"{TARGETS}  - {{{rule}, delegate: true}}\n")
    left = without_inner(nested.graph, delegations(nested.graph, "flow", file, nested.file))
    tasks = {task.id: task for task in left.tasks}
    seen: set[str] = set()
    for task in left.tasks:
        assert {*task.upstream, *([task.over] if task.over else [])} <= seen
        seen.add(task.id)
    (one,) = [task for task in left.tasks if task.kind is TaskKind.DELEGATED]
    if rule == "target: hpc":
        assert set(tasks) == {"chronos.inputs", WHOLE_TASK, "chronos.outputs"}
        assert tasks["chronos.outputs"].upstream == (WHOLE_TASK,)
        assert (one.upstream, left.groups) == (("chronos.inputs",), ())
    elif rule == "step: many, target: hpc":
        assert (one.id, one.expands, left.groups) == ("many", True, ())
        assert one.over in tasks
        assert "many" in tasks["last"].upstream
        assert not [name for name in tasks if "inner" in name or "deep" in name]
    else:
        assert (one.id, one.group, one.expands) == ("many.inner", "many", False)
        assert [group.id for group in left.groups] == ["many"]
        assert one.over == left.groups[0].over
