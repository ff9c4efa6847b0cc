"""The task graphs of one document a language feature, compared with what was reviewed once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from chronos_plugin.compiler.compile import compile_file
from chronos_plugin.compiler.graph import INPUTS_TASK, OUTPUTS_TASK, TaskGraph

HERE = Path(__file__).parent
GOLDEN = HERE / "golden" / "features"
DOCUMENTS = sorted((HERE / "features").glob("*.cwl"))


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.mark.parametrize("file", DOCUMENTS, ids=lambda f: f.stem)
def test_task_graph(file: Path, cache: Path, update_golden: bool) -> None:
    graph = compile_file(file, cache_root=cache, bundle=file.parent).graph
    text = json.dumps(graph.to_json(), indent=1) + "\n"
    golden = GOLDEN / f"{file.stem}.json"
    if update_golden:
        golden.write_text(text)
    assert text == golden.read_text()


@pytest.mark.parametrize("file", DOCUMENTS, ids=lambda f: f.stem)
def test_graph_from_cache_equals_the_fresh_one(file: Path, cache: Path) -> None:
    first = compile_file(file, cache_root=cache, bundle=file.parent)
    second = compile_file(file, cache_root=cache, bundle=file.parent)
    assert second.from_cache
    assert second.graph == first.graph
    assert second == first


@pytest.mark.parametrize("file", DOCUMENTS, ids=lambda f: f.stem)
def test_json_round_trip_and_order(file: Path) -> None:
    graph = TaskGraph.from_json(json.loads((GOLDEN / f"{file.stem}.json").read_text()))
    assert TaskGraph.from_json(json.loads(json.dumps(graph.to_json()))) == graph
    seen: set[str] = set()
    for task in graph.tasks:
        assert seen.issuperset(task.upstream)
        assert task.over is None or task.over in seen
        assert task.id not in seen
        seen.add(task.id)
    assert graph.tasks[0].id == INPUTS_TASK
    assert graph.tasks[-1].id == OUTPUTS_TASK


def test_every_golden_file_has_a_document() -> None:
    assert {f.stem for f in GOLDEN.glob("*.json")} == {f.stem for f in DOCUMENTS}


def test_graph_of_another_format_is_refused() -> None:
    value = json.loads((GOLDEN / "linear.json").read_text())
    with pytest.raises(ValueError, match="task graph format 99, expected"):
        TaskGraph.from_json({**value, "format": 99})


def test_unknown_task_is_a_key_error() -> None:
    graph = TaskGraph.from_json(json.loads((GOLDEN / "linear.json").read_text()))
    assert graph.task("middle").label == "Read it"
    with pytest.raises(KeyError):
        graph.task("nowhere")
