"""Job files and arguments of the runner."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from chronos_plugin.compiler.schema import json_schema
from chronos_plugin.errors import InputInvalid
from chronos_plugin.execution.job import load_job

SCHEMAS = {
    "n": json_schema("int"),
    "x": json_schema(["null", "double"]),
    "s": json_schema("string"),
    "flag": json_schema("boolean"),
    "file": json_schema("File"),
    "files": json_schema({"type": "array", "items": "File"}),
    "words": json_schema({"type": "array", "items": "string"}),
}


def values(*arguments: str) -> dict[str, Any]:
    """Return the input object that arguments mean."""
    return load_job("tool.cwl", None, list(arguments)).values(lambda: SCHEMAS)


def test_arguments_by_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = {"class": "File", "location": (tmp_path / "a b.nc").as_uri()}
    assert values("--n", "3", "--x", "1e3", "--s", "4", "--flag", "--file", "a b.nc") == {
        "n": 3,
        "x": 1000.0,
        "s": "4",
        "flag": True,
        "file": file,
    }
    assert values("--files", "a b.nc", "--words", "x", "y", "--no-flag") == {
        "files": [file],
        "words": ["x", "y"],
        "flag": False,
    }
    assert values("--words") == {"words": []}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--n", "three"], "--n three: write an integer"),
        (["--x", "y"], "--x y: write a number"),
        (["--unknown", "1"], "unknown argument --unknown; inputs are: --n, --x"),
        (["--n"], "expected one argument"),
    ],
)
def test_wrong_arguments(arguments: list[str], message: str) -> None:
    with pytest.raises(InputInvalid, match=message):
        values(*arguments)


def test_schemas_are_not_asked_for_without_arguments(tmp_path: Path) -> None:
    def never() -> dict[str, Any]:
        raise AssertionError

    (tmp_path / "job.yml").write_text("n: 1\n")
    assert load_job("tool.cwl", str(tmp_path / "job.yml"), []).values(never) == {"n": 1}


def test_job_file_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "job.yml").write_text(
        "$namespaces: {edam: 'http://edamontology.org/'}\n"
        "cwl:requirements: [{class: WorkReuse}]\n"
        "fs:\n- {class: File, path: a#b.nc, format: edam:f_1}\n- {class: Directory, location: c%20d}\n"
        "r: {f: {class: File, location: 'https://host/x'}}\n"
    )
    job = load_job("tool.cwl", str(tmp_path / "job.yml"), [])
    assert job.requirements == [{"class": "WorkReuse"}]
    assert job.loaded == {
        "fs": [
            {
                "class": "File",
                "location": f"file://{tmp_path}/a%23b.nc",
                "format": "http://edamontology.org/f_1",
            },
            {"class": "Directory", "location": f"file://{tmp_path}/c%20d"},
        ],
        "r": {"f": {"class": "File", "location": "https://host/x"}},
    }


def test_job_file_that_names_its_tool(tmp_path: Path) -> None:
    (tmp_path / "job.yml").write_text("cwl:tool: sub/tool.cwl#main\nn: 1\n")
    job = load_job(str(tmp_path / "job.yml"), None, [])
    assert job.process == f"{tmp_path}/sub/tool.cwl#main"
    assert job.loaded == {"n": 1}


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO('{"n": 2}'))
    assert load_job("tool.cwl", "-", []).loaded == {"n": 2}


@pytest.mark.parametrize(
    ("text", "message"),
    [("[1, 2]", "must be a YAML or JSON mapping"), ("a: [", "job.yml"), ("text", "must be a YAML or JSON")],
)
def test_wrong_job_files(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "job.yml").write_text(text)
    with pytest.raises(InputInvalid, match=message):
        load_job("tool.cwl", str(tmp_path / "job.yml"), [])


def test_missing_and_empty_job_files(tmp_path: Path) -> None:
    with pytest.raises(InputInvalid, match="no such job file"):
        load_job("tool.cwl", str(tmp_path / "none.yml"), [])
    (tmp_path / "job.yml").write_text("")
    assert load_job("tool.cwl", str(tmp_path / "job.yml"), []).loaded == {}
