"""What CWL files refer to, what a bundle of them needs, and which of them become DAGs."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from chronos_plugin.cwl.references import (
    collect_bundle,
    find_references,
    find_run_targets,
    resolve_target,
    root_documents,
    sniff_class,
)
from chronos_plugin.errors import CwlInvalid

CORPUS = Path(__file__).parent / "broken"
TOOL = "cwlVersion: v1.2\nclass: CommandLineTool\nbaseCommand: echo\ninputs: {}\noutputs: {}\n"


def workflow(*runs: str, extra: str = "") -> str:
    steps = "".join(f"  s{n}:\n    run: {run}\n    in: {{}}\n    out: []\n" for n, run in enumerate(runs))
    return (
        f"cwlVersion: v1.2\nclass: Workflow\n{extra}inputs: {{}}\noutputs: {{}}\nsteps:\n{steps or '  {}'}\n"
    )


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.cwl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def found(text: str) -> list[tuple[str, str]]:
    references = find_references(text.encode(), Path("/b/w.cwl"))
    return [(item.kind, str(item.target_path)) for item in references]


class TestFindReferences:
    def test_finds_every_kind(self) -> None:
        text = (
            "$schemas: [edam.owl]\n"
            "class: Workflow\n"
            "requirements:\n"
            "  SchemaDefRequirement: {types: [{$import: types.yml}]}\n"
            "  InlineJavascriptRequirement: {expressionLib: [{$include: lib/a.js}]}\n"
            "  InitialWorkDirRequirement: {listing: [{class: File, location: seed.txt}]}\n"
            "hints: {$mixin: hints.yml}\n"
            "inputs:\n"
            "  bam: {type: File, default: {class: File, location: x.bam, secondaryFiles: "
            "[{class: File, path: x.bai}]}}\n"
            "  dir: {type: Directory, default: {class: Directory, "
            "listing: [{class: Directory, location: d}]}}\n"
            "outputs: {}\n"
            "steps: [{id: a, run: tools/a.cwl#main, in: {}, out: []}]\n"
        )
        assert found(text) == [
            ("schemas", "/b/edam.owl"),
            ("import", "/b/types.yml"),
            ("include", "/b/lib/a.js"),
            ("file", "/b/seed.txt"),
            ("mixin", "/b/hints.yml"),
            ("file", "/b/x.bam"),
            ("file", "/b/x.bai"),
            ("directory", "/b/d"),
            ("run", "/b/tools/a.cwl"),
        ]

    def test_looks_into_inline_processes_and_graphs(self) -> None:
        inner = "{class: Workflow, inputs: {}, outputs: {}, steps: {b: {run: b.cwl, in: {}, out: []}}}"
        main = f"{{id: main, class: Workflow, steps: {{a: {{run: {inner}, in: {{}}, out: []}}}}}}"
        assert found(f"$graph:\n- {main}\n- $import: c.cwl\n") == [
            ("run", "/b/b.cwl"),
            ("import", "/b/c.cwl"),
        ]

    def test_ignores_what_only_looks_like_a_reference(self) -> None:
        text = (
            "class: Workflow\n"
            "inputs: {run: string, steps: int, location: string}\n"
            "outputs: {}\n"
            "doc: 'run: other.cwl'\n"
            "steps:\n"
            "  a: {run: '#b', in: {run: run}, out: []}\n"
            "  b:\n"
            "    run: b.cwl\n"
            "    in:\n"
            "      x: {default: {class: File, location: $(inputs.y), path: _:1}}\n"
            "      y: {default: {run: no.cwl, location: no.txt}}\n"
            "    out: [run]\n"
        )
        assert found(text) == [("run", "/b/b.cwl")]

    def test_gives_the_place_of_the_name(self) -> None:
        (reference,) = find_references(workflow("t.cwl").encode(), Path("/b/w.cwl"))
        assert (reference.field, reference.text, reference.line, reference.column) == ("run", "t.cwl", 7, 10)

    @pytest.mark.parametrize(
        ("text", "path"),
        [
            ("t.cwl#x", "/b/t.cwl"),
            ("../c/t.cwl", "/c/t.cwl"),
            ("my%20tool.cwl", "/b/my tool.cwl"),
            ("my tool.cwl", "/b/my tool.cwl"),
            ("/x/t.cwl", "/x/t.cwl"),
            ("file:///x/a%23b.cwl", "/x/a#b.cwl"),
            ("A:Gln2Cys", "/b/A:Gln2Cys"),
            ("https://example.org/t.cwl", None),
            ("keep:abc/t.cwl", None),
        ],
    )
    def test_resolves_names_as_uris(self, text: str, path: str | None) -> None:
        assert resolve_target(Path("/b/w.cwl"), text) == (Path(path) if path else None)


class TestCollectBundle:
    def test_follows_references_through_files(self, tmp_path: Path) -> None:
        write(
            tmp_path,
            flows__w=workflow("../tools/a.cwl", "sub/v.cwl", "https://example.org/t.cwl"),
            flows__sub__v=workflow("../../tools/b.cwl"),
            tools__a=TOOL,
            tools__b=TOOL.replace(
                "inputs: {}", "inputs: {f: {type: File, default: {class: File, path: f.txt}}}"
            ),
            unrelated=TOOL,
        )
        (tmp_path / "tools" / "f.txt").write_text("x")
        bundle = collect_bundle(tmp_path / "flows" / "w.cwl")
        assert bundle.base == tmp_path
        assert bundle.root_name == "flows/w.cwl"
        names = [bundle.relative(path) for path in bundle.files]
        assert names[0] == "flows/w.cwl"
        assert sorted(names) == [
            "flows/sub/v.cwl",
            "flows/w.cwl",
            "tools/a.cwl",
            "tools/b.cwl",
            "tools/f.txt",
        ]
        assert [reference.text for reference in bundle.remote] == ["https://example.org/t.cwl"]
        assert bundle.errors == ()
        assert {bundle.relative(path) for path in bundle.documents} == set(names) - {"tools/f.txt"}

    def test_takes_folders_and_secondary_files(self, tmp_path: Path) -> None:
        default, patterns = "{class: File, location: x.bam}", "['.bai', '^.idx?', '.no']"
        write(
            tmp_path,
            w=TOOL.replace(
                "inputs: {}",
                f"inputs:\n  f: {{type: File, secondaryFiles: {patterns}, default: {default}}}\n"
                "  d: {type: Directory, default: {class: Directory, location: data}}",
            ),
        )
        (tmp_path / "data").mkdir()
        for name in ("x.bam", "x.bam.bai", "x.idx"):
            (tmp_path / name).write_text("x")
        bundle = collect_bundle(tmp_path / "w.cwl")
        assert sorted(path.name for path in bundle.files) == ["w.cwl", "x.bam", "x.bam.bai", "x.idx"]
        assert bundle.directories == (tmp_path / "data",)

    def test_names_missing_files_with_a_near_one(self, tmp_path: Path) -> None:
        write(tmp_path, w=workflow("tools/ecko.cwl#x", "nowhere.cwl", "tools"), tools__echo=TOOL)
        first, second, third = collect_bundle(tmp_path / "w.cwl").errors
        assert str(first.location) == "w.cwl:7:10"
        assert first.message == "`run: tools/ecko.cwl#x`: no such file"
        assert first.suggestion == "did you mean `run: tools/echo.cwl#x`?"
        assert "relative to the folder of w.cwl" in str(second.suggestion)
        assert third.message == "`run: tools`: this is a folder"

    def test_finds_the_name_in_another_folder(self, tmp_path: Path) -> None:
        write(tmp_path, w=workflow("echo.cwl"), deeply__hidden__tools__echo=TOOL)
        (error,) = collect_bundle(tmp_path / "w.cwl").errors
        assert error.suggestion == "did you mean `run: deeply/hidden/tools/echo.cwl`?"

    def test_reports_broken_files_of_the_bundle(self, tmp_path: Path) -> None:
        write(tmp_path, w=workflow("tools/a.cwl"), tools__a="a: [\n")
        (error,) = collect_bundle(tmp_path / "w.cwl").errors
        assert str(error.location).startswith("tools/a.cwl:")

    def test_raises_for_the_document_itself(self, tmp_path: Path) -> None:
        with pytest.raises(CwlInvalid, match="no such file"):
            collect_bundle(tmp_path / "w.cwl")

    def test_ends_for_files_that_run_each_other(self, tmp_path: Path) -> None:
        write(tmp_path, a=workflow("b.cwl"), b=workflow("a.cwl"))
        assert len(collect_bundle(tmp_path / "a.cwl").files) == 2


class TestScans:
    @pytest.mark.parametrize(
        ("text", "targets"),
        [
            ("run: a.cwl", {"a.cwl"}),
            ("  - run: 'my tool.cwl'  # why", {"my tool.cwl"}),
            ("    run: my tool.cwl # why\n", {"my tool.cwl"}),
            ('{"steps": [{"run": "a.cwl#x", "id": "y # z"}, {"run":"b.cwl"}]}', {"a.cwl", "b.cwl"}),
            ("steps: {a: {run: a.cwl, in: {}}, b: {in: {}, run: b.cwl}}", {"a.cwl", "b.cwl"}),
            ("run:\n  tools/a.cwl\n", {"tools/a.cwl"}),
            ("run: &tool a.cwl\n", {"a.cwl"}),
            ("run: {$import: a.cwl}\n", {"a.cwl"}),
            ("- $import: a.cwl", {"a.cwl"}),
            ("run:\n  class: CommandLineTool\n", set()),
            ("run: '#main'\nrun: \n", set()),
            ("# run: a.cwl\n  # {run: b.cwl}\n", set()),
            ("prerun: a.cwl\nrun:a.cwl\n-run: a.cwl\n", set()),
            ("run: |\n  text\n", set()),
        ],
    )
    def test_finds_run_targets(self, text: str, targets: set[str]) -> None:
        assert find_run_targets(text.encode()) == targets

    def test_agrees_with_the_parser(self) -> None:
        compared = 0
        for path in sorted(CORPUS.rglob("*.cwl")):
            data = path.read_bytes()
            try:
                references = find_references(data, path)
            except CwlInvalid:
                continue
            named = {item.text.partition("#")[0] for item in references if item.kind in ("run", "import")}
            assert find_run_targets(data) == named, path.name
            compared += 1
        assert compared > 90

    @pytest.mark.parametrize(
        ("text", "name"),
        [
            ("cwlVersion: v1.2\nclass: Workflow\n", "Workflow"),
            (
                "  steps:\n    a:\n      run:\n        class: CommandLineTool\n  class: 'Workflow'\n",
                "Workflow",
            ),
            ("steps:\n- run:\n    class: Workflow\nclass: CommandLineTool\n", "CommandLineTool"),
            ("$graph:\n- class: CommandLineTool\n- class: Workflow\n", "Workflow"),
            ("$graph:\n- class: CommandLineTool\n- {class: ExpressionTool}\n", "CommandLineTool"),
            ('{"a": {"class": "Workflow"}, "class": "CommandLineTool"}', "CommandLineTool"),
            ('{"$graph": [{"class": "ExpressionTool"}, {"class": "Workflow"}]}', "Workflow"),
            ("{class: Workflow, steps: {}}", "Workflow"),
            ("a: 1\n", None),
            ("", None),
        ],
    )
    def test_sniffs_the_class(self, text: str, name: str | None) -> None:
        assert sniff_class(text.encode()) == name


class TestRootDocuments:
    def roots(self, folder: Path) -> list[str]:
        files = sorted(folder.rglob("*.cwl"))
        return [path.relative_to(folder).as_posix() for path in root_documents(folder, files)]

    def test_workflows_that_no_other_file_runs(self, tmp_path: Path) -> None:
        packed = {"$graph": [{"class": "Workflow", "id": "main", "steps": [{"run": "tools/a.cwl"}]}]}
        write(
            tmp_path,
            top=workflow("tools/a.cwl", "sub/inner.cwl", "%s"),
            sub__inner=workflow("../tools/a.cwl"),
            tools__a=TOOL,
            packed=json.dumps(packed),
            odd="class: Worflow\n",
        )
        assert self.roots(tmp_path) == ["odd.cwl", "packed.cwl", "top.cwl"]

    def test_unreadable_files_are_kept(self, tmp_path: Path) -> None:
        write(tmp_path, tool=TOOL)
        (tmp_path / "binary.cwl").write_bytes(b"class: CommandLineTool\n\0")
        (tmp_path / "gone.cwl").symlink_to("nowhere")
        assert self.roots(tmp_path) == ["binary.cwl", "gone.cwl"]
        assert len(root_documents(tmp_path, [Path("tool.cwl")], max_bytes=10)) == 1

    def test_rings_keep_one_root(self, tmp_path: Path) -> None:
        write(tmp_path, a=workflow("b.cwl"), b=workflow("a.cwl", "c.cwl"), c=workflow(), d=workflow("d.cwl"))
        assert self.roots(tmp_path) == ["a.cwl", "d.cwl"]

    def test_a_hint_decides(self, tmp_path: Path) -> None:
        def hint(word: str) -> str:
            return f"hints:\n  - class: chronos:DAG\n    enabled: {word}\n"

        write(
            tmp_path,
            off=workflow(extra=hint("false")),
            inner=workflow(extra="hints: {chronos:DAG: {enabled: true}}\n"),
            tool=TOOL + hint("true"),
            top=workflow("inner.cwl", extra="hints: {chronos:DAG: {schedule: daily}}\n"),
            mentioned=workflow(extra="doc: 'see chronos:DAG, enabled: false'\n"),
        )
        assert self.roots(tmp_path) == ["inner.cwl", "mentioned.cwl", "tool.cwl", "top.cwl"]

    def test_a_hint_of_the_main_process_decides(self, tmp_path: Path) -> None:
        def process(name: str, enabled: str) -> str:
            return (
                f"- id: {name}\n  class: Workflow\n  hints: [{{class: 'chronos:DAG', enabled: {enabled}}}]\n"
            )

        write(tmp_path, g="$graph:\n" + process("other", "true") + process("main", "false"))
        assert self.roots(tmp_path) == []

    def test_sees_changes(self, tmp_path: Path) -> None:
        write(tmp_path, a=workflow(), b=workflow())
        assert self.roots(tmp_path) == ["a.cwl", "b.cwl"]
        write(tmp_path, a=workflow("b.cwl"))
        os.utime(tmp_path / "a.cwl", ns=(1, 1))
        assert self.roots(tmp_path) == ["a.cwl"]

    def test_does_not_read_unchanged_files_again(self, tmp_path: Path) -> None:
        write(tmp_path, a=workflow("b.cwl"), b=workflow())
        os.utime(tmp_path / "a.cwl", ns=(1, 1))
        assert self.roots(tmp_path) == ["a.cwl"]
        # Same size and time: the text is not looked at.
        write(tmp_path, a=workflow("c.cwl"))
        os.utime(tmp_path / "a.cwl", ns=(1, 1))
        assert self.roots(tmp_path) == ["a.cwl"]
