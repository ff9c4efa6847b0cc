"""The commands under ``airflow chronos`` that need no server."""

from __future__ import annotations

import json
import re
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from chronos_plugin.cli import commands, template
from chronos_plugin.cli.definition import get_commands
from chronos_plugin.compiler.compile import compile_file

DAGS = Path(__file__).resolve().parents[2] / "dags"
DEMO = DAGS / "swot_coverage.cwl"


def call(*words: str) -> int:
    """Parse a command line as Airflow does and run it; return the exit status."""
    parser = ArgumentParser()
    subparsers = parser.add_subparsers(required=True)
    for command in _single_commands():
        sub = subparsers.add_parser(command.name)
        for argument in command.args:
            argument.add_to_parser(sub)
        sub.set_defaults(function=getattr(commands, command.name.replace("-", "_")))
    arguments = parser.parse_args(words)
    try:
        arguments.function(arguments)
    except SystemExit as ending:
        return int(ending.code or 0)
    return 0


def _single_commands() -> list[Any]:
    """Return the commands of documents and runs; groups have tests of their own."""
    elsewhere = ("activity", "recorder")
    found = get_commands()[0].subcommands
    return [c for c in found if not hasattr(c, "subcommands") and c.name not in elsewhere]


def test_every_command_can_be_called() -> None:
    for command in _single_commands():
        assert callable(getattr(commands, command.name.replace("-", "_")))


def test_validate_says_where_and_what(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "good.cwl").write_text(
        "cwlVersion: v1.2\nclass: Workflow\ninputs: []\noutputs: []\nsteps: []\n"
    )
    (tmp_path / "bad.cwl").write_text(
        "cwlVersion: v1.2\nclass: Workflow\ninputs: {a: sting}\noutputs: []\nsteps: []\n"
    )
    assert call("validate", str(tmp_path), "--json") == 1
    rows = {Path(r["file"]).name: r for r in json.loads(capsys.readouterr().out)}
    assert rows["good.cwl"]["ok"] is True
    assert (rows["bad.cwl"]["line"], rows["bad.cwl"]["ok"]) == (3, False)
    assert "string" in rows["bad.cwl"]["suggestion"]
    assert call("validate", str(tmp_path / "good.cwl")) == 0


def test_compile_and_graph(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert call("compile", str(DEMO), "--json") == 0
    graph = json.loads(capsys.readouterr().out)
    assert graph["tasks"][0]["id"] == "chronos.inputs"
    assert call("compile", str(DEMO)) == 0
    assert "swath.scatter" in capsys.readouterr().out
    for kind, mark in (("tree", "revisit/"), ("mermaid", "flowchart"), ("dot", "digraph")):
        assert call("graph", str(DEMO), "--format", kind, "-o", str(tmp_path / kind)) == 0
        assert mark in (tmp_path / kind).read_text()


def test_inputs_template_is_an_input_object(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("inputs-template", str(DAGS / "examples" / "hello.cwl")) == 0
    text = capsys.readouterr().out
    assert "# type: string, optional" in text
    assert yaml.safe_load(re.sub(r"^# (?=\w+: )(?!type)", "", text, flags=re.MULTILINE)) == {"name": "world"}


def test_template_of_required_inputs_fits_the_schema(tmp_path: Path) -> None:
    document = tmp_path / "many.cwl"
    document.write_text(
        "cwlVersion: v1.2\nclass: ExpressionTool\nrequirements: {InlineJavascriptRequirement: {}}\n"
        "inputs: {a: int, b: 'string[]', c: File, d: {type: {type: enum, symbols: [x, y]}}, "
        "e: {type: {type: record, fields: {f: double, g: boolean}}}}\n"
        "outputs: []\nexpression: '${return {};}'\n"
    )
    graph = compile_file(document, cache_root=tmp_path / "cache").graph
    jsonschema.validate(yaml.safe_load(template.template(graph)), template.json_schema(graph))


def test_errors_have_a_status_and_no_traceback(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("compile", str(tmp_path / "missing.cwl")) == 1
    said = capsys.readouterr().err
    assert "missing.cwl" in said
    assert "Traceback" not in said


def test_local_run(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    hello = str(DAGS / "examples" / "hello.cwl")
    assert call("run", hello, "--local", "--quiet", "--outdir", str(tmp_path), "--", "--name", "Kourou") == 0
    outputs: Any = json.loads(capfd.readouterr().out)
    assert Path(outputs["greeting"]["path"]).read_text() == "Hello Kourou\n"
