"""From what a user writes to an input object, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chronos_plugin.errors import InputInvalid
from chronos_plugin.execution.inputs import locate, normal_requirements

Launch = Callable[..., Any]


def tool(kind: str) -> str:
    """Return a document that hands its input through."""
    return (
        "cwlVersion: v1.2\nclass: ExpressionTool\nrequirements: {InlineJavascriptRequirement: {}}\n"
        f"inputs: {{v: {{type: {kind}}}}}\noutputs: {{r: Any}}\n"
        "expression: '$({r: JSON.stringify(inputs.v)})'\n"
    )


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("int", "1"),
        ("int", 1.5),
        ("string", 1),
        ("boolean", "true"),
        ("'int[]'", 1),
        ("'int[]'", ["a"]),
        ("{type: enum, symbols: [a, b]}", "c"),
        ("{type: record, fields: {n: int}}", {"n": "x"}),
        ("{type: record, fields: {n: int}}", {}),
        ("File", 3),
        ("string", None),
    ],
)
def test_wrong_values_are_refused_by_name(launch: Launch, kind: str, value: Any) -> None:
    with pytest.raises(InputInvalid, match=r"\bv\b"):
        launch(tool(kind), {"v": value})


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("long", 2**53),
        ("double", 1),
        ("string?", None),
        ("[int, string]", "a"),
        ("{type: enum, symbols: [a, b]}", "b"),
        ("{type: record, fields: {n: int, s: string?}}", {"n": 1}),
        ("{type: array, items: {type: array, items: int}}", [[], [1]]),
        ("Any", {"x": [1]}),
    ],
)
def test_right_values_arrive(launch: Launch, kind: str, value: Any) -> None:
    import json

    result = json.loads(launch(tool(kind), {"v": value}).outputs["r"])
    if isinstance(value, dict) and "n" in value:
        result = {k: v for k, v in result.items() if v is not None}
    assert result == value


def test_unknown_input_is_ignored_not_passed_on(launch: Launch) -> None:
    assert launch(tool("int"), {"v": 1, "other": 2}).outputs == {"r": "1"}


@pytest.mark.parametrize(
    "written", ["path", "relative", "uri", "object path", "object location", "in record"]
)
def test_ways_to_write_a_file(launch: Launch, tmp_path: Path, written: str) -> None:
    file = tmp_path / "bundle" / "a b#1.txt"
    values: dict[str, Any] = {
        "path": str(file),
        "relative": "a b#1.txt",
        "uri": file.as_uri(),
        "object path": {"class": "File", "path": "a b#1.txt"},
        "object location": {"class": "File", "location": "a%20b%231.txt"},
        "in record": {"f": "a b#1.txt"},
    }
    kind = "{type: record, fields: {f: File}}" if written == "in record" else "File"
    text = f"""\
cwlVersion: v1.2
class: CommandLineTool
requirements: {{InlineJavascriptRequirement: {{}}}}
baseCommand: cat
inputs: {{v: {{type: {kind}}}}}
arguments: ["$((inputs.v.f || inputs.v).path)"]
outputs: {{said: {{type: string, outputBinding: {{glob: out, loadContents: true, outputEval: "$(self[0].contents)"}}}}}}
stdout: out
"""
    files = {"a b#1.txt": "content"}
    assert launch(text, {"v": values[written]}, files=files).outputs == {"said": "content"}


def test_inputs_in_a_symbolic_link_out_of_the_roots_are_refused(launch: Launch, tmp_path: Path) -> None:
    roots = tmp_path / "roots"
    roots.mkdir()
    (tmp_path / "secret").write_text("s")
    (roots / "inside").write_text("i")
    (roots / "link").symlink_to(tmp_path / "secret")
    assert launch(tool("File"), {"v": str(roots / "inside")}, input_roots=(roots,)).outputs
    for path in (roots / "link", roots / ".." / "secret", tmp_path / "roots2"):
        with pytest.raises(InputInvalid, match="input_roots"):
            launch(tool("File"), {"v": str(path)}, input_roots=(roots,))


def test_files_inside_other_values_are_checked_too(launch: Launch, tmp_path: Path) -> None:
    (tmp_path / "allowed").mkdir()
    secret = {"class": "File", "location": "file:///etc/hostname"}
    literal = {"class": "Directory", "basename": "d", "listing": [secret]}
    for kind, value in (("Any", {"x": [secret]}), ("Directory", literal), ("'File[]'", [secret])):
        with pytest.raises(InputInvalid, match="input_roots"):
            launch(tool(kind), {"v": value}, input_roots=(tmp_path / "allowed",))


def test_files_of_the_bundle_need_no_root(launch: Launch, tmp_path: Path) -> None:
    launched = launch(
        tool("File"), {"v": "beside.txt"}, files={"beside.txt": ""}, input_roots=(tmp_path / "r",)
    )
    assert "beside.txt" in launched.outputs["r"]


@pytest.mark.parametrize(
    ("text", "reference", "uri"),
    [
        ("a.nc", False, "file:///b/a.nc"),
        ("../a b.nc", False, "file:///a%20b.nc"),
        ("/x/%20", False, "file:///x/%2520"),
        ("x%20y", True, "file:///b/x%20y"),
        ("https://host/x", False, "https://host/x"),
        ("file:///x", True, "file:///x"),
        ("_:literal", False, "_:literal"),
    ],
)
def test_locate(text: str, reference: bool, uri: str) -> None:
    assert locate(text, Path("/b"), reference=reference) == uri


def test_requirements_as_a_list_or_by_class() -> None:
    expected = [{"class": "EnvVarRequirement", "envDef": [{"envName": "A", "envValue": "1"}]}]
    assert normal_requirements({"EnvVarRequirement": {"envDef": {"A": "1"}}}) == expected
    assert normal_requirements(expected) == expected
    assert normal_requirements([]) == []


@pytest.mark.parametrize(
    "wrong", ["text", 1, [{"envDef": {}}], ["EnvVarRequirement"], {"EnvVarRequirement": None}, [[]]]
)
def test_what_is_no_requirements_is_refused(wrong: Any) -> None:
    with pytest.raises(InputInvalid, match="cwl:requirements"):
        normal_requirements(wrong)
