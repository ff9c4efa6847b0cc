"""The operator that runs a whole document in one task, and the examples of operators."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from airflow.sdk.exceptions import AirflowFailException

from chronos_plugin.errors import StepFailed
from chronos_plugin.operators.workflow import CwlWorkflowOperator

DOCUMENT = """\
cwlVersion: v1.2
class: Workflow
requirements: {ScatterFeatureRequirement: {}}
inputs: {files: "File[]", code: {type: int, default: 0}}
outputs: {all: {type: File, outputSource: join/out}}
steps:
  turn:
    scatter: file
    in: {file: files, code: code}
    out: [out]
    run:
      class: CommandLineTool
      baseCommand: [sh, -c, 'tac "$0"; exit "$1"']
      inputs:
        file: {type: File, inputBinding: {position: 1}}
        code: {type: int, inputBinding: {position: 2}}
      outputs: {out: stdout}
  join:
    in: {files: turn/out}
    out: [out]
    run:
      class: CommandLineTool
      baseCommand: cat
      inputs: {files: {type: "File[]", inputBinding: {}}}
      outputs: {out: stdout}
"""
FILES = [{"class": "File", "path": name} for name in ("a.txt", "b.txt")]


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    for name in ("work", "output", "cache"):
        monkeypatch.setenv(f"AIRFLOW__CHRONOS__{name.upper()}_ROOT", str(tmp_path / name))
    monkeypatch.setenv("AIRFLOW__CHRONOS__TARGETS_FILE", str(tmp_path / "targets.yaml"))
    (tmp_path / "flow.cwl").write_text(DOCUMENT)
    for name in ("a", "b"):
        (tmp_path / f"{name}.txt").write_text(f"{name}1\n{name}2\n")
    return {"ti": SimpleNamespace(dag_id="dag", run_id="run", task_id="whole", map_index=-1)}


@pytest.mark.parametrize("target", [None, {"turn": "local"}])
def test_outputs_are_published(tmp_path: Path, context: dict[str, Any], target: Any) -> None:
    operator = CwlWorkflowOperator(
        task_id="whole",
        cwl=str(tmp_path / "flow.cwl"),
        inputs={"files": FILES},
        target=target,
        parallel=2,
    )
    outputs = operator.execute(context)  # type: ignore[arg-type]
    path = Path(unquote(urlsplit(outputs["all"]["location"]).path))
    assert path.read_text() == "a2\na1\nb2\nb1\n"
    assert path.is_relative_to(tmp_path / "output" / "dag" / "run" / "whole")
    assert not list((tmp_path / "work").rglob("try-*"))


def test_what_fails_and_what_no_retry_mends(tmp_path: Path, context: dict[str, Any]) -> None:
    def run(**arguments: Any) -> Any:
        made = CwlWorkflowOperator(task_id="whole", **{"cwl": str(tmp_path / "flow.cwl"), **arguments})
        return made.execute(context)  # type: ignore[arg-type]

    with pytest.raises(StepFailed, match="exit code 3"):
        run(inputs={"files": FILES, "code": 3})
    for wrong, words in (
        ({"inputs": {"files": "a.txt"}}, "files"),
        ({"cwl": "/no/such.cwl"}, "no such document"),
        ({"inputs": {"files": FILES}, "target": "moon"}, "no target 'moon'"),
    ):
        with pytest.raises(AirflowFailException, match=words):
            run(**wrong)
