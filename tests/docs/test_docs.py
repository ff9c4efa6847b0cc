"""What the documents say, held against the code."""

from __future__ import annotations

import argparse
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from chronos_plugin.cli import runner
from chronos_plugin.compiler.compile import compile_file
from chronos_plugin.options import OPTIONS

CHECKOUT = Path(__file__).resolve().parents[2]
PAGES = [CHECKOUT / "README.md", CHECKOUT / "CHANGELOG.md", *sorted((CHECKOUT / "docs").rglob("*.md"))]
RUNNER = "chronos-cwl-runner"


def _name(page: Path) -> str:
    return str(page.relative_to(CHECKOUT))


def _blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_is_documented_with_its_default(option: str) -> None:
    rows = (CHECKOUT / "docs" / "settings.md").read_text().splitlines()
    cells = next(r for r in rows if r.startswith(f"| `{option}` |")).split(" | ")
    assert cells[1:3] == [OPTIONS[option]["type"], f"`{OPTIONS[option]['default'] or ' '}`"]


def test_no_option_is_documented_that_is_none() -> None:
    rows = (CHECKOUT / "docs" / "settings.md").read_text()
    assert set(re.findall(r"^\| `(\w+)` \|", rows, re.MULTILINE)) == set(OPTIONS)


def _airflow_commands(group: object, words: str) -> list[tuple[str, object]]:
    found = []
    for command in group.subcommands:  # type: ignore[attr-defined]
        name = f"{words} {command.name}"
        found += _airflow_commands(command, name) if hasattr(command, "subcommands") else [(name, command)]
    return found


def test_every_airflow_command_is_documented_with_its_options() -> None:
    from chronos_plugin.cli.definition import get_commands

    text = "".join(page.read_text() for page in PAGES)
    for name, command in _airflow_commands(get_commands()[0], "airflow chronos"):
        assert f"`{name}" in text
        for argument in command.args:  # type: ignore[attr-defined]
            flag = next((f for f in argument.flags if f.startswith("--")), None)
            assert flag is None or flag == "--output" or f"`{flag}" in text, f"{name} {flag}"


def test_every_option_of_the_runner_is_documented() -> None:
    text = (CHECKOUT / "docs" / "command-line.md").read_text()
    parser: argparse.ArgumentParser = runner._parser()
    flags = {flag for action in parser._actions for flag in action.option_strings if flag.startswith("--")}
    assert sorted(flag for flag in flags if f"`{flag}" not in text) == []


def test_every_page_and_error_is_reachable() -> None:
    readme = (CHECKOUT / "README.md").read_text()
    for page in (CHECKOUT / "docs").glob("*.md"):
        assert f"(docs/{page.name})" in readme
    from chronos_plugin import errors

    text = (CHECKOUT / "docs" / "errors.md").read_text()
    for value in vars(errors).values():
        if isinstance(value, type) and issubclass(value, errors.ChronosError):
            assert value.__name__ in text


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_links_lead_somewhere(page: Path) -> None:
    for target, heading in re.findall(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)", page.read_text()):
        if "://" in target:
            continue
        file = page.parent / target if target else page
        assert file.exists(), target
        if heading:
            titles = re.findall(r"^#+ (.*)$", file.read_text(), re.MULTILINE)
            anchors = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
            assert heading in anchors, f"{target}#{heading}"


def _documents() -> list[tuple[str, str]]:
    return [
        (f"{page.stem}-{number}", text)
        for page in PAGES
        for number, text in enumerate(_blocks(page, "yaml"))
        if "cwlVersion" in text
    ]


@pytest.mark.parametrize(("name", "text"), _documents(), ids=[name for name, _ in _documents()])
def test_documents_in_the_pages_become_dags(name: str, text: str, tmp_path: Path) -> None:
    from chronos_plugin.cwl.roots import root_documents

    file = tmp_path / f"{name}.cwl"
    file.write_text(text)
    assert compile_file(file, cache_root=tmp_path / "cache").graph.tasks
    assert root_documents(tmp_path, [file]) == [file]


@pytest.mark.parametrize(
    "text", [text for page in PAGES for text in _blocks(page, "python")], ids=lambda _: "block"
)
def test_python_in_the_pages_parses(text: str) -> None:
    compile(text, "page", "exec")


def _commands() -> list[str]:
    lines = [line for page in PAGES for block in _blocks(page, "console") for line in block.splitlines()]
    commands = [line.removeprefix("$ ") for line in lines if line.startswith(f"$ {RUNNER} ")]
    return list(dict.fromkeys(c for c in commands if "dags/examples/" in c and "--server" not in c))


def test_there_are_commands_to_run() -> None:
    assert len(_commands()) >= 3


@pytest.mark.parametrize("command", _commands())
def test_commands_in_the_pages_run(command: str, tmp_path: Path) -> None:
    words = shlex.split(command, comments=True)[1:]
    done = subprocess.run(
        [sys.executable, "-m", "chronos_plugin.cli.runner", "--outdir", str(tmp_path / "outputs"), *words],
        cwd=CHECKOUT,
        env={**os.environ, "CHRONOS_CACHE_ROOT": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "text",
    [t for page in PAGES for t in _blocks(page, "yaml") if re.match(r"(targets|bindings):", t)],
    ids=lambda _: "block",
)
def test_targets_files_in_the_pages_fit_the_schema(text: str) -> None:
    import yaml
    from jsonschema import validate

    from chronos_plugin.execution.bindings.schema import TARGETS_FILE

    validate(yaml.safe_load(text), TARGETS_FILE)
