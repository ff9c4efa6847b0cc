"""Whole runs inside this process: what a step sees, what comes out, what happens when it fails."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from chronos_plugin.compiler.compile import CompiledDocument
from chronos_plugin.errors import CwlUnsupported, InputInvalid, StepFailed, StepFailedTemporarily
from chronos_plugin.execution import tasks
from chronos_plugin.execution.local import LocalRun
from chronos_plugin.execution.process import ToolProcesses
from chronos_plugin.execution.run import Options, Run
from chronos_plugin.execution.store import RunStore

Execute = Callable[..., Any]
EXPRESSION = "cwlVersion: v1.2\nclass: ExpressionTool\nrequirements: {InlineJavascriptRequirement: {}}\n"


@pytest.fixture
def execute(compile_text: Callable[..., CompiledDocument], tmp_path: Path) -> Execute:
    """Compile and run; return the output object."""

    def run(text: str, values: dict[str, Any] | None = None, **options: Any) -> Any:
        document = compile_text(text)
        chosen = Options(**{"container_engine": "none", "log_fd": 2, **options})
        local = LocalRun(Run(document, RunStore(tmp_path / "run"), chosen), parallel=2)
        return local.execute(values or {}, [], tmp_path / "out")

    return run


def path_of(file: dict[str, Any]) -> Path:
    """Return the path of a File or Directory object."""
    return Path(unquote(urlsplit(file["location"]).path))


def scatter(method: str) -> str:
    """Return a workflow that scatters over two arrays."""
    return f"""
cwlVersion: v1.2
class: Workflow
requirements: {{ScatterFeatureRequirement: {{}}, InlineJavascriptRequirement: {{}}}}
inputs: {{a: "string[]", b: "string[]"}}
outputs: {{r: {{type: Any, outputSource: join/r}}}}
steps:
  join:
    scatter: [a, b]
    scatterMethod: {method}
    in: {{a: a, b: b}}
    out: [r]
    run:
      class: ExpressionTool
      inputs: {{a: string, b: string}}
      outputs: {{r: string}}
      expression: "${{return {{r: inputs.a + inputs.b}};}}"
"""


@pytest.mark.parametrize(
    ("method", "a", "b", "result"),
    [
        ("dotproduct", ["1", "2"], ["x", "y"], ["1x", "2y"]),
        ("dotproduct", [], [], []),
        ("flat_crossproduct", ["1", "2"], ["x", "y"], ["1x", "1y", "2x", "2y"]),
        ("nested_crossproduct", ["1", "2"], ["x", "y"], [["1x", "1y"], ["2x", "2y"]]),
        ("nested_crossproduct", ["1", "2"], [], [[], []]),
    ],
)
def test_scatter_methods(execute: Execute, method: str, a: list[str], b: list[str], result: Any) -> None:
    assert execute(scatter(method), {"a": a, "b": b}) == {"r": result}


def test_dotproduct_of_unequal_arrays_says_which(execute: Execute) -> None:
    with pytest.raises(StepFailed, match="a: 1, b: 2"):
        execute(scatter("dotproduct"), {"a": ["1"], "b": ["x", "y"]})


def test_many_elements_run_in_batches(execute: Execute) -> None:
    values = [str(n) for n in range(7)]
    assert execute(scatter("dotproduct"), {"a": values, "b": values}, max_scatter_tasks=3) == {
        "r": [v + v for v in values]
    }


@pytest.mark.parametrize(
    ("pick", "left", "right", "result"),
    [
        ("first_non_null", True, True, "L"),
        ("first_non_null", False, True, "R"),
        ("the_only_non_null", False, True, "R"),
        ("all_non_null", True, True, ["L", "R"]),
        ("all_non_null", False, False, []),
    ],
)
def test_when_and_pick_value(execute: Execute, pick: str, left: bool, right: bool, result: Any) -> None:
    step = """
    when: $(inputs.go)
    in: {go: %s, v: {default: %s}}
    out: [r]
    run: {class: ExpressionTool, inputs: {v: string}, outputs: {r: string}, expression: "${return {r: inputs.v};}"}
"""
    text = (
        "cwlVersion: v1.2\nclass: Workflow\n"
        "requirements: {InlineJavascriptRequirement: {}, MultipleInputFeatureRequirement: {}}\n"
        f"inputs: {{l: boolean, r: boolean}}\n"
        f"outputs: {{r: {{type: Any, outputSource: [a/r, b/r], pickValue: {pick}}}}}\n"
        f"steps:\n  a:{step % ('l', 'L')}  b:{step % ('r', 'R')}"
    )
    assert execute(text, {"l": left, "r": right}) == {"r": result}


def test_files_defaults_secondary_files_and_initial_work_dir(execute: Execute, tmp_path: Path) -> None:
    (tmp_path / "bundle").mkdir(exist_ok=True)
    (tmp_path / "bundle" / "a.txt").write_text("A\n")
    (tmp_path / "bundle" / "a.txt.idx").write_text("index\n")
    outputs = execute(
        """
cwlVersion: v1.2
class: CommandLineTool
requirements:
  InitialWorkDirRequirement: {listing: [{entryname: go.sh, entry: 'cat $1 $1.idx > both.txt; mkdir d; cp $1 d/'}]}
inputs:
  f: {type: File, secondaryFiles: [.idx], default: {class: File, location: a.txt}, inputBinding: {}}
baseCommand: [sh, go.sh]
outputs:
  both: {type: File, outputBinding: {glob: both.txt}}
  folder: {type: Directory, outputBinding: {glob: d}}
  given: {type: File, outputBinding: {outputEval: $(inputs.f)}}
"""
    )
    assert path_of(outputs["both"]).read_text() == "A\nindex\n"
    assert (path_of(outputs["folder"]) / "a.txt").read_text() == "A\n"
    assert outputs["both"]["checksum"].startswith("sha1$")
    # An input that is passed through is copied: the user's file is not ours to share.
    assert path_of(outputs["given"]).stat().st_ino != (tmp_path / "bundle" / "a.txt").stat().st_ino


def test_exit_codes(execute: Execute) -> None:
    tool = (
        "cwlVersion: v1.2\nclass: CommandLineTool\nbaseCommand: [sh, -c, exit 9]\ninputs: []\noutputs: []\n"
    )
    with pytest.raises(StepFailed, match="exit code 9") as caught:
        execute(tool)
    assert caught.value.exit_code == 9
    with pytest.raises(StepFailedTemporarily):
        execute(tool + "temporaryFailCodes: [9]\n")
    assert execute(tool + "successCodes: [9]\n") == {}


def test_unsupported_missing_and_wrong(execute: Execute) -> None:
    with pytest.raises(CwlUnsupported):
        execute(
            "cwlVersion: v1.2\nclass: CommandLineTool\nrequirements: {DockerRequirement: {dockerPull: none}}\n"
            "baseCommand: 'true'\ninputs: []\noutputs: []\n"
        )
    with pytest.raises(InputInvalid, match="n"):
        execute(EXPRESSION + "inputs: {n: int}\noutputs: []\nexpression: '${return {};}'\n")
    with pytest.raises(InputInvalid, match="input 'f': /no/such/file is not there"):
        execute(
            "cwlVersion: v1.2\nclass: CommandLineTool\nbaseCommand: cat\ninputs: {f: {type: File, inputBinding: {}}}\n"
            "outputs: []\n",
            {"f": "/no/such/file"},
        )


def test_inputs_outside_the_roots_are_refused(execute: Execute, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s")
    tool = EXPRESSION + "inputs: {f: File}\noutputs: []\nexpression: '${return {};}'\n"
    with pytest.raises(InputInvalid, match="input_roots"):
        execute(tool, {"f": "/etc/hostname"}, input_roots=(tmp_path / "allowed",))


def test_time_limit_ends_the_whole_process_group(execute: Execute, tmp_path: Path) -> None:
    mark = tmp_path / "child"
    with pytest.raises(StepFailed, match="ToolTimeLimit"):
        execute(
            "cwlVersion: v1.2\nclass: CommandLineTool\nrequirements: {ToolTimeLimit: {timelimit: 1}}\n"
            f"baseCommand: [sh, -c, 'sleep 300 & echo $! > {mark}; wait']\ninputs: []\noutputs: []\n"
        )
    assert not _alive(int(mark.read_text()))


def test_cancel_ends_what_runs(compile_text: Callable[..., CompiledDocument], tmp_path: Path) -> None:
    mark = tmp_path / "child"
    document = compile_text(
        "cwlVersion: v1.2\nclass: CommandLineTool\n"
        f"baseCommand: [sh, -c, 'sleep 300 & echo $! > {mark}; wait']\ninputs: []\noutputs: []\n"
    )
    local = LocalRun(Run(document, RunStore(tmp_path / "run"), Options(container_engine="none")))
    caught: list[BaseException] = []

    def work() -> None:
        try:
            local.execute({}, [], tmp_path / "out")
        except StepFailed as error:
            caught.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    while not (mark.exists() and mark.read_text().strip()):
        time.sleep(0.02)
    local.cancel()
    thread.join(60)
    assert caught
    assert not _alive(int(mark.read_text()))


def test_result_that_changed_is_seen_by_what_follows(
    compile_text: Callable[..., CompiledDocument], tmp_path: Path
) -> None:
    """A cleared task runs again: its consumers must not see what was gathered before."""
    document = compile_text(scatter("dotproduct"))
    run = Run(document, RunStore(tmp_path / "run"), Options(container_engine="none"))
    LocalRun(run).execute({"a": ["1", "2"], "b": ["x", "y"]}, [], tmp_path / "out")
    key = (("join", 1),)
    result = run.store.read(key, "result.json")
    run.store.write(key, "result.json", {**result, "outputs": {"r": "new"}})
    assert tasks.close_run(Run(document, run.store, run.options), tmp_path / "out2") == {"r": ["1x", "new"]}


def test_usage_is_recorded(compile_text: Callable[..., CompiledDocument], tmp_path: Path) -> None:
    document = compile_text(
        "cwlVersion: v1.2\nclass: CommandLineTool\nbaseCommand: ['true']\ninputs: []\noutputs: []\n", "t.cwl"
    )
    run = Run(document, RunStore(tmp_path / "run"), Options(container_engine="none"))
    tasks.open_run(run, {}, [])
    result = tasks.run_step(run, (("t", None),), ToolProcesses())
    assert result["exit_code"] == 0
    assert result["usage"]["max_rss_bytes"] > 0
    assert result["command"] == ["true"]


def _alive(pid: int) -> bool:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return False
        if state == "Z":
            return False
        time.sleep(0.05)
    os.kill(pid, 9)
    return True
