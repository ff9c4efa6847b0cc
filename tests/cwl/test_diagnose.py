"""Whatever is wrong with a CWL document, one clear message says what, where, and what to write."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from chronos_plugin.cwl import library
from chronos_plugin.cwl.checks import check_process
from chronos_plugin.cwl.diagnose import diagnose
from chronos_plugin.cwl.expression_checks import check_expression
from chronos_plugin.cwl.source import check_yaml, compose, display_name, read_source
from chronos_plugin.errors import CwlError, CwlInvalid, CwlUnsupported

CORPUS = Path(__file__).parent / "broken"
EXPECTED: dict[str, dict[str, Any]] = yaml.safe_load((CORPUS / "expected.yaml").read_text(encoding="utf-8"))
HEAD = "cwlVersion: v1.2\nclass: Workflow\n"

GOOD = r"""
cwlVersion: v1.2
class: Workflow
requirements:
  ScatterFeatureRequirement: {}
  InlineJavascriptRequirement: {expressionLib: ["function twice(x) { return 2 * x; }"]}
  StepInputExpressionRequirement: {}
  MultipleInputFeatureRequirement: {}
hints:
  - class: ResourceRequirement
    coresMin: 2
inputs:
  messages: string[]
  count: {type: ["null", int], default: 3, doc: how many}
  image:
    type: ["null", File]
    secondaryFiles: [{pattern: .hdr, required: false}]
outputs:
  texts: {type: "File[]", outputSource: [say/out, join/rest], linkMerge: merge_flattened}
steps:
  say:
    run: parts/echo.cwl
    scatter: [message]
    scatterMethod: dotproduct
    in:
      message: {source: messages, valueFrom: $(self)}
      times: {source: count, default: 2}
    out: [out]
    when: $(inputs.times > 1)
  join:
    run:
      class: CommandLineTool
      baseCommand: [cat]
      requirements:
        - class: DockerRequirement
          dockerPull: debian:stable-slim
        - class: InitialWorkDirRequirement
          listing: [{entryname: a.txt, entry: 'cost \$(5) $(inputs.mode)'}]
      inputs:
        texts: {type: "File[]", inputBinding: {position: 1, prefix: --x, separate: true}}
        mode: {type: {type: enum, symbols: [a, b]}, default: a}
      arguments: [--all, {valueFrom: $(twice(runtime.cores)), position: 2}]
      stdout: out.txt
      outputs:
        all: {type: stdout}
        rest: {type: "File[]", outputBinding: {glob: "*.txt", outputEval: $(self)}}
    in:
      texts: say/out
    out: [all, rest]
"""


def load(path: Path, root: Path | None = None, *, enable_dev: bool = True) -> CwlError | None:
    """Load a document as the product does; return what it says, None for a good document."""
    root = root or path.parent
    try:
        check_yaml(read_source(path, root=root), display_name(path, root))
        process = library.load_process(path.as_uri(), library.loading_context(enable_dev=enable_dev))
        check_process(process, root=root)
    except Exception as error:  # noqa: BLE001 - as the product does: whatever was raised is explained
        return diagnose(error, file=path, root=root)
    return None


def refused(folder: Path, text: str, name: str = "w.cwl") -> CwlError:
    (folder / name).write_text(text, encoding="utf-8")
    error = load(folder / name, folder)
    assert error is not None
    return error


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A folder with the good parts of the corpus."""
    (tmp_path / "parts").mkdir()
    for part in ("echo.cwl", "inner.cwl", "abstract.cwl"):
        (tmp_path / "parts" / part).write_bytes((CORPUS / "parts" / part).read_bytes())
    return tmp_path


@pytest.mark.parametrize("name", EXPECTED)
def test_corpus(name: str) -> None:
    expected = EXPECTED[name]
    error = load(CORPUS / f"{name}.cwl", enable_dev=expected.get("dev", True))
    assert error is not None
    assert str(error.location) == expected["at"], error
    assert expected["says"] in error.message
    assert expected["do"] in str(error.suggestion)
    assert isinstance(error, CwlUnsupported if expected.get("kind") == "unsupported" else CwlInvalid)
    shown = str(error)
    assert str(CORPUS) not in shown
    assert "Traceback" not in shown
    assert len((error.details or "").splitlines()) <= 40


def test_corpus_is_complete() -> None:
    assert {path.stem for path in CORPUS.glob("*.cwl")} == set(EXPECTED)


def test_good_documents_pass(bundle: Path) -> None:
    (bundle / "w.cwl").write_text(GOOD)
    for path in sorted(bundle.rglob("*.cwl")):
        error = load(path, bundle)
        assert error is None or path.name == "abstract.cwl", error


class TestFiles:
    def test_huge_binary_and_bomb(self, tmp_path: Path) -> None:
        (tmp_path / "w.cwl").write_text(HEAD + "# " + "x" * (9 << 20))
        error = load(tmp_path / "w.cwl")
        assert "over the limit of 8,388,608" in error.message  # type: ignore[union-attr]
        (tmp_path / "w.cwl").write_bytes(HEAD.encode() + b"label: \0\n")
        assert str(load(tmp_path / "w.cwl").location) == "w.cwl:3:8"  # type: ignore[union-attr]
        lines = ["x-0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
        lines += [f"x-{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
        assert "aliases" in refused(tmp_path, HEAD + "\n".join(lines)).message

    def test_broken_file_of_the_bundle(self, bundle: Path) -> None:
        text = HEAD + "inputs: {}\noutputs: {}\nsteps:\n  a: {run: tool.cwl, in: {}, out: []}\n"
        (bundle / "tool.cwl").write_bytes(b"cwlVersion: v1.2\nlabel: \xff\n")
        error = refused(bundle, text)
        assert (str(error.location), "not UTF-8" in error.message) == ("tool.cwl:2:8", True)
        (bundle / "tool.cwl").write_bytes(b"cwlVersion: v1.2\nlabel: \x07\n")
        assert str(refused(bundle, text).location) == "tool.cwl:2:8"

    def test_error_about_a_referred_file_is_shown_at_the_reference(self, bundle: Path) -> None:
        (bundle / "sub").mkdir()
        (bundle / "sub" / "link.cwl").symlink_to(Path(__file__))
        path = bundle / "sub" / "w.cwl"
        path.write_text(HEAD + "inputs: {}\noutputs: {}\nsteps:\n  a: {run: link.cwl, in: {}, out: []}\n")

        def on_read(file: Path) -> None:
            read_source(file, root=bundle)

        with pytest.raises(CwlInvalid) as caught:
            library.load_process(path.as_uri(), library.loading_context(on_read=on_read))
        error = diagnose(caught.value, file=path, root=bundle)
        assert str(error.location) == "sub/w.cwl:6:12"
        assert error.message == "`run: link.cwl`: the path leads out of the DAG bundle"

    def test_paths_with_spaces_and_escapes(self, tmp_path: Path) -> None:
        folder = tmp_path / "a b%20c"
        (folder / "sub").mkdir(parents=True)
        (folder / "sub" / "my tool.cwl").write_text(
            "cwlVersion: v1.2\nclass: CommandLineTool\ninputs: 3\noutputs: []\n"
        )
        text = HEAD + "inputs: {}\noutputs: {}\nsteps:\n  a: {run: sub/my%20tool.cwl, in: {}, out: []}\n"
        assert str(refused(folder, text).location) == "sub/my tool.cwl:3:9"

    def test_working_folder_does_not_matter(self, bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        text = HEAD + "inputs: {x: strin}\noutputs: {}\nsteps: {}\n"
        places = set()
        for folder in (bundle, bundle / "parts", Path("/")):
            monkeypatch.chdir(folder)
            places.add(str(refused(bundle, text)))
        assert len(places) == 1
        assert "w.cwl:3:13: `strin` is no type" in places.pop()


class TestDiagnose:
    def test_own_errors_pass(self, tmp_path: Path) -> None:
        own = CwlUnsupported("no", suggestion="do not")
        wrapped = RuntimeError("outer")
        wrapped.__cause__ = own
        error = diagnose(wrapped, file=tmp_path / "w.cwl")
        assert isinstance(error, CwlUnsupported)
        assert (error.message, error.suggestion, str(error.location)) == ("no", "do not", "w.cwl")

    @pytest.mark.parametrize(
        "error", [KeyError("x"), RecursionError("deep"), OSError(5, "I/O"), AssertionError()]
    )
    def test_any_exception_becomes_a_cwl_error(self, bundle: Path, error: BaseException) -> None:
        (bundle / "w.cwl").write_text(GOOD)
        found = diagnose(error, file=bundle / "w.cwl", root=bundle)
        assert isinstance(found, CwlInvalid)
        assert found.suggestion
        assert str(found.location).startswith("w.cwl")

    def test_details_are_short_and_name_no_server_path(self, bundle: Path) -> None:
        inputs = "".join(f"  i{n}: strin\n" for n in range(90))
        error = refused(bundle, f"{HEAD}inputs:\n{inputs}outputs: {{}}\nsteps: {{}}\n")
        lines = str(error.details).splitlines()
        assert len(lines) == 40
        assert lines[-1].startswith("… and ")
        assert str(bundle) not in str(error)
        assert max(len(line) for line in lines) <= 300

    def test_choice_does_not_depend_on_cwltools_shuffle(self, bundle: Path) -> None:
        step = "  s{0}:\n    run: parts/echo.cwl\n    in: {{message: {1}}}\n    out: [out]\n"
        steps = "".join(step.format(n, "number") for n in range(8))
        mismatch = f"{HEAD}inputs: {{number: int}}\noutputs: {{}}\nsteps:\n{steps}"
        ring = f"{HEAD}inputs: {{}}\noutputs: {{}}\nsteps:\n" + "".join(
            f"  s{n}:\n    run: {{class: ExpressionTool, inputs: {{x: Any}}, outputs: {{y: Any}}, "
            f"expression: $(inputs)}}\n    in: {{x: s{(n + 1) % 5}/y}}\n    out: [y]\n"
            for n in range(5)
        )
        for text in (mismatch, ring):
            assert len({str(refused(bundle, text)).splitlines()[0] for _ in range(6)}) == 1

    def test_all_that_checks_find_is_listed(self, bundle: Path) -> None:
        text = f"{HEAD}inputs: {{n: {{type: int, default: x}}}}\noutputs: {{a: File, b: File}}\nsteps: {{}}\n"
        error = refused(bundle, text)
        assert str(error.location) == "w.cwl:3:34"
        assert [line.split()[1] for line in str(error.details).splitlines()] == ["`a`:", "`b`:"]

    def test_unsupported_yields_to_invalid(self, bundle: Path) -> None:
        steps = "  a: {run: parts/abstract.cwl, in: {message: m}, out: [out]}\n"
        text = f"{HEAD}inputs: {{m: string}}\noutputs: {{}}\nsteps:\n{steps}"
        assert isinstance(refused(bundle, text), CwlUnsupported)
        assert isinstance(refused(bundle, text.replace("outputs: {}", "outputs: {o: File}")), CwlInvalid)


class TestExpressions:
    def check(self, text: str, **options: Any) -> str | None:
        known = {"javascript": True, "names": ["x"], "owner": "tool", **options}
        fault = check_expression(text, **known)
        return fault.message if fault else None

    @pytest.mark.parametrize(
        "text",
        [
            "plain $ text",
            "$(inputs.x)/$(runtime.outdir)$(self[0]['a b'].length)",
            "${ var a = {'b': ')'}; return a.b; }",
            "$(inputs.unknown || `x${1}`)",
            "\\${HOME} \\$(date)",
            "$(function(){ return 1; }())",
            "  $(null)\n",
        ],
    )
    def test_right(self, text: str) -> None:
        assert self.check(text) is None

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("$(inputs.x", "is not closed"),
            ("${ return 1;", "is not closed"),
            ("$(inputs.x +)", "is no JavaScript"),
            ("a $(1) ${ retrun 1; }", "`${ retrun 1; }` is no JavaScript"),
            ("${ with (Math) { return 1; } }", "is no JavaScript"),
        ],
    )
    def test_wrong(self, text: str, said: str) -> None:
        assert said in str(self.check(text))

    def test_without_javascript(self) -> None:
        assert self.check("$(inputs.x)", javascript=False) is None
        assert "no input `y`" in str(self.check("$(inputs['y'])", javascript=False))
        assert self.check("$(inputs.y)", javascript=False, names=None) is None
        assert "needs InlineJavascriptRequirement" in str(self.check("$(inputs.x + 1)", javascript=False))

    def test_old_versions_escape_one_character(self) -> None:
        text = "\\\\$(inputs.y)"
        assert self.check(text, javascript=False, cwl_version="v1.0")
        assert self.check(text, javascript=False, cwl_version="v1.2")
        assert self.check("\\$(inputs.y)", javascript=False, cwl_version="v1.0") is None

    @pytest.mark.parametrize(
        "text",
        ["${ THROW }", "${ }})(); THROW; (function(){{ }", "$(1)); THROW; ((1)"],
    )
    def test_nothing_is_run(self, text: str) -> None:
        # Run, it would be taken for an error of syntax.
        assert self.check(text.replace("THROW", "throw new SyntaxError('was run')")) is None


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield (*path, key)
        yield from places(inner, (*path, key))


GOOD_VALUE = yaml.load(GOOD, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


@pytest.mark.parametrize("path", list(places(GOOD_VALUE)), ids=lambda path: ".".join(map(str, path)))
def test_any_damage_gets_a_place_and_advice(bundle: Path, path: tuple[Any, ...]) -> None:
    """Each value in turn is emptied, and replaced by one of another kind."""
    for damage in (None, 7, [[1]]):
        value = copy.deepcopy(GOOD_VALUE)
        holder = value
        for key in path[:-1]:
            holder = holder[key]
        holder[path[-1]] = damage
        (bundle / "w.cwl").write_text(json.dumps(value, indent=1))
        error = load(bundle / "w.cwl", bundle)
        if error is None:
            continue
        assert error.location is not None
        assert error.location.line is not None, error
        assert error.suggestion, error
        assert "library stopped" not in error.message
        assert os.fspath(bundle) not in str(error)


def test_shape_is_silent_about_the_good_document() -> None:
    from chronos_plugin.cwl.shape import check_shape

    document = compose(GOOD.encode(), "w.cwl")
    assert document is not None
    check_shape(document, "w.cwl")
