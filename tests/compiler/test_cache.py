"""The cache of compiled documents: right after every change, harmless when damaged or shared."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from chronos_plugin.compiler.compile import CompiledDocument, compile_file
from chronos_plugin.compiler.schema import path_of
from chronos_plugin.compiler.specification import BUNDLE
from chronos_plugin.errors import CwlInvalid, CwlUnsupported

Compile = Callable[..., CompiledDocument]
CHECKOUT = Path(__file__).resolve().parents[2]

SCRIPT_TOOL = """\
cwlVersion: v1.2
class: CommandLineTool
requirements:
  InitialWorkDirRequirement:
    listing: [{entryname: run.sh, entry: {$include: run.sh}}]
baseCommand: [sh, run.sh]
inputs:
  data: {type: File, default: {class: File, location: "data/a b.txt"}}
outputs: []
"""


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "bundle of today"
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "a b.txt").write_text("a\n")
    (folder / "run.sh").write_text("true\n")
    (folder / "tool.cwl").write_text(SCRIPT_TOOL)
    return folder


def test_changed_include_is_compiled_again_and_the_old_form_is_kept(bundle: Path, tmp_path: Path) -> None:
    def compile_it() -> CompiledDocument:
        return compile_file(bundle / "tool.cwl", cache_root=tmp_path / "cache", bundle=bundle)

    first = compile_it()
    (bundle / "run.sh").write_text("false\n")
    changed = compile_it()
    assert not changed.from_cache
    assert changed.digest != first.digest
    assert "false" in json.dumps(changed.specification(("tool",)).to_json())
    (bundle / "run.sh").write_text("true\n")
    back = compile_it()
    assert back.from_cache
    assert back.digest == first.digest


def test_missing_include_is_an_error_and_not_a_hit(bundle: Path, tmp_path: Path) -> None:
    compile_file(bundle / "tool.cwl", cache_root=tmp_path / "cache", bundle=bundle)
    (bundle / "run.sh").unlink()
    with pytest.raises(CwlInvalid, match=r"run\.sh"):
        compile_file(bundle / "tool.cwl", cache_root=tmp_path / "cache", bundle=bundle)


def test_moved_bundle_is_found_and_its_files_are_the_new_ones(bundle: Path, tmp_path: Path) -> None:
    compile_file(bundle / "tool.cwl", cache_root=tmp_path / "cache", bundle=bundle)
    moved = bundle.rename(tmp_path / "bündel#2")
    document = compile_file(moved / "tool.cwl", cache_root=tmp_path / "cache", bundle=moved)
    assert document.from_cache
    for path in ((), ("tool",)):
        specification = document.specification(path)
        text = json.dumps(specification.to_json())
        assert BUNDLE not in text
        assert "bundle%20of%20today" not in text
        assert "b%C3%BCndel%232" in text
    scope = document.specification(()).scope
    assert scope is not None
    location = scope.shell["inputs"][0]["default"]["location"]
    assert path_of(location) == str(moved / "data" / "a b.txt")


def test_place_in_the_bundle_and_version_policy_are_part_of_the_key(bundle: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    text = "cwlVersion: v1.3.0-dev1\nclass: Workflow\ninputs: []\noutputs: []\nsteps: []\n"
    (bundle / "dev.cwl").write_text(text)
    assert compile_file(bundle / "dev.cwl", cache_root=cache, bundle=bundle).graph.tasks
    with pytest.raises((CwlUnsupported, CwlInvalid)):
        compile_file(bundle / "dev.cwl", cache_root=cache, bundle=bundle, enable_dev=False)


def test_fragment_chooses_the_process(compile_text: Compile) -> None:
    text = (CHECKOUT / "tests" / "compiler" / "features" / "graph.cwl").read_text()
    assert compile_text(text).graph.process_class == "Workflow"
    tool = compile_text(text, fragment="say")
    assert tool.graph.process_class == "CommandLineTool"
    assert compile_text(text, fragment="say").from_cache
    assert not compile_text(text, fragment="main").from_cache


@pytest.mark.parametrize("content", ["", '{"half', "[]", "null", '{"up": 0, "includes": {}, "digest": "x"}'])
def test_damaged_entry_is_made_anew(bundle: Path, tmp_path: Path, content: str) -> None:
    first = compile_file(bundle / "tool.cwl", cache_root=tmp_path / "cache", bundle=bundle)
    (first.folder / "graph.json").write_text(content)
    second = compile_file(bundle / "tool.cwl", cache_root=tmp_path / "cache", bundle=bundle)
    assert not second.from_cache
    third = compile_file(bundle / "tool.cwl", cache_root=tmp_path / "cache", bundle=bundle)
    assert third.from_cache
    assert third == first


def test_entry_of_another_format_is_made_anew(bundle: Path, tmp_path: Path) -> None:
    first = compile_file(bundle / "tool.cwl", cache_root=tmp_path / "cache", bundle=bundle)
    value = json.loads((first.folder / "graph.json").read_text())
    value["graph"]["format"] = 99
    (first.folder / "graph.json").write_text(json.dumps(value))
    assert not compile_file(bundle / "tool.cwl", cache_root=tmp_path / "cache", bundle=bundle).from_cache


def test_leftover_of_an_interrupted_writer_is_ignored(bundle: Path, tmp_path: Path) -> None:
    first = compile_file(bundle / "tool.cwl", cache_root=tmp_path / "cache", bundle=bundle)
    first.folder.rename(first.folder.with_name("left.partial"))
    assert not compile_file(bundle / "tool.cwl", cache_root=tmp_path / "cache", bundle=bundle).from_cache


def test_processes_that_compile_at_a_time_agree(bundle: Path, tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from chronos_plugin.compiler.compile import compile_file\n"
        "from chronos_plugin.cwl import library; library.prepare()\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "d = compile_file(Path(sys.argv[1]) / 'tool.cwl', cache_root=Path(sys.argv[2]),"
        " bundle=Path(sys.argv[1]))\n"
        "print(d.digest, len(d.graph.tasks), d.specification(('tool',)).path)\n"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(bundle), str(tmp_path / "cache")],
            cwd=CHECKOUT,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for _ in range(3)
    ]
    for child in started:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    results = {child.communicate("go\n", timeout=60)[0] for child in started}
    assert [child.returncode for child in started] == [0, 0, 0]
    assert len(results) == 1
    entries = [p for p in (tmp_path / "cache").glob("*/*/*") if p.is_dir()]
    assert len(entries) == 1


def test_document_may_not_leave_its_bundle(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.sh").write_text("cat /etc/shadow\n")
    (bundle / "tool.cwl").write_text(SCRIPT_TOOL.replace("include: run.sh", "include: ../outside.sh"))
    with pytest.raises(CwlInvalid):
        compile_file(bundle / "tool.cwl", cache_root=tmp_path / "cache", bundle=bundle)
    assert compile_file(bundle / "tool.cwl", cache_root=tmp_path / "cache").graph.tasks


def test_large_document_is_refused(bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(CwlInvalid, match=r"(?i)larger|bytes|size"):
        compile_file(bundle / "tool.cwl", cache_root=tmp_path / "cache", max_bytes=20)


def test_network_is_never_asked(compile_text: Compile) -> None:
    with pytest.raises(CwlUnsupported, match="not read from the network"):
        compile_text(
            "cwlVersion: v1.2\nclass: Workflow\ninputs: []\noutputs: []\n"
            "steps: {one: {in: [], out: [], run: 'https://example.org/tool.cwl'}}\n"
        )


def test_cache_that_cannot_be_read_back_is_no_other_document(bundle: Path, tmp_path: Path) -> None:
    """Two files of one content at two depths have different includes, and never share an entry."""
    inner = bundle / "deeper"
    inner.mkdir()
    (inner / "tool.cwl").write_text(SCRIPT_TOOL)
    (inner / "run.sh").write_text("false\n")
    (inner / "data").mkdir()
    (inner / "data" / "a b.txt").write_text("b\n")
    outer = compile_file(bundle / "tool.cwl", cache_root=tmp_path / "cache", bundle=bundle)
    other = compile_file(inner / "tool.cwl", cache_root=tmp_path / "cache", bundle=bundle)
    assert other.digest != outer.digest
    assert other.folder != outer.folder


def test_json_with_characters_written_as_two_escapes(compile_text: Callable[..., CompiledDocument]) -> None:
    document = {
        "cwlVersion": "v1.2",
        "class": "CommandLineTool",
        "doc": "\U0001f6f0 above",
        "baseCommand": ["echo", "\U0001f6f0"],
        "inputs": [],
        "outputs": [],
    }
    compiled = compile_text(json.dumps(document), "run.cwl")
    assert compiled.graph.doc == "\U0001f6f0 above"
    step = compiled.specification(("run",)).step
    assert step is not None
    assert step.run is not None
    assert step.run["baseCommand"] == ["echo", "\U0001f6f0"]
