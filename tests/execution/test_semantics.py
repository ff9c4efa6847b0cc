"""Links, scatter, conditions, loops and tools in whole runs: the values that come out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from chronos_plugin.compiler.compile import CompiledDocument
from chronos_plugin.errors import InputInvalid, RunFailed, StepFailed
from chronos_plugin.execution import tasks
from chronos_plugin.execution.run import Options, Run
from chronos_plugin.execution.store import Key, RunStore

Launch = Callable[..., Any]

HEAD = """\
cwlVersion: v1.2
class: Workflow
requirements:
  InlineJavascriptRequirement: {}
  MultipleInputFeatureRequirement: {}
  ScatterFeatureRequirement: {}
  StepInputExpressionRequirement: {}
  SubworkflowFeatureRequirement: {}
"""
JOIN = """\
cwlVersion: v1.2
class: ExpressionTool
requirements: {InlineJavascriptRequirement: {}}
inputs: {a: string, b: {type: string, default: "-"}}
outputs: {r: string}
expression: '${return {r: inputs.a + inputs.b};}'
"""
SHOUT = (
    HEAD
    + """\
inputs: {word: string, mark: {type: string, default: "!"}}
outputs: {r: {type: string, outputSource: second/r}, half: {type: string, outputSource: first/r}}
steps:
  first: {run: join.cwl, in: {a: word, b: mark}, out: [r]}
  second: {run: join.cwl, in: {a: first/r, b: mark}, out: [r]}
"""
)
SHOUT_ALL = (
    HEAD
    + """\
inputs: {words: "string[]"}
outputs: {r: {type: "string[]", outputSource: each/r}}
steps:
  each: {run: shout.cwl, scatter: word, in: {word: words}, out: [r]}
"""
)
FILES = {"join.cwl": JOIN, "shout.cwl": SHOUT, "all.cwl": SHOUT_ALL}


def content(file: dict[str, Any]) -> str:
    """Return the text of a File object."""
    return Path(unquote(urlsplit(file["location"]).path)).read_text()


# -- scatter and subworkflows -----------------------------------------------------------------------


def test_scattered_subworkflow(launch: Launch) -> None:
    ended = launch(SHOUT_ALL, {"words": ["a", "b"]}, files=FILES, parallel=2)
    assert ended.outputs == {"r": ["a!!", "b!!"]}
    assert ended.results == ["each@0/first", "each@0/second", "each@1/first", "each@1/second"]


@pytest.mark.parametrize(
    ("lists", "expected"),
    [
        ([["a"], [], ["b", "c"]], [["a!!"], [], ["b!!", "c!!"]]),
        ([[], []], [[], []]),
        ([], []),
    ],
)
def test_scatter_of_a_subworkflow_inside_a_scattered_subworkflow(
    launch: Launch, lists: Any, expected: Any
) -> None:
    text = (
        HEAD
        + """\
inputs: {lists: {type: {type: array, items: {type: array, items: string}}}}
outputs: {r: {type: Any, outputSource: outer/r}}
steps:
  outer: {run: all.cwl, scatter: words, in: {words: lists}, out: [r]}
"""
    )
    ended = launch(text, {"lists": lists}, files=FILES)
    assert ended.outputs == {"r": expected}
    assert len(ended.results) == 2 * sum(map(len, lists))


def test_empty_scatter_runs_nothing_and_what_follows_runs(launch: Launch) -> None:
    text = (
        HEAD
        + """\
inputs: {words: "string[]"}
outputs: {n: {type: string, outputSource: count/r}}
steps:
  each: {run: shout.cwl, scatter: word, in: {word: words}, out: [r]}
  count: {run: join.cwl, in: {a: {source: each/r, valueFrom: "$(String(self.length))"}}, out: [r]}
"""
    )
    ended = launch(text, {"words": []}, files=FILES)
    assert ended.outputs == {"n": "0-"}
    assert ended.results == ["count"]
    assert ("each.first", "skipped", 0, 0) in ended.told


def test_value_from_sees_the_element_and_the_other_inputs_as_they_were(launch: Launch) -> None:
    text = (
        HEAD
        + """\
inputs: {words: "string[]", mark: string}
outputs: {r: {type: "string[]", outputSource: each/r}}
steps:
  each:
    run: join.cwl
    scatter: a
    in:
      a: {source: words, valueFrom: "$(self.toUpperCase() + inputs.b)"}
      b: {source: mark, valueFrom: "$(inputs.a + inputs.extra)"}
      extra: {default: "?"}
    out: [r]
"""
    )
    assert launch(text, {"words": ["a", "b"], "mark": "!"}, files=FILES).outputs == {"r": ["A!a?", "B!b?"]}


def test_elements_that_when_skips_are_null_and_take_no_task(launch: Launch) -> None:
    text = (
        HEAD
        + """\
inputs: {words: "string[]"}
outputs:
  all: {type: Any, outputSource: each/r}
  kept: {type: "string[]", outputSource: each/r, pickValue: all_non_null}
steps:
  each: {run: join.cwl, scatter: a, when: "$(inputs.a != 'b')", in: {a: words}, out: [r]}
"""
    )
    ended = launch(text, {"words": ["a", "b", "c"]}, files=FILES)
    assert ended.outputs == {"all": ["a-", None, "c-"], "kept": ["a-", "c-"]}
    assert ended.results == ["each@0", "each@2"]


@pytest.mark.parametrize("wanted", [True, False])
def test_skipped_subworkflow_skips_all_that_is_inside(launch: Launch, wanted: bool) -> None:
    text = (
        HEAD
        + """\
inputs: {wanted: boolean}
outputs: {r: {type: Any, outputSource: maybe/r}}
steps:
  maybe:
    run: all.cwl
    when: $(inputs.wanted)
    in: {wanted: wanted, words: {default: [a, b]}}
    out: [r]
"""
    )
    ended = launch(text, {"wanted": wanted}, files=FILES)
    assert ended.outputs == {"r": ["a!!", "b!!"] if wanted else None}
    assert len(ended.results) == (4 if wanted else 0)


def test_when_must_be_a_boolean(launch: Launch) -> None:
    text = (
        HEAD
        + """\
inputs: []
outputs: []
steps: {one: {run: join.cwl, when: $(inputs.a), in: {a: {default: yes}}, out: [r]}}
"""
    )
    with pytest.raises(StepFailed, match="'when' must give true or false, but gave 'yes'"):
        launch(text, files=FILES)


def test_scatter_over_what_is_no_array_is_refused(launch: Launch) -> None:
    text = (
        HEAD
        + """\
inputs: {words: Any}
outputs: []
steps: {each: {run: join.cwl, scatter: a, in: {a: words}, out: [r]}}
"""
    )
    with pytest.raises((StepFailed, InputInvalid), match="no array but 'a'"):
        launch(text, {"words": "a"}, files=FILES)


# -- several sources --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("merge", "expected"),
    [("merge_nested", [["a"], ["b", "c"]]), ("merge_flattened", ["a", "b", "c"])],
)
def test_link_merge(launch: Launch, merge: str, expected: Any) -> None:
    text = (
        HEAD
        + f"""\
inputs: {{x: "string[]", y: "string[]"}}
outputs: {{r: {{type: Any, outputSource: same/r}}}}
steps:
  same:
    in: {{v: {{source: [x, y], linkMerge: {merge}}}}}
    out: [r]
    run: {{class: ExpressionTool, inputs: {{v: Any}}, outputs: {{r: Any}}, expression: "$({{r: inputs.v}})"}}
"""
    )
    assert launch(text, {"x": ["a"], "y": ["b", "c"]}).outputs == {"r": expected}


@pytest.mark.parametrize(
    ("pick", "x", "y", "message"),
    [
        ("first_non_null", None, None, "All sources"),
        ("the_only_non_null", "a", "b", "[Oo]nly"),
        ("the_only_non_null", None, None, "All sources"),
    ],
)
def test_nothing_to_pick_is_an_error(launch: Launch, pick: str, x: Any, y: Any, message: str) -> None:
    text = (
        HEAD
        + f"""\
inputs: {{x: string?, y: string?}}
outputs: {{r: {{type: string, outputSource: [x, y], pickValue: {pick}}}}}
steps: []
"""
    )
    with pytest.raises(StepFailed, match=message):
        launch(text, {"x": x, "y": y})


# -- defaults, files, tools -------------------------------------------------------------------------


def test_default_applies_to_missing_and_to_null(launch: Launch) -> None:
    tool = JOIN.replace('b: {type: string, default: "-"}', 'b: {type: string?, default: "-"}')
    assert launch(tool, {"a": "x"}).outputs == {"r": "x-"}
    assert launch(tool, {"a": "x", "b": None}).outputs == {"r": "x-"}
    assert launch(tool, {"a": "x", "b": ""}).outputs == {"r": "x"}


def test_load_contents_of_a_step_input_and_of_a_tool_input(launch: Launch, tmp_path: Path) -> None:
    (tmp_path / "given.txt").write_text("content\n")
    text = (
        HEAD
        + """\
inputs: {file: File}
outputs: {r: {type: string, outputSource: join/r}}
steps:
  join:
    run: join.cwl
    in: {a: {source: file, loadContents: true, valueFrom: $(self.contents.trim())}}
    out: [r]
"""
    )
    assert launch(text, {"file": str(tmp_path / "given.txt")}, files=FILES).outputs == {"r": "content-"}


def test_resource_expressions_and_runtime(launch: Launch) -> None:
    text = """\
cwlVersion: v1.2
class: CommandLineTool
requirements:
  InlineJavascriptRequirement: {}
  ResourceRequirement: {coresMin: $(inputs.n), ramMin: "$(inputs.n * 100)"}
inputs: {n: int}
baseCommand: echo
arguments: [$(runtime.cores), $(runtime.ram)]
outputs: {said: stdout}
"""
    assert content(launch(text, {"n": 1}).outputs["said"]) == "1 100\n"


def test_numbers_on_command_lines_have_no_exponent(launch: Launch) -> None:
    text = """\
cwlVersion: v1.2
class: CommandLineTool
baseCommand: echo
inputs: {x: {type: double, inputBinding: {}}}
outputs: {said: stdout}
"""
    assert content(launch(text, {"x": 1e-7}).outputs["said"]) == "0.0000001\n"


def test_secondary_files_travel_with_their_file(launch: Launch, tmp_path: Path) -> None:
    for name in ("a.nc", "a.nc.idx", "a.txt"):
        (tmp_path / name).write_text(name)
    text = """\
cwlVersion: v1.2
class: CommandLineTool
inputs: {file: {type: File, secondaryFiles: [.idx, ^.txt, .missing?], inputBinding: {}}}
baseCommand: [sh, -c, 'ls "$(dirname "$0")"; cp "$0" "$0.idx" .']
outputs:
  names: stdout
  copied: {type: File, secondaryFiles: [.idx], outputBinding: {glob: a.nc}}
"""
    ended = launch(text, {"file": str(tmp_path / "a.nc")})
    assert content(ended.outputs["names"]).split() == ["a.nc", "a.nc.idx", "a.txt"]
    (index,) = ended.outputs["copied"]["secondaryFiles"]
    assert content(index) == "a.nc.idx"
    with pytest.raises(InputInvalid, match=r"a\.txt"):
        launch(text, {"file": str(tmp_path / "a.txt")})


def test_requirements_of_the_input_object(launch: Launch) -> None:
    text = """\
cwlVersion: v1.2
class: CommandLineTool
baseCommand: [sh, -c, 'echo "$GREETING"']
inputs: []
outputs: {said: stdout}
"""
    wanted = [{"class": "EnvVarRequirement", "envDef": [{"envName": "GREETING", "envValue": "hello"}]}]
    assert content(launch(text, requirements=wanted).outputs["said"]) == "hello\n"


@pytest.mark.parametrize(("start", "end"), [(0, 3), (7, None)])
def test_loop(launch: Launch, start: int, end: int | None) -> None:
    text = """\
cwlVersion: v1.3.0-dev1
class: Workflow
requirements: {InlineJavascriptRequirement: {}}
inputs: {start: int}
outputs: {r: {type: Any, outputSource: count/next}}
steps:
  count:
    run:
      class: ExpressionTool
      inputs: {value: int}
      outputs: {next: int}
      expression: "$({next: inputs.value + 1})"
    in: {value: start}
    out: [next]
    when: $(inputs.value < 3)
    loop: {value: next}
    outputMethod: last_iteration
"""
    assert launch(text, {"start": start}).outputs == {"r": end}


# -- records of values that changed ------------------------------------------------------------------


def rerun(run: Run, key: Key, outputs: dict[str, Any]) -> None:
    """Give a step another result, as a cleared task does."""
    result = run.store.read(key, "result.json")
    run.store.write(key, "result.json", {**result, "outputs": outputs})


def test_changed_result_reaches_a_subworkflow(launch: Launch, tmp_path: Path) -> None:
    """What a subworkflow was entered with is kept on disk, but only while it holds."""
    text = (
        HEAD
        + """\
inputs: {word: string}
outputs: {r: {type: string, outputSource: inner/r}}
steps:
  before: {run: join.cwl, in: {a: word}, out: [r]}
  inner: {run: shout.cwl, in: {word: before/r}, out: [r]}
"""
    )
    ended = launch(text, {"word": "a"}, files=FILES)
    assert ended.outputs == {"r": "a-!!"}
    rerun(ended.run, (("before", None),), {"r": "new"})
    again = Run(ended.run.document, ended.run.store, ended.run.options)
    inner: Key = (("inner", None),)
    assert again.scope_inputs(inner) == {"word": "new", "mark": "!"}
    from chronos_plugin.execution.process import ToolProcesses

    for step in ("first", "second"):
        tasks.run_step(again, (*inner, (step, None)), ToolProcesses())
    assert tasks.close_run(again, tmp_path / "again") == {"r": "new!!"}


def test_changed_result_reaches_what_a_scatter_gathered_inside_a_scatter(
    launch: Launch, tmp_path: Path
) -> None:
    text = (
        HEAD
        + """\
inputs: {lists: {type: {type: array, items: {type: array, items: string}}}}
outputs: {r: {type: Any, outputSource: outer/r}}
steps:
  outer: {run: all.cwl, scatter: words, in: {words: lists}, out: [r]}
"""
    )
    ended = launch(text, {"lists": [["a", "b"], ["c"]]}, files=FILES)
    rerun(ended.run, (("outer", 0), ("each", 1), ("second", None)), {"r": "new"})
    again = Run(ended.run.document, ended.run.store, ended.run.options)
    assert tasks.close_run(again, tmp_path / "again") == {"r": [["a!!", "new"], ["c!!"]]}


def test_shorter_scatter_laid_out_again_forgets_the_old_elements(launch: Launch, tmp_path: Path) -> None:
    ended = launch(SHOUT_ALL, {"words": ["a", "b", "c"]}, files=FILES)
    run = Run(ended.run.document, ended.run.store, ended.run.options)
    tasks.open_run(run, {"words": ["c"]}, [])
    assert tasks.lay_out_scatter(run, run.document.graph.task("each.scatter")) == (1, 1, 0)
    with pytest.raises(RunFailed, match="element 1"):
        run.batch(run.document.graph.task("each.first"), 1)


def test_step_before_its_upstream_says_what_is_missing(
    compile_text: Callable[..., CompiledDocument], tmp_path: Path
) -> None:
    run = Run(compile_text(SHOUT, files=FILES), RunStore(tmp_path / "run"), Options(container_engine="none"))
    with pytest.raises(RunFailed, match=r"chronos\.inputs did not finish"):
        run.scope_inputs(())
    tasks.open_run(run, {"word": "a"}, [])
    with pytest.raises(RunFailed, match="first has no result yet"):
        list(run.plan((), ("second",)))


def test_first_error_ends_the_run(launch: Launch) -> None:
    text = (
        HEAD
        + """\
inputs: {codes: "int[]"}
outputs: []
steps:
  each:
    scatter: code
    in: {code: codes}
    out: []
    run:
      class: CommandLineTool
      baseCommand: [sh, -c, 'exit $0']
      inputs: {code: {type: int, inputBinding: {}}}
      outputs: []
"""
    )
    assert len(launch(text, {"codes": [0, 0]}).results) == 2
    with pytest.raises(StepFailed, match="exit code 4") as caught:
        launch(text, {"codes": [0, 4, 0]})
    assert caught.value.exit_code == 4


def test_progress_counts_instances(launch: Launch) -> None:
    ended = launch(SHOUT_ALL, {"words": ["a", "b"]}, files=FILES)
    assert [t[1:] for t in ended.told if t[0] == "each.first"] == [
        ("running", 0, 2),
        ("success", 1, 2),
        ("success", 2, 2),
    ]
