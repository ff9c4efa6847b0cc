"""Each operator by itself: what it takes from Airflow's context, returns, raises, and leaves on disk."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from chronos_plugin import settings
from chronos_plugin.compiler.compile import CompiledDocument
from chronos_plugin.errors import StepFailed
from chronos_plugin.execution.store import run_folder
from chronos_plugin.operators.cwl import resolve_reference, small
from chronos_plugin.rendering.dag import render

CHAIN = """\
cwlVersion: v1.2
class: Workflow
requirements: {ScatterFeatureRequirement: {}, InlineJavascriptRequirement: {}}
inputs: {words: "string[]", code: {type: int, default: 0}}
outputs: {said: {type: "File[]", outputSource: say/said}}
steps:
  say:
    scatter: word
    when: $(inputs.word != "")
    in: {word: words, code: code}
    out: [said]
    run: say.cwl
"""
SAY = """\
cwlVersion: v1.2
class: CommandLineTool
baseCommand: [sh, -c, 'echo "$1"; exit $2', say]
inputs: {word: {type: string, inputBinding: {position: 1}}, code: {type: int, inputBinding: {position: 2}}}
outputs: {said: stdout}
stdout: said.txt
"""


class Tasks:
    """The tasks of one DAG, run one by one as a worker runs them."""

    def __init__(self, document: CompiledDocument, values: dict[str, Any], **conf: Any) -> None:
        self.dag = render(document, dag_id="chain", settings=settings.load())
        self.values, self.conf = values, conf
        self.folder = run_folder(settings.load().work_root, "chain", "run")

    def run(self, task_id: str, map_index: int = -1, max_tries: int = 0) -> Any:
        task = self.dag.get_task(task_id)
        if task.is_mapped:
            task = task.unmap(dict(task.partial_kwargs, element=0))
        instance = SimpleNamespace(
            dag_id="chain", run_id="run", map_index=map_index, try_number=1, max_tries=max_tries
        )
        context = {"ti": instance, "params": self.values, "dag_run": SimpleNamespace(conf=self.conf)}
        return task.execute(context)

    def error(self) -> dict[str, Any]:
        return dict(json.loads((self.folder / "error.json").read_text()))


@pytest.fixture(autouse=True)
def roots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("work", "output", "cache"):
        monkeypatch.setenv(f"AIRFLOW__CHRONOS__{name.upper()}_ROOT", str(tmp_path / name))


@pytest.fixture
def chain(compile_text: Callable[..., CompiledDocument]) -> Callable[..., Tasks]:
    document = compile_text(CHAIN, files={"say.cwl": SAY})
    return lambda conf=None, **values: Tasks(document, values, **(conf or {}))


def read(file: dict[str, Any]) -> str:
    return Path(unquote(urlsplit(file["location"]).path)).read_text()


def test_the_tasks_of_a_run(chain: Callable[..., Tasks]) -> None:
    tasks = chain(words=["one", "", "two"], code=None)
    assert tasks.run("chronos.inputs") == {"words": ["one", "", "two"], "code": 0}
    assert tasks.run("say.scatter") == [0, 0]
    assert read(tasks.run("say", 0)["said"]) == "one\n"
    assert read(tasks.run("say", 1)["said"]) == "two\n"
    outputs = tasks.run("chronos.outputs")
    assert [f and read(f) for f in outputs["said"]] == ["one\n", None, "two\n"]
    assert not (tasks.folder / "work").exists()
    # A worker that died when it had cleaned up: the next try finds that all is done.
    assert tasks.run("chronos.outputs") == outputs


def test_work_directories_stay_if_asked(chain: Callable[..., Tasks], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CHRONOS__KEEP_WORK", "all")
    tasks = chain(words=["one"])
    for task_id, index in (("chronos.inputs", -1), ("say.scatter", -1), ("say", 0), ("chronos.outputs", -1)):
        tasks.run(task_id, index)
    assert (tasks.folder / "work" / "say@0" / "try-1").is_dir()
    # A single step can be cleared then.
    assert read(tasks.run("say", 0, max_tries=1)["said"]) == "one\n"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"words": "one"}, "words"),
        ({"words": [1]}, "words"),
        ({}, "words"),
        ({"words": ["a"], "code": "x"}, "code"),
    ],
)
def test_wrong_inputs_are_not_retried(
    chain: Callable[..., Tasks], values: dict[str, Any], message: str
) -> None:
    tasks = chain(**values)
    with pytest.raises(AirflowFailException, match=message):
        tasks.run("chronos.inputs")
    assert tasks.error()["kind"] == "InputInvalid"
    assert tasks.error()["task"] == "chronos.inputs"


def test_null_means_the_default(chain: Callable[..., Tasks]) -> None:
    tasks = chain({"code": None}, words=["a"], code=None)
    assert tasks.run("chronos.inputs") == {"words": ["a"], "code": 0}


def test_a_failed_tool_may_be_retried(chain: Callable[..., Tasks]) -> None:
    tasks = chain(words=["one"], code=3)
    tasks.run("chronos.inputs")
    tasks.run("say.scatter")
    with pytest.raises((StepFailed, AirflowFailException), match="exit code 3"):
        tasks.run("say", 0)
    assert tasks.error() == {
        "kind": "StepFailed",
        "task": "say",
        "message": "the tool ended with exit code 3",
    }


def test_what_is_not_supported_is_not_retried(
    compile_text: Callable[..., CompiledDocument], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__CHRONOS__CONTAINER_ENGINE", "none")
    tool = SAY.replace("baseCommand", "requirements: {DockerRequirement: {dockerPull: debian}}\nbaseCommand")
    tasks = Tasks(compile_text(tool, "say.cwl"), {"word": "a", "code": 0})
    tasks.run("chronos.inputs")
    with pytest.raises(AirflowFailException, match="DockerRequirement"):
        tasks.run("say")
    assert tasks.error()["kind"] == "unsupported CWL"


def test_a_step_whose_condition_is_false_is_skipped(compile_text: Callable[..., CompiledDocument]) -> None:
    text = (
        CHAIN.replace("    scatter: word\n", "")
        .replace('"string[]"', "string")
        .replace('"File[]"', '"File?"')
    )
    tasks = Tasks(compile_text(text, files={"say.cwl": SAY}), {"words": "", "code": 0})
    tasks.run("chronos.inputs")
    with pytest.raises(AirflowSkipException):
        tasks.run("say")
    assert tasks.run("chronos.outputs") == {"said": None}


def test_large_values_are_references(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AIRFLOW__CHRONOS__XCOM_MAX_BYTES", "20")
    file = tmp_path / "value.json"
    file.write_text(json.dumps({"a": "b" * 20}))
    assert small({"a": "ß"}, file) == {"a": "ß"}
    reference = small({"a": "b" * 20}, file)
    assert reference == {"chronos:file": str(file), "chronos:bytes": 29}
    assert resolve_reference(reference) == {"a": "b" * 20}
    assert resolve_reference([1]) == [1]


def test_a_tool_without_outputs_has_nothing_to_show(compile_text: Callable[..., CompiledDocument]) -> None:
    tool = "{class: CommandLineTool, baseCommand: 'true', inputs: [], outputs: []}"
    document = compile_text(
        f"cwlVersion: v1.2\nclass: Workflow\ninputs: []\noutputs: []\nsteps:\n  only:\n    in: []\n    out: []\n    run: {tool}\n"
    )
    tasks = Tasks(document, {})
    tasks.run("chronos.inputs")
    # No XCom is made of it.
    assert tasks.run("only") is None
