"""CWL documents to task graphs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chronos_plugin.compiler.compile import CompiledDocument, compile_file
from chronos_plugin.compiler.graph import TaskGraph, TaskKind
from chronos_plugin.compiler.naming import TaskNames, dag_id

CHECKOUT = Path(__file__).resolve().parents[2]
GOLDEN = Path(__file__).parent / "golden"
DOCUMENTS = [
    *sorted((CHECKOUT / "dags" / "examples").glob("*.cwl")),
    CHECKOUT / "dags" / "swot_coverage.cwl",
    CHECKOUT / "tests" / "e2e" / "data" / "greetings.cwl",
]
Compile = Callable[..., CompiledDocument]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: p.stem)
def test_golden_graph(document: Path, tmp_path: Path, update_golden: bool) -> None:
    """The graph of each example is what it was; ``--update-golden`` writes the files anew."""
    graph = compile_file(document, cache_root=tmp_path).graph
    assert TaskGraph.from_json(json.loads(json.dumps(graph.to_json()))) == graph
    golden = GOLDEN / f"{document.stem}.json"
    text = json.dumps(graph.to_json(), indent=1) + "\n"
    if update_golden:
        golden.write_text(text)
    assert text == golden.read_text()


def test_every_task_comes_after_its_upstream(tmp_path: Path) -> None:
    for document in DOCUMENTS:
        seen: set[str] = set()
        for task in compile_file(document, cache_root=tmp_path).graph.tasks:
            assert set(task.upstream) <= seen
            seen.add(task.id)


def test_a_tool_is_a_workflow_of_one_step(compile_text: Compile) -> None:
    graph = compile_text(
        "cwlVersion: v1.0\nclass: CommandLineTool\nbaseCommand: 'true'\ninputs: []\noutputs: []\n", "run.cwl"
    ).graph
    assert [t.id for t in graph.tasks] == ["chronos.inputs", "run", "chronos.outputs"]
    assert (graph.process_class, graph.cwl_version) == ("CommandLineTool", "v1.0")


def test_wishes_reach_the_task(compile_text: Compile) -> None:
    graph = compile_text(
        """
cwlVersion: v1.2
class: Workflow
$namespaces: {chronos: "https://chronos-airflow.org/cwl#"}
hints:
  - {class: "chronos:Execution", owner: karin, tags: [l2], retries: 1}
inputs: []
outputs: []
steps:
  one:
    in: []
    out: []
    run:
      class: CommandLineTool
      baseCommand: "true"
      requirements: {ToolTimeLimit: {timelimit: 60}, ResourceRequirement: {coresMin: 4, ramMin: 2048}}
      hints: [{class: "chronos:Execution", retries: 3, retry_delay: 5, pool: big}]
      inputs: []
      outputs: []
"""
    ).graph
    wishes = graph.task("one").execution
    assert (wishes.retries, wishes.retry_delay, wishes.pool, wishes.owner) == (3, 5.0, "big", "karin")
    assert (wishes.timeout, wishes.cores, wishes.ram) == (60.0, 4.0, 2048.0)
    assert (graph.execution.owner, graph.execution.tags) == ("karin", ("l2",))


def test_scatter_inside_a_scattered_subworkflow_is_flat_and_others_are_mapped_groups(tmp_path: Path) -> None:
    document = CHECKOUT / "tests" / "e2e" / "data" / "greetings.cwl"
    graph = compile_file(document, cache_root=tmp_path).graph
    groups = {g.id: g for g in graph.groups}
    assert groups["each"].over == "each.scatter"
    assert groups["both"].over is None
    assert not graph.task("each.say").expands
    assert graph.task("both.pair").expands
    assert graph.task("both.pair").over == "both.pair.scatter"
    assert [t.id for t in graph.tasks if t.kind is TaskKind.SCATTER] == [
        "each.scatter",
        "both.scatter",
        "both.pair.scatter",
    ]


def test_cache_needs_no_cwl_library_and_knows_changes(tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    tool = "cwlVersion: v1.2\nclass: CommandLineTool\nbaseCommand: {}\ninputs: []\noutputs: []\n"
    (bundle / "tool.cwl").write_text(tool.format("'true'"))
    (bundle / "chain.cwl").write_text(
        "cwlVersion: v1.2\nclass: Workflow\ninputs: []\noutputs: []\n"
        "steps: {one: {in: [], out: [], run: tool.cwl}}\n"
    )
    cache = tmp_path / "cache"
    first = compile_file(bundle / "chain.cwl", cache_root=cache, bundle=bundle)
    assert not first.from_cache
    program = (
        "import sys; from pathlib import Path; from chronos_plugin.compiler.compile import compile_file\n"
        f"d = compile_file(Path({str(bundle / 'chain.cwl')!r}), cache_root=Path({str(cache)!r}), bundle=Path({str(bundle)!r}))\n"
        "assert d.from_cache and 'cwltool' not in sys.modules and 'airflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=CHECKOUT)
    bundle.rename(tmp_path / "moved")
    moved = compile_file(tmp_path / "moved" / "chain.cwl", cache_root=cache, bundle=tmp_path / "moved")
    assert moved.from_cache
    assert str(tmp_path / "moved") in json.dumps(moved.specification(("one",)).to_json())
    (tmp_path / "moved" / "tool.cwl").write_text(tool.format("'false'"))
    changed = compile_file(tmp_path / "moved" / "chain.cwl", cache_root=cache, bundle=tmp_path / "moved")
    assert not changed.from_cache
    assert changed.digest != first.digest


def test_damaged_cache_entry_is_compiled_again(compile_text: Compile, tmp_path: Path) -> None:
    text = "cwlVersion: v1.2\nclass: Workflow\ninputs: []\noutputs: []\nsteps: []\n"
    document = compile_text(text)
    (document.folder / "graph.json").write_text('{"half')
    assert not compile_text(text).from_cache
    assert compile_text(text).from_cache


@given(st.lists(st.text(min_size=1), min_size=1, max_size=30))
def test_task_names_are_legal_and_distinct(names: list[str]) -> None:
    taken = [TaskNames.take(book, name, None) for book in [TaskNames()] for name in names]
    assert len(set(taken)) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]{1,250}", name) for name in taken)


def test_dag_ids() -> None:
    assert dag_id("level2/ssh.cwl") == "level2.ssh"
    assert dag_id("chain.cwl", "main") == "chain"
    assert dag_id("chain.cwl", "l2_ssh") == "l2_ssh"
    assert dag_id("été 1.cwl") == "_t_1"
