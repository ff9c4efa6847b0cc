"""``airflow chronos validate``, ``compile``, ``graph`` and ``inputs-template``."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chronos_plugin.compiler.graph import TaskGraph
from chronos_plugin.cwl.yaml import load_yaml
from tests.cli.conftest import DATA

pytestmark = pytest.mark.filterwarnings("ignore")
CHAIN = str(DATA / "chain.cwl")


def test_validate_names_place_and_what_to_do(airflow: Callable[..., Any]) -> None:
    status, out, err = airflow("validate", str(DATA / "broken.cwl"), CHAIN)
    assert status == 1
    assert err == ""
    lines = out.splitlines()
    assert lines[0] == f"{DATA / 'broken.cwl'}:5:16: `sting` is no type"
    assert lines[1] == "What to do: did you mean `string`?"
    assert f"{CHAIN}: Workflow, CWL v1.2, 5 tasks" in lines
    assert lines[-1] == "1 of 2 valid"


def test_validate_of_a_folder_in_json(airflow: Callable[..., Any]) -> None:
    status, out, _ = airflow("validate", str(DATA), CHAIN, "--json")
    rows = {Path(row["file"]).name: row for row in json.loads(out)}
    assert status == 1
    assert {name: row["ok"] for name, row in rows.items()} == {
        "broken.cwl": False,
        "chain.cwl": True,
        "inner.cwl": True,
        "missing.cwl": False,
        "tool.cwl": True,
    }
    assert (rows["missing.cwl"]["line"], rows["missing.cwl"]["column"]) == (6, 46)
    assert "tool.cwl" in rows["missing.cwl"]["suggestion"]


@pytest.mark.parametrize("name", ["no/such.cwl", "data"])
def test_validate_of_what_is_not_there(airflow: Callable[..., Any], name: str) -> None:
    status, out, err = airflow("validate", str(DATA / name))
    assert status == 1
    assert name in out + err
    assert "Traceback" not in out + err


def test_compile_shows_tasks(airflow: Callable[..., Any]) -> None:
    status, out, _ = airflow("compile", CHAIN)
    assert status == 0
    row = next(line for line in out.splitlines() if line.startswith("each "))
    assert row.split() == ["each", "step", "CommandLineTool", "each.scatter", "each.scatter", "cores=2.0"]


def test_compile_in_json_is_the_task_graph(airflow: Callable[..., Any]) -> None:
    _, out, _ = airflow("compile", CHAIN, "--json")
    graph = TaskGraph.from_json(json.loads(out))
    assert graph.tasks[0].id == "chronos.inputs"
    assert graph.task("again.once").group == "again"


def test_compile_of_a_broken_document(airflow: Callable[..., Any]) -> None:
    status, out, err = airflow("compile", str(DATA / "broken.cwl"))
    assert (status, out) == (1, "")
    assert err.startswith("airflow chronos: broken.cwl:5:16: `sting` is no type\nWhat to do:")


def test_unsupported_has_its_own_status(airflow: Callable[..., Any], tmp_path: Path) -> None:
    text = (DATA / "tool.cwl").read_text()
    (tmp_path / "t.cwl").write_text(text + "requirements: {NoSuchRequirement: {}}\n")
    assert airflow("compile", str(tmp_path / "t.cwl"))[0] == 33


def test_tree(airflow: Callable[..., Any]) -> None:
    _, out, _ = airflow("graph", CHAIN)
    lines = out.splitlines()
    assert lines[0] == "A chain (CWL v1.2)"
    assert "  again/" in lines
    assert lines[lines.index("  again/") + 1].startswith("    again.once  [CommandLineTool]")


@pytest.mark.parametrize(
    ("suffix", "start", "edge"),
    [
        ("mmd", "flowchart LR\n", "t_each_scatter --> t_each\n"),
        ("dot", "digraph {\n", '"each.scatter" -> "each";\n'),
        ("txt", "A chain", "each.scatter"),
    ],
)
def test_pictures_by_suffix(
    airflow: Callable[..., Any], tmp_path: Path, suffix: str, start: str, edge: str
) -> None:
    target = tmp_path / f"chain.{suffix}"
    assert airflow("graph", CHAIN, "-o", str(target))[0] == 0
    text = target.read_text()
    assert text.startswith(start)
    assert edge in text


def test_picture_that_cannot_be_written(airflow: Callable[..., Any], tmp_path: Path) -> None:
    status, _, err = airflow("graph", CHAIN, "-o", str(tmp_path / "no" / "chain.dot"))
    assert status == 1
    assert "cannot be written" in err


def test_template_says_type_doc_and_default(airflow: Callable[..., Any]) -> None:
    _, out, _ = airflow("inputs-template", CHAIN)
    assert "# What to copy.\n# One file each.\n# type: File[]\nfiles: [" in out
    assert "# How often\n# type: int, optional\n# count: 3\n" in out
    assert "# type: one of fast, exact\nmode:" in out
    assert "# type: string, optional\n# note:" in out


def test_template_is_an_input_object_with_what_is_required(airflow: Callable[..., Any]) -> None:
    _, out, _ = airflow("inputs-template", CHAIN)
    assert load_yaml(out, "job") == {
        "files": [{"class": "File", "path": "path/to/file"}],
        "mode": "fast",
    }


def test_template_in_json_is_a_schema_with_an_example(airflow: Callable[..., Any]) -> None:
    _, out, _ = airflow("inputs-template", CHAIN, "--json")
    schema = json.loads(out)
    assert schema["required"] == ["files", "mode"]
    assert schema["properties"]["count"]["default"] == 3
    assert schema["properties"]["mode"]["enum"] == ["fast", "exact"]
    assert schema["examples"][0]["mode"] == "fast"


def test_run_here(airflow: Callable[..., Any], tmp_path: Path) -> None:
    source = tmp_path / "in.txt"
    source.write_text("content")
    words = [
        "run",
        str(DATA / "tool.cwl"),
        "--local",
        "--outdir",
        str(tmp_path / "out"),
        "--file",
        str(source),
    ]
    status, out, err = airflow(*words)
    assert status == 0, err
    assert json.loads(out)["copy"]["path"] == str(tmp_path / "out" / "copy.txt")
    assert (tmp_path / "out" / "copy.txt").read_text() == "content"


def test_outputs_of_the_latest_run(
    airflow: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chronos_plugin.execution.store import run_folder, write_json

    monkeypatch.setenv("AIRFLOW__CHRONOS__WORK_ROOT", str(tmp_path))
    file = {"class": "File", "location": "file:///out/a%20b.txt", "size": 3, "basename": "a b.txt"}
    for run, hour in (("b:new", "11"), ("a:old", "10")):
        folder = run_folder(tmp_path, "my dag", run)
        write_json(folder / "run.json", {"started": f"2026-01-01T{hour}:00:00"})
        write_json(folder / "outputs.json", {"files": [file], "name": run})
    status, out, _ = airflow("outputs", "my dag")
    assert status == 0
    assert "run b:new\n" in out
    assert "files[0]  /out/a b.txt (3 bytes)\n" in out
    _, out, _ = airflow("outputs", "my dag", "a:old", "--json")
    assert json.loads(out)["outputs"]["name"] == "a:old"
    assert airflow("outputs", "my dag", "c:none")[0] == 1
    shutil.rmtree(tmp_path / "my%20dag")
    assert airflow("outputs", "my dag")[0] == 1


@pytest.mark.parametrize(
    "command",
    ["validate", "compile", "graph", "inputs-template", "run", "outputs", "deploy", "withdraw"],
)
def test_help_has_an_example(airflow: Callable[..., Any], command: str) -> None:
    status, out, _ = airflow(command, "--help")
    assert status == 0
    assert f"For example: airflow chronos {command} " in " ".join(out.split())
