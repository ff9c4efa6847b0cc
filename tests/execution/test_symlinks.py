"""Symbolic links among outputs: to the tool's own files and to its inputs, and to nothing else."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from chronos_plugin.errors import StepFailed
from chronos_plugin.execution.symlinks import OutputLinks

Launch = Callable[..., Any]


def tool(script: str, outputs: str, inputs: str = "{}", more: str = "") -> str:
    """Return a tool that runs a shell script."""
    return (
        "cwlVersion: v1.2\nclass: CommandLineTool\n"
        f"requirements: {{InlineJavascriptRequirement: {{}}{more}}}\n"
        f"baseCommand: [sh, -c, {json.dumps(script)}, tool]\n"
        f"inputs: {inputs}\noutputs: {outputs}\n"
    )


FILE = "{o: {type: File, outputBinding: {glob: o}}}"
FOLDER = "{o: {type: Directory, outputBinding: {glob: o}}}"
ONE_INPUT = "{f: {type: File, inputBinding: {}}}"
FOLDER_INPUT = "{f: {type: Directory, inputBinding: {}}}"


def place(output: dict[str, Any]) -> Path:
    return Path(unquote(urlsplit(output["location"]).path))


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A file that is neither output nor input."""
    file = tmp_path / "elsewhere.txt"
    file.write_text("secret")
    return file


@pytest.mark.parametrize(
    ("script", "outputs"),
    [
        ("ln -s {} o", FILE),
        ("ln -s {} a && ln -s a o", FILE),
        ("mkdir o && ln -s {} o/inner", FOLDER),
        ("mkdir -p o/deep && ln -s {} o/deep/inner", FOLDER),
        ("echo x > o && ln -s {} o.idx", "{o: {type: File, secondaryFiles: .idx, outputBinding: {glob: o}}}"),
        ("echo x > $TMPDIR/t && ln -s $TMPDIR/t o", FILE),
        ('echo \'{{"o": {{"class": "File", "path": "o"}}}}\' > cwl.output.json && ln -s {} o', FILE),
    ],
)
def test_a_link_to_something_else_is_refused(
    launch: Launch, elsewhere: Path, caplog: pytest.LogCaptureFixture, script: str, outputs: str
) -> None:
    with pytest.raises(StepFailed, match="could not be collected"):
        launch(tool(script.format(elsewhere), outputs))
    assert "symbolic link" in caplog.text


def test_a_folder_that_is_a_link_to_something_else_is_refused(launch: Launch, elsewhere: Path) -> None:
    with pytest.raises(StepFailed, match="could not be collected"):
        launch(tool(f"ln -s {elsewhere.parent} o", FOLDER))


def test_a_dangling_link_in_a_folder_is_refused(launch: Launch) -> None:
    with pytest.raises(StepFailed, match="could not be collected"):
        launch(tool("mkdir o && ln -s /nowhere/at/all o/inner", FOLDER))


def test_links_that_are_no_outputs_do_not_matter(launch: Launch, elsewhere: Path) -> None:
    ended = launch(tool(f"ln -s {elsewhere} mine; echo x > o", FILE))
    assert place(ended.outputs["o"]).read_text() == "x\n"


@pytest.mark.parametrize(
    "script",
    [
        "mkdir a && echo x > a/b && ln -s a/b o",
        "mkdir a && echo x > a/b && ln -s $PWD/a/b o",
        "echo x > b && ln -s b c && ln -s c o",
    ],
)
def test_a_link_to_an_own_file_is_that_file(launch: Launch, script: str) -> None:
    published = place(launch(tool(script, FILE)).outputs["o"])
    assert published.read_text() == "x\n"
    assert not published.is_symlink()


def test_a_link_to_an_input_is_the_input(launch: Launch, elsewhere: Path) -> None:
    ended = launch(tool('ln -s "$1" o', FILE, ONE_INPUT), {"f": str(elsewhere)})
    assert place(ended.outputs["o"]).read_text() == "secret"


def test_a_link_into_an_input_folder_inside_a_folder(launch: Launch, tmp_path: Path) -> None:
    given = tmp_path / "given"
    (given / "deep").mkdir(parents=True)
    (given / "deep" / "file").write_text("x")
    script = 'mkdir o && ln -s "$1/deep/file" o/file && ln -s "$1/deep" o/deep'
    ended = launch(tool(script, FOLDER, FOLDER_INPUT), {"f": str(given)})
    published = place(ended.outputs["o"])
    assert (published / "file").read_text() == (published / "deep" / "file").read_text() == "x"


def test_a_link_to_an_input_holds_for_the_next_step(launch: Launch, elsewhere: Path) -> None:
    text = """\
cwlVersion: v1.2
class: Workflow
inputs: {f: File}
outputs: {o: {type: File, outputSource: read/o}}
steps:
  link: {run: link.cwl, in: {f: f}, out: [o]}
  read: {run: read.cwl, in: {f: link/o}, out: [o]}
"""
    files = {
        "link.cwl": tool('ln -s "$1" o', FILE, ONE_INPUT),
        "read.cwl": tool('cat "$1" > o', FILE, ONE_INPUT),
    }
    ended = launch(text, {"f": str(elsewhere)}, files=files)
    assert place(ended.outputs["o"]).read_text() == "secret"


def test_an_input_staged_into_the_output_folder(launch: Launch, elsewhere: Path) -> None:
    more = ", InitialWorkDirRequirement: {listing: [{entry: $(inputs.f), entryname: o}]}"
    ended = launch(tool("true", FILE, "{f: File}", more), {"f": str(elsewhere)})
    assert place(ended.outputs["o"]).read_text() == "secret"


def test_paths_of_a_container_are_seen_from_outside(tmp_path: Path) -> None:
    out, given = tmp_path / "out", tmp_path / "given.txt"
    (out / "sub").mkdir(parents=True)
    given.write_text("x")
    (out / "own").write_text("y")
    (out / "sub" / "input").symlink_to("/var/lib/cwl/stg1/given.txt")
    (out / "sub" / "output").symlink_to("/var/spool/cwl/own")
    (out / "other").symlink_to("/etc/hostname")
    links = OutputLinks(str(out), "/var/spool/cwl", {"/var/lib/cwl/stg1/given.txt": str(given)})
    links.settle()
    assert (out / "sub" / "input").read_text() == "x"
    assert (out / "sub" / "output").read_text() == "y"
    assert os.readlink(out / "sub" / "output") == "../own"
    assert os.readlink(out / "other") == "/etc/hostname"


@pytest.mark.docker
def test_links_made_in_a_container(launch: Launch, elsewhere: Path) -> None:
    hint = ", DockerRequirement: {dockerPull: 'debian:stable-slim'}"
    script = 'ln -s "$1" o && echo own > a && ln -s $PWD/a b'
    outputs = "{o: {type: File, outputBinding: {glob: o}}, b: {type: File, outputBinding: {glob: b}}}"
    ended = launch(tool(script, outputs, ONE_INPUT, hint), {"f": str(elsewhere)}, container_engine="docker")
    assert place(ended.outputs["o"]).read_text() == "secret"
    assert place(ended.outputs["b"]).read_text() == "own\n"


@pytest.mark.docker
def test_a_container_hands_out_no_file_of_the_host(launch: Launch, elsewhere: Path) -> None:
    hint = ", DockerRequirement: {dockerPull: 'debian:stable-slim'}"
    with pytest.raises(StepFailed, match="could not be collected"):
        launch(tool(f"ln -s {elsewhere} o", FILE, more=hint), container_engine="docker")
