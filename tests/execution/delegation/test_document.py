"""The document that Toil is given for a step."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from chronos_plugin.errors import CwlInvalid
from chronos_plugin.execution.delegation.document import process_document

OUTER = """\
cwlVersion: v1.2
class: Workflow
requirements:
  SubworkflowFeatureRequirement: {}
  EnvVarRequirement: {envDef: {A: outer}}
inputs: {words: "string[]"}
outputs: {o: {type: File, outputSource: inner/o}}
steps:
  inner:
    in: {words: words}
    out: [o]
    run:
      class: Workflow
      inputs: {words: "string[]"}
      outputs: {o: {type: File, outputSource: echo/o}}
      steps:
        echo:
          in: {words: words}
          out: [o]
          run: {class: CommandLineTool, baseCommand: echo, inputs: {words: "string[]"}, outputs: {o: stdout}}
  named: {in: {}, out: [], run: tool.cwl}
"""


@pytest.fixture
def document(tmp_path: Path) -> Path:
    (tmp_path / "tool.cwl").write_text(
        "{cwlVersion: v1.2, class: CommandLineTool, baseCommand: 'true', inputs: [], outputs: []}"
    )
    file = tmp_path / "a #%41.cwl"
    file.write_text(OUTER)
    return file


def test_the_whole_document_is_given_as_it_is(document: Path, tmp_path: Path) -> None:
    assert process_document(document, (), None, tmp_path) == document.as_uri()
    assert process_document(document, (), "main", tmp_path) == document.as_uri() + "#main"
    assert not (tmp_path / "process.cwl").exists()


def test_a_subworkflow_stands_alone_with_what_is_in_force_around_it(document: Path, tmp_path: Path) -> None:
    uri = process_document(document, ("inner",), None, tmp_path)
    assert uri == (tmp_path / "process.cwl").as_uri()
    value = json.loads((tmp_path / "process.cwl").read_text())
    assert (value["class"], value["cwlVersion"], value["id"]) == ("Workflow", "v1.2", "inner")
    assert {r["class"] for r in value["requirements"]} == {
        "SubworkflowFeatureRequirement",
        "EnvVarRequirement",
    }
    assert [step["run"]["id"] for step in value["steps"]] == ["echo"]


def test_it_is_valid_for_the_reference_runner(document: Path, tmp_path: Path) -> None:
    from chronos_plugin.cwl import library

    uri = process_document(document, ("inner",), None, tmp_path)
    library.prepare()
    from cwltool.context import LoadingContext
    from cwltool.load_tool import load_tool

    loaded = load_tool(uri, LoadingContext({"disable_js_validation": True}))
    assert [p["name"] for p in loaded.inputs_record_schema["fields"]] == ["words"]


def test_a_tool_of_a_nested_step(document: Path, tmp_path: Path) -> None:
    process_document(document, ("inner", "echo"), None, tmp_path)
    assert json.loads((tmp_path / "process.cwl").read_text())["class"] == "CommandLineTool"


def test_a_step_that_is_not_there(document: Path, tmp_path: Path) -> None:
    with pytest.raises(CwlInvalid, match="inner/nothing"):
        process_document(document, ("inner", "nothing"), None, tmp_path)


def test_processes_in_other_files_keep_their_version(document: Path, tmp_path: Path) -> None:
    (tmp_path / "old.cwl").write_text(
        "{cwlVersion: v1.0, class: CommandLineTool, baseCommand: 'true', inputs: [], outputs: []}"
    )
    (tmp_path / "middle.cwl").write_text(
        "{cwlVersion: v1.2, class: Workflow, inputs: [], outputs: [], "
        "steps: [{id: s, in: [], out: [], run: old.cwl}]}"
    )
    document.write_text(OUTER.replace("tool.cwl", "middle.cwl"))
    process_document(document, ("named",), None, tmp_path)
    value = json.loads((tmp_path / "process.cwl").read_text())
    assert value["steps"][0]["run"] == (tmp_path / "old.cwl").as_uri()
    process_document(document, ("named", "s"), None, tmp_path)
    assert json.loads((tmp_path / "process.cwl").read_text())["cwlVersion"] == "v1.0"
