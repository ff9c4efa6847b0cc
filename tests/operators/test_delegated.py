"""A subworkflow that a rule gives to Toil, run by the tasks of its DAG; Toil runs for real, on this machine."""

from __future__ import annotations

import datetime
import json
import uuid
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from chronos_plugin import settings
from chronos_plugin.compiler.compile import CompiledDocument
from chronos_plugin.errors import StepFailed
from chronos_plugin.execution import context as contexts
from chronos_plugin.execution.store import RunStore, run_folder
from chronos_plugin.operators.delegated import CwlDelegatedOperator
from chronos_plugin.rendering.dag import render

DOCUMENT = """\
cwlVersion: v1.2
class: Workflow
requirements: {SubworkflowFeatureRequirement: {}, ScatterFeatureRequirement: {}}
inputs: {words: "string[]", flag: string}
outputs: {all: {type: File, outputSource: after/out}}
steps:
  sub:
    in: {words: words, flag: flag}
    out: [total]
    run:
      class: Workflow
      inputs: {words: "string[]", flag: string}
      outputs: {total: {type: File, outputSource: join/out}}
      steps:
        say:
          scatter: word
          in: {word: words}
          out: [out]
          run:
            class: CommandLineTool
            baseCommand: [sh, -c, 'echo "$0"; echo "saying $0" >&2']
            inputs: {word: {type: string, inputBinding: {}}}
            outputs: {out: stdout}
        join:
          in: {flag: flag, files: say/out}
          out: [out]
          run:
            class: CommandLineTool
            baseCommand: [sh, -c, 'cat "$1" "$2"; echo "looking for $0" >&2; test -e "$0"']
            inputs:
              flag: {type: string, inputBinding: {position: 1}}
              files: {type: "File[]", inputBinding: {position: 2}}
            outputs: {out: stdout}
  after:
    in: {file: sub/total}
    out: [out]
    run:
      class: CommandLineTool
      baseCommand: [tac]
      inputs: {file: {type: File, inputBinding: {}}}
      outputs: {out: stdout}
"""
TARGETS = """\
targets:
  whole: {kind: toil, container_engine: none, options: {system: single_machine, poll_interval: 1}}
bindings:
  - {RULEtarget: whole, delegate: true}
"""
NOW = datetime.datetime(2026, 11, 25, tzinfo=datetime.UTC)


class Tasks:
    """The tasks of the DAG, run one by one."""

    def __init__(self, document: CompiledDocument, values: dict[str, Any]) -> None:
        self.dag = render(document, dag_id="flow", settings=settings.load())
        self.values, self.ids = values, {name: uuid.uuid4() for name in self.dag.task_dict}
        self.store = RunStore(run_folder(settings.load().work_root, "flow", "run"))

    def run(self, task_id: str, try_number: int = 1, max_tries: int = 0) -> Any:
        instance = SimpleNamespace(
            id=self.ids[task_id],
            dag_id="flow",
            run_id="run",
            task_id=task_id,
            map_index=-1,
            try_number=try_number,
            max_tries=max_tries,
            start_date=NOW,
        )
        run = SimpleNamespace(conf={}, dag_id="flow", run_id="run", run_after=NOW, start_date=NOW)
        return self.dag.get_task(task_id).execute({"ti": instance, "params": self.values, "dag_run": run})


@pytest.fixture
def tasks(
    compile_text: Callable[..., CompiledDocument], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Tasks]:
    for name in ("work", "output", "cache", "spool"):
        monkeypatch.setenv(f"AIRFLOW__CHRONOS__{name.upper()}_ROOT", str(tmp_path / name))
    monkeypatch.setenv("AIRFLOW__CHRONOS__TARGETS_FILE", str(tmp_path / "targets.yaml"))
    document = compile_text(DOCUMENT)
    values = {"words": ["one", "two"], "flag": str(tmp_path / "flag")}

    def make(rule: str) -> Tasks:
        (tmp_path / "targets.yaml").write_text(TARGETS.replace("RULE", rule))
        return Tasks(document, values)

    return make


def told(tmp_path: Path) -> list[dict[str, Any]]:
    """Return what the history was told."""
    files = sorted((tmp_path / "spool").rglob("*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def text(file: dict[str, Any]) -> str:
    return Path(unquote(urlsplit(file["location"]).path)).read_text()


@pytest.mark.slow
def test_delegated_subworkflow_fails_resumes_and_feeds_what_follows(
    tasks: Callable[[str], Tasks], tmp_path: Path
) -> None:
    flow = tasks("step: sub, ")
    assert set(flow.dag.task_dict) == {"chronos.inputs", "sub", "after", "chronos.outputs"}
    assert isinstance(flow.dag.get_task("sub"), CwlDelegatedOperator)
    flow.run("chronos.inputs")
    with pytest.raises(StepFailed, match="join"):
        flow.run("sub")
    (tmp_path / "flag").touch()
    outputs = flow.run("sub", try_number=2)
    assert text(outputs["total"]) == "one\ntwo\n"
    (folder,) = flow.store.work((("sub", None),)).iterdir()
    # The second start has run what had not succeeded, and nothing else.
    assert "chain.0.say" not in (folder / "messages-2").read_text()
    assert "say" not in "".join(
        line for line in (folder / "messages-2").read_text().splitlines() if "Issued" in line
    )
    # A try that comes after its end finds the result.
    assert flow.run("sub", try_number=3) == outputs
    assert text(flow.run("after")["out"]) == "two\none\n"
    (kept,) = contexts.of(flow.store, (("sub", None),)).values()
    assert (kept["target"], kept["state"], kept["airflow_try"]) == ("whole", "success", 2)
    assert "delegated as one piece: rule at" in kept["why"]
    inner = {
        (one["job"]["step"], one.get("element", "")): one
        for one in told(tmp_path)
        if one["job"]["name"].startswith("flow.sub.")
    }
    assert {key: one["state"] for key, one in inner.items()} == {
        ("sub/say", "0"): "COMPLETE",
        ("sub/say", "1"): "COMPLETE",
        ("sub/join/join", ""): "COMPLETE",
    }
    assert any("saying one" in line for line in inner["sub/say", "0"]["facets"]["context"]["last_lines"])
    assert text(flow.run("chronos.outputs")["all"]) == "two\none\n"


@pytest.mark.slow
def test_delegated_whole_workflow(tasks: Callable[[str], Tasks], tmp_path: Path) -> None:
    (tmp_path / "flag").touch()
    flow = tasks("")
    assert set(flow.dag.task_dict) == {"chronos.inputs", "chronos.workflow", "chronos.outputs"}
    flow.run("chronos.inputs")
    flow.run("chronos.workflow")
    assert text(flow.run("chronos.outputs")["all"]) == "two\none\n"
