"""What the documents say, held against the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from chronos_plugin.compiler.compile import compile_file
from chronos_plugin.settings import OPTIONS

CHECKOUT = Path(__file__).resolve().parents[2]
PAGES = [CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_is_documented_with_its_default(option: str) -> None:
    rows = (CHECKOUT / "docs" / "settings.md").read_text().splitlines()
    row = next(r for r in rows if r.startswith(f"| `{option}` |"))
    assert f"`{OPTIONS[option]['default'] or ' '}`" in row


def test_every_command_is_documented() -> None:
    from chronos_plugin.cli.definition import get_commands

    text = (CHECKOUT / "docs" / "command-line.md").read_text()
    for command in get_commands()[0].subcommands:
        assert f"`airflow chronos {command.name} " in text


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(CHECKOUT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def _examples() -> list[tuple[str, str]]:
    found = []
    for page in PAGES:
        for number, text in enumerate(re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL)):
            if "cwlVersion" in text:
                found.append((f"{page.stem}-{number}", text))
    return found


@pytest.mark.parametrize(("name", "text"), _examples(), ids=lambda v: v if "\n" not in v else "")
def test_examples_compile(name: str, text: str, tmp_path: Path) -> None:
    file = tmp_path / f"{name}.cwl"
    file.write_text(text)
    assert compile_file(file, cache_root=tmp_path / "cache").graph.tasks
