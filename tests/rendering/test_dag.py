"""Task graphs as DAGs, and the importer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from chronos_plugin.compiler.compile import CompiledDocument
from chronos_plugin.options import OPTIONS
from chronos_plugin.rendering.dag import render
from chronos_plugin.rendering.importer import CwlDagImporter
from chronos_plugin.rendering.manager import extend_listing
from chronos_plugin.settings import from_mapping

CHECKOUT = Path(__file__).resolve().parents[2]
SETTINGS = from_mapping({n: o["default"] for n, o in OPTIONS.items()}, home=Path("/nowhere"))


def test_all_example_dags_import() -> None:
    importer = CwlDagImporter()
    bundle = CHECKOUT / "dags"
    names = set()
    for file in importer.list_dag_files(bundle):
        result = importer.import_file(file, bundle_path=bundle)
        assert not result.errors, result.errors[0].stacktrace
        dag = result.dags[0]
        assert dag.fileloc == file
        assert dag.relative_fileloc == str(Path(file).relative_to(bundle))
        names.add(dag.dag_id)
    assert {"swot_coverage", "examples.hello", "examples.scatter"} <= names
    assert not any("tools" in name or name.startswith("swot.") for name in names)


def test_groups_and_edges(compile_text: Callable[..., CompiledDocument]) -> None:
    text = (CHECKOUT / "tests" / "e2e" / "data" / "greetings.cwl").read_text()
    dag = render(compile_text(text), dag_id="greetings", settings=SETTINGS)
    assert dag.get_task("each.shout").upstream_task_ids == {"each.say"}
    assert dag.get_task("each.say").trigger_rule == "none_failed"
    assert dag.get_task("both.pair").is_mapped
    assert dag.get_task("chronos.outputs").upstream_task_ids == {"each.shout", "both.pair"}
    assert dag.task_group.get_task_group_dict()["each"].group_display_name == "each"
    assert dag.params["names"] == ["ann", "bob", "eve"]


@pytest.mark.parametrize(
    "task", ["chronos.inputs", "each.scatter", "each.say", "both.pair", "chronos.outputs"]
)
def test_one_task_alone_is_the_same_task(compile_text: Callable[..., CompiledDocument], task: str) -> None:
    text = (CHECKOUT / "tests" / "e2e" / "data" / "greetings.cwl").read_text()
    document = compile_text(text)
    whole = render(document, dag_id="greetings", settings=SETTINGS)
    alone = render(document, dag_id="greetings", settings=SETTINGS, only=task)
    assert len(alone.task_ids) < len(whole.task_ids)
    assert type(alone.get_task(task)) is type(whole.get_task(task))
    # Airflow records how long a list is only where it sees a consumer that maps over it.
    assert bool(list(alone.get_task(task).iter_mapped_dependants())) == bool(
        list(whole.get_task(task).iter_mapped_dependants())
    )


def test_tasks_do_not_repeat_the_form_and_are_given_it(compile_text: Callable[..., CompiledDocument]) -> None:
    from airflow.sdk.definitions.param import process_params
    from airflow.serialization.serialized_objects import DagSerialization

    text = (CHECKOUT / "tests" / "e2e" / "data" / "greetings.cwl").read_text()
    dag = render(compile_text(text), dag_id="greetings", settings=SETTINGS)
    stored = DagSerialization.to_dict(dag)["dag"]
    assert [name for name, _ in stored["params"]] == list(dag.params)
    assert len(dag.params) > 0
    for task in stored["tasks"]:
        inner = task["__var"]
        assert not inner.get("params")
        assert not inner.get("partial_kwargs", {}).get("params")
    for task in dag.tasks:
        given = process_params(dag, task, {"names": ["zoe"]}, suppress_exception=False)
        assert given == {**dag.params.dump(), "names": ["zoe"]}


def test_retries_and_timeouts(compile_text: Callable[..., CompiledDocument]) -> None:
    text = (CHECKOUT / "dags" / "examples" / "retries_and_limits.cwl").read_text()
    dag = render(compile_text(text), dag_id="limits", settings=SETTINGS)
    task = dag.get_task("work")
    # Beside the two that the document wishes for a tool that fails, those for what is lost.
    assert (task.tool_retries, task.retries) == (2, 2 + SETTINGS.lost_retries)
    assert dag.get_task("chronos.inputs").retries == SETTINGS.lost_retries
    assert task.retry_delay.total_seconds() == 30
    assert task.execution_timeout is not None


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (None, None),
        ("bindings: [{target: local}]\n", None),
        ("targets: {local: {kind: container}}\n", None),
        ("targets: {hpc: {kind: local}}\n", ["hpc", "local", "worker"]),
        ("targets: {hpc: {}}\n", None),
    ],
    ids=["no file", "no targets", "built-in ones", "a cluster", "a mistake"],
)
def test_form_asks_for_a_target_where_there_is_a_choice(
    compile_text: Callable[..., CompiledDocument], tmp_path: Path, text: str | None, names: list[str] | None
) -> None:
    settings = replace(SETTINGS, targets_file=tmp_path / "targets.yaml")
    if text is not None:
        settings.targets_file.write_text(text)
    document = compile_text((CHECKOUT / "dags" / "examples" / "hello.cwl").read_text())
    dag = render(document, dag_id="hello", settings=settings)
    assert ("chronos:target" in dag.params) == (names is not None)
    if names is not None:
        field = dag.params.get_param("chronos:target")
        assert field.schema["examples"] == names
        for value in (None, "hpc", {"greet": "hpc"}):
            assert field.resolve(value) == value
        # A task's process does without.
        assert (
            "chronos:target"
            not in render(document, dag_id="h", settings=settings, only="chronos.inputs").params
        )


def test_broken_file_is_one_error_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "bad.cwl").write_text(
        "cwlVersion: v1.2\nclass: Workflow\ninputs: {a: sting}\noutputs: []\nsteps: []\n"
    )
    result = CwlDagImporter().import_file(tmp_path / "bad.cwl", bundle_path=tmp_path)
    assert not result.dags
    assert len(result.errors) == 1
    assert "line 3" in str(result.errors[0].stacktrace)
    assert "string" in str(result.errors[0].stacktrace)


def test_the_processor_lists_cwl_files_once(tmp_path: Path) -> None:
    from airflow.dag_processing.manager import DagFileProcessorManager

    extend_listing()
    extended = DagFileProcessorManager._find_files_in_bundle
    extend_listing()
    assert DagFileProcessorManager._find_files_in_bundle is extended
