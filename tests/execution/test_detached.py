"""Executions by a target give what the same executions in this process give."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from chronos_plugin.compiler.compile import CompiledDocument
from chronos_plugin.errors import (
    ChronosError,
    CwlUnsupported,
    StepCancelled,
    StepFailed,
    StepFailedTemporarily,
    StepLost,
)
from chronos_plugin.execution import context, tasks
from chronos_plugin.execution.bindings.decision import Placement
from chronos_plugin.execution.bindings.document import TargetSetting
from chronos_plugin.execution.local import LocalRun
from chronos_plugin.execution.placing import Placing
from chronos_plugin.execution.run import Options, Run
from chronos_plugin.execution.store import Key, RunStore
from chronos_plugin.execution.targets.base import JobState, JobStatus
from chronos_plugin.execution.targets.folder import JobFolder
from tests.execution.targets.scripted import write_exit

TARGETS = """\
targets:
  local: {kind: local, poll_interval: 0.1, options: {caps: none}}
bindings:
  - target: local
"""
HEAD = "cwlVersion: v1.2\nclass: CommandLineTool\n"
JS = "  InlineJavascriptRequirement: {}\n"
EXECUTION: Key = (("document", None),)


def tool(*lines: str) -> str:
    return HEAD + "\n".join(lines) + "\n"


DOCUMENTS: dict[str, tuple[str, dict[str, Any]]] = {
    "redirections": (
        tool(
            "baseCommand: [sh, -c, 'cat; echo cried >&2; pwd | grep -c . >count']",
            "inputs: {text: File}",
            "stdin: $(inputs.text.path)",
            "stdout: said $(inputs.text.basename)",
            "stderr: 'cried: it''s.txt'",
            "outputs: {said: stdout, cried: stderr, count: {type: File, outputBinding: {glob: count}}}",
        ),
        {"text": "given.txt"},
    ),
    "initial-work-dir": (
        tool(
            "requirements:",
            JS.rstrip(),
            "  InitialWorkDirRequirement:",
            "    listing:",
            "      - entryname: 'script $(inputs.n).sh'",
            '        entry: "echo made $(inputs.n); cat copy.txt; echo more >> copy.txt"',
            "      - {entry: $(inputs.text), entryname: copy.txt, writable: true}",
            "      - $(inputs.text)",
            "baseCommand: sh",
            "arguments: ['script $(inputs.n).sh']",
            "inputs: {text: File, n: int}",
            "stdout: out",
            "outputs: {said: stdout, all: {type: 'File[]', outputBinding: {glob: '*'}}}",
        ),
        {"text": "given.txt", "n": 3},
    ),
    "secondary-files": (
        tool(
            "baseCommand: [sh, -c, 'cat $0 $0.idx; cp $0 $0.idx .']",
            "inputs: {file: {type: File, secondaryFiles: [.idx], inputBinding: {}}}",
            "outputs:",
            "  said: stdout",
            "  copied: {type: File, secondaryFiles: [.idx], outputBinding: {glob: given.txt}}",
        ),
        {"file": "given.txt"},
    ),
    "environment": (
        tool(
            "requirements:",
            JS.rstrip(),
            '  EnvVarRequirement: {envDef: {GREETING: "it\'s $(inputs.text.basename) \\n \\\\ $HOME \\""}}',
            'baseCommand: [sh, -c, \'printf %s "$GREETING"; [ "$HOME" = "$PWD" ] && echo home\']',
            "inputs: {text: File}",
            "outputs: {said: stdout}",
        ),
        {"text": "given.txt"},
    ),
    "shell": (
        tool(
            "requirements: {ShellCommandRequirement: {}}",
            "arguments: [echo, a, {valueFrom: '| tr a b > shell.txt', shellQuote: false}]",
            "inputs: []",
            "outputs: {said: {type: File, outputBinding: {glob: shell.txt}}}",
        ),
        {},
    ),
    "output-object": (
        tool(
            "baseCommand: [sh, -c, 'echo x >a.txt; cat >cwl.output.json']",
            "inputs: {spec: File}",
            "stdin: $(inputs.spec.path)",
            "outputs: {file: File, n: int}",
        ),
        {"spec": "output.json"},
    ),
    "output-eval": (
        tool(
            f"requirements:\n{JS.rstrip()}\n  ResourceRequirement: {{coresMin: 1, ramMin: $(inputs.n * 128)}}",
            "baseCommand: [sh, -c, 'echo 42; exit 3']",
            "successCodes: [3]",
            "stdout: n.txt",
            "inputs: {n: int}",
            "outputs:",
            "  n: {type: int, outputBinding: {glob: n.txt, loadContents: true,"
            " outputEval: '$(parseInt(self[0].contents) + runtime.exitCode)'}}",
            "  ram: {type: float, outputBinding: {outputEval: $(runtime.ram)}}",
        ),
        {"n": 2},
    ),
    "directories": (
        tool(
            "baseCommand: [sh, -c, 'mkdir -p made/deep; cp $0/* made/deep; ln -s made/deep/given.txt link']",
            "inputs: {folder: {type: Directory, inputBinding: {}}}",
            "outputs:",
            "  made: {type: Directory, outputBinding: {glob: made}}",
            "  link: {type: File, outputBinding: {glob: link}}",
        ),
        {"folder": {"class": "Directory", "location": "folder"}},
    ),
    "optional-output": (
        tool(
            "baseCommand: 'true'",
            "inputs: []",
            "outputs: {none: {type: 'File?', outputBinding: {glob: no}}, some: {type: 'File[]', outputBinding: {glob: '*.x'}}}",
        ),
        {},
    ),
    "workflow": (
        """\
cwlVersion: v1.2
class: Workflow
requirements: {ScatterFeatureRequirement: {}, InlineJavascriptRequirement: {}, StepInputExpressionRequirement: {}}
inputs: {words: "string[]"}
outputs: {all: {type: File, outputSource: join/all}, picked: {type: Any, outputSource: each/said}}
steps:
  each:
    scatter: word
    when: $(inputs.word != 'skip')
    in: {word: words}
    out: [said]
    run:
      class: CommandLineTool
      baseCommand: echo
      inputs: {word: {type: string, inputBinding: {}}}
      stdout: $(inputs.word).txt
      outputs: {said: stdout}
  keep:
    in: {files: each/said}
    out: [kept]
    run:
      class: ExpressionTool
      inputs: {files: Any}
      outputs: {kept: "File[]"}
      expression: "$({kept: inputs.files.filter(function(f) {return f !== null;})})"
  join:
    in: {files: keep/kept}
    out: [all]
    run:
      class: CommandLineTool
      baseCommand: cat
      inputs: {files: {type: "File[]", inputBinding: {}}}
      outputs: {all: stdout}
      stdout: all.txt
""",
        {"words": ["a", "skip", "b c"]},
    ),
}

Both = Callable[..., tuple[Any, Any, Run]]


@pytest.fixture
def both(compile_text: Callable[..., CompiledDocument], tmp_path: Path) -> Both:
    """Run a document in this process and on a target; return what came out of each, and the second run."""
    folder = tmp_path / "bundle"
    (folder / "folder").mkdir(parents=True)
    for name in ("given.txt", "given.txt.idx", "folder/given.txt"):
        (folder / name).write_text(f"content of {name}\n")
    (folder / "output.json").write_text(json.dumps({"n": 7, "file": {"class": "File", "path": "a.txt"}}))
    (tmp_path / "targets.yaml").write_text(TARGETS)

    def go(text: str, values: Mapping[str, Any], **options: Any) -> tuple[Any, Any, Run]:
        document = compile_text(text)
        given = {k: str(folder / v) if (folder / str(v)).is_file() else v for k, v in values.items()}
        for value in given.values():
            if isinstance(value, dict):
                value = value.update(location=(folder / "folder").as_uri())
        ended, last = [], None
        for where in (None, Placing(tmp_path / "targets.yaml", "dag")):
            name = "there" if where else "here"
            last = Run(
                document, RunStore(tmp_path / name), Options(**{"container_engine": "none", **options})
            )
            try:
                outputs: Any = LocalRun(last, parallel=4, placing=where).execute(
                    given, [], tmp_path / f"out-{name}"
                )
            except ChronosError as error:
                outputs = error
            ended.append(outputs)
        assert last is not None
        return ended[0], ended[1], last

    return go


def same(value: Any) -> Any:
    """Return outputs without what differs from run to run."""
    text = json.dumps(value, sort_keys=True)
    return json.loads(re.sub(r"/out-(here|there)/", "/out/", text))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_outputs_are_the_same(both: Both, name: str) -> None:
    here, there, run = both(*DOCUMENTS[name])
    assert not isinstance(here, ChronosError), here
    assert same(there) == same(here)
    assert "sha1$" in json.dumps(there) or name in ("output-eval", "optional-output")
    jobs = list((run.store.root / "work").rglob("job.json"))
    assert len(jobs) == (3 if name == "workflow" else 1)
    for job in jobs:
        folder = JobFolder(job.parent)
        assert (folder.outcome() or {})["outcome"] == "success"
        assert not folder.open


@pytest.mark.parametrize(
    ("lines", "kind", "message"),
    [
        (["baseCommand: 'false'"], StepFailed, "ended with exit code 1"),
        (["baseCommand: /no/such"], StepFailed, "exit code 127|messages above say why"),
        (["baseCommand: [sh, -c, exit 5]", "temporaryFailCodes: [5]"], StepFailedTemporarily, "exit code 5"),
        (["baseCommand: [sh, -c, exit 5]", "permanentFailCodes: [5]"], StepFailed, "exit code 5"),
        (
            ["baseCommand: [sleep, '600']", "requirements: {ToolTimeLimit: {timelimit: 1}}"],
            StepFailed,
            "took longer than its ToolTimeLimit",
        ),
    ],
    ids=["code", "missing", "temporary", "permanent", "time"],
)
def test_failures_are_the_same(both: Both, lines: list[str], kind: type[StepFailed], message: str) -> None:
    here, there, run = both(tool(*lines, "inputs: []", "outputs: []"), {})
    assert type(here) is type(there) is kind, (here, there)
    assert re.search(message, str(here))
    assert re.search(message, str(there))
    last = tasks.last_try(run, key_of(run))
    assert last is not None
    assert (last.outcome() or {})["outcome"] == "failed"
    (kept,) = context.of(run.store, key_of(run)).values()
    assert (kept["state"], kept["message"]) == ("failed", str(there))


def test_missing_output_is_the_same_failure(both: Both) -> None:
    text = tool("baseCommand: 'true'", "inputs: []", "outputs: {o: {type: File, outputBinding: {glob: no}}}")
    here, there, _ = both(text, {})
    assert isinstance(here, StepFailed)
    assert isinstance(there, StepFailed)
    assert str(here) == str(there)


def key_of(run: Run) -> Key:
    task = next(t for t in run.document.graph.tasks if t.step)
    return tuple((name, None) for name in task.step)


def test_loop_is_for_the_worker(both: Both) -> None:
    text = """\
cwlVersion: v1.3.0-dev1
class: Workflow
requirements: {InlineJavascriptRequirement: {}}
inputs: []
outputs: {r: {type: Any, outputSource: count/next}}
steps:
  count:
    run:
      class: CommandLineTool
      baseCommand: 'true'
      inputs: {value: int}
      outputs: {next: {type: int, outputBinding: {outputEval: $(inputs.value + 1)}}}
    in: {value: {default: 0}}
    out: [next]
    when: $(inputs.value < 3)
    loop: {value: next}
    outputMethod: last_iteration
"""
    here, there, _ = both(text, {})
    assert here == {"r": 3}
    assert isinstance(there, CwlUnsupported)
    assert "'worker' alone" in str(there)


def test_context_tells_where_and_with_what(both: Both) -> None:
    text = tool(
        "requirements: {EnvVarRequirement: {envDef: {API_TOKEN: hush, MODE: fast}}}",
        "baseCommand: [sh, -c, 'echo words']",
        "inputs: []",
        "outputs: []",
    )
    _, there, run = both(text, {})
    assert there == {}
    (kept,) = context.of(run.store, key_of(run)).values()
    assert (kept["target"], kept["state"], kept["exit_code"]) == ("local", "success", 0)
    assert "targets.yaml:4:5" in kept["why"]
    assert kept["environment"]["MODE"] == "fast"
    assert kept["environment"]["API_TOKEN"] == "***"
    assert kept["last_lines"] == ["words"]
    assert kept["usage"]["wall_seconds"] >= 0
    assert kept["native"].count(":") == 2
    assert kept["started"] <= kept["ended"]
    # job.sh alone, which only its user can read, has what is secret.
    secret = [p for p in run.store.root.rglob("*") if p.is_file() and b"hush" in p.read_bytes()]
    assert [p.name for p in secret] == ["job.sh"]


# -- how jobs end ------------------------------------------------------------------------------------


@pytest.fixture
def prepared(compile_text: Callable[..., CompiledDocument], tmp_path: Path) -> tuple[Run, Key, JobFolder]:
    """A prepared job that nobody has run."""
    text = tool("baseCommand: 'true'", "inputs: []", "outputs: []")
    run = Run(compile_text(text), RunStore(tmp_path / "run"), Options(container_engine="none"))
    tasks.open_run(run, {}, [])
    setting = TargetSetting("hpc", "local")
    folder = tasks.prepare_step(run, key_of(run), setting, Placement("hpc", "test"), "dag.step")
    assert isinstance(folder, JobFolder)
    return run, key_of(run), folder


@pytest.mark.parametrize(
    ("status", "exits", "wish", "kind", "message"),
    [
        (JobStatus(JobState.LOST, reason="node down"), None, None, StepLost, "hpc ended the job .*node down"),
        (JobStatus(JobState.ENDED), None, None, StepLost, "before its tool had ended"),
        (JobStatus(JobState.CANCELLED), None, None, StepCancelled, "cancelled on target hpc"),
        (
            JobStatus(JobState.CANCELLED, reason="CANCELLED by 1000"),
            {"code": 143, "asked": "15"},
            None,
            StepCancelled,
            "cancelled on target hpc: CANCELLED by 1000",
        ),
        (JobStatus(JobState.REFUSED, reason="no queue"), None, None, StepFailed, "refused the job: no queue"),
        (JobStatus(JobState.ENDED), {"code": 143, "asked": "15"}, None, StepLost, "signal 15"),
        (JobStatus(JobState.ENDED), {"code": 143, "asked": "15"}, "cancel", StepCancelled, "cancelled"),
        (
            JobStatus(JobState.ENDED, reason="time limit of the queue"),
            {"code": 143, "asked": "15"},
            None,
            StepFailed,
            "time limit of the queue",
        ),
        (
            JobStatus(JobState.ENDED, reason="preempted", infrastructure=True),
            {"code": 143, "asked": "15"},
            None,
            StepLost,
            "preempted",
        ),
        (
            JobStatus(JobState.ENDED, reason="used too much memory"),
            {"code": 137},
            None,
            StepFailed,
            "137: used too",
        ),
        (JobStatus(JobState.ENDED), {"code": 3}, None, StepFailed, "exit code 3"),
    ],
)
def test_how_a_job_ended_is_what_is_raised(
    prepared: tuple[Run, Key, JobFolder],
    status: JobStatus,
    exits: dict[str, Any] | None,
    wish: str | None,
    kind: type[StepFailed],
    message: str,
) -> None:
    run, key, folder = prepared
    if exits is not None:
        write_exit(folder.job()[0], **exits)
    if wish is not None:
        folder.write_wish(wish)
    with pytest.raises(StepFailed, match=message) as caught:
        tasks.collect_step(run, key, folder, status)
    assert type(caught.value) is kind
    assert not folder.open
    assert run.store.read(key, "result.json") is None


def test_job_that_ended_well_before_it_was_asked_to_end(prepared: tuple[Run, Key, JobFolder]) -> None:
    run, key, folder = prepared
    write_exit(folder.job()[0], 0, asked="15")
    assert tasks.collect_step(run, key, folder, JobStatus(JobState.CANCELLED))["status"] == "success"


def test_container_command(compile_text: Callable[..., CompiledDocument], tmp_path: Path) -> None:
    """The engine is the nodes' affair: preparing needs none."""
    text = tool(
        "requirements: {DockerRequirement: {dockerPull: 'example.org/tool:1'}}",
        "baseCommand: 'true'",
        "inputs: []",
        "outputs: []",
    )
    run = Run(compile_text(text), RunStore(tmp_path / "run"), Options(container_engine="none"))
    tasks.open_run(run, {}, [])
    setting = TargetSetting("hpc", "local", container_engine="podman")
    folder = tasks.prepare_step(run, key_of(run), setting, Placement("hpc", "test"), "dag.step")
    assert isinstance(folder, JobFolder)
    script = (folder.path / "job.sh").read_text()
    assert "podman run" in script
    assert "podman image inspect --format" in script
    assert context.of(run.store, key_of(run))[1]["image"] == "example.org/tool:1"


@pytest.mark.docker
def test_container_for_real(both: Both) -> None:
    from tests.needs import IMAGE

    text = tool(
        f"requirements: {{DockerRequirement: {{dockerPull: '{IMAGE}'}}}}",
        "baseCommand: [sh, -c, 'cat $0; pwd; cat /etc/os-release']",
        "inputs: {text: {type: File, inputBinding: {}}}",
        "outputs: {said: stdout}",
    )
    here, there, run = both(text, {"text": "given.txt"}, container_engine="docker")
    assert not isinstance(here, ChronosError), here
    assert there["said"]["size"] > 0
    (kept,) = context.of(run.store, key_of(run)).values()
    assert kept["image_found"]["id"].startswith("sha256:")
