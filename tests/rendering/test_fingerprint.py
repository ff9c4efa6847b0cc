"""What a DAG is made from, and when it counts as unchanged."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chronos_plugin import settings
from chronos_plugin.rendering import importer
from chronos_plugin.rendering.importer import import_dag

WORKFLOW = """\
cwlVersion: v1.2
class: Workflow
requirements:
  InlineJavascriptRequirement:
    expressionLib: [{$include: library.js}]
  SchemaDefRequirement: {types: [{$import: types.yml}]}
inputs: {one: "types.yml#record?"}
outputs: []
steps:
  work: {in: {}, out: [], run: tools/tool.cwl}
"""
CHECKOUT = Path(__file__).resolve().parents[2]
FILES = {
    "library.js": "function f() { return 1; }\n",
    "types.yml": "{name: record, type: record, fields: [{name: a, type: string}]}\n",
    "tools/tool.cwl": "cwlVersion: v1.2\nclass: CommandLineTool\nbaseCommand: 'true'\ninputs: []\noutputs: []\n",
}

_seen: list[Path] | None = None


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open" and _seen is not None and isinstance(arguments[0], str | Path):
        _seen.append(Path(arguments[0]))


sys.addaudithook(_watch)


def fingerprint(path: Path, bundle: Path) -> str | None:
    """Return the file's fingerprint with the settings as they are."""
    return importer.fingerprint(path, bundle, settings.load())


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bundle with a workflow that includes files of each kind, and a cache of its own."""
    monkeypatch.setenv("AIRFLOW__CHRONOS__CACHE_ROOT", str(tmp_path / "cache"))
    home = tmp_path / "bundle"
    for name, text in {**FILES, "chain.cwl": WORKFLOW}.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text)
    return home


@pytest.fixture
def files_read() -> Callable[[Callable[[], Any]], set[Path]]:
    """Tell which files a call opens."""

    def watch(call: Callable[[], Any]) -> set[Path]:
        global _seen
        _seen = []
        try:
            call()
            return set(_seen)
        finally:
            _seen = None

    return watch


def test_there_is_none_before_the_document_is_compiled_and_while_it_is_broken(bundle: Path) -> None:
    file = bundle / "chain.cwl"
    assert fingerprint(file, bundle) is None
    import_dag(file, bundle)
    known = fingerprint(file, bundle)
    assert known is not None
    file.write_text("class: Workflow\n")
    assert fingerprint(file, bundle) is None
    file.unlink()
    assert fingerprint(file, bundle) is None
    file.write_text(WORKFLOW)
    assert fingerprint(file, bundle) == known


@pytest.mark.parametrize("name", ["chain.cwl", *FILES])
def test_it_changes_with_every_file(bundle: Path, name: str) -> None:
    file = bundle / "chain.cwl"
    import_dag(file, bundle)
    known = fingerprint(file, bundle)
    comment = "// more\n" if name.endswith(".js") else "# more\n"
    (bundle / name).write_text((bundle / name).read_text() + comment)
    assert fingerprint(file, bundle) is None
    import_dag(file, bundle)
    assert fingerprint(file, bundle) not in (None, known)


def test_it_changes_with_the_process_that_a_deployed_document_names(bundle: Path) -> None:
    tool = FILES["tools/tool.cwl"].removeprefix("cwlVersion: v1.2\n").replace("\n", "\n    ").rstrip()
    graph = f"cwlVersion: v1.2\n$graph:\n  - id: one\n    {tool}\n  - id: two\n    {tool}\n"
    home = bundle / "deployed" / "chain"
    home.mkdir(parents=True)
    (home / "chain.cwl").write_text(graph)
    found = []
    for process in ("one", "two"):
        (home / ".chronos-deployed.json").write_text(json.dumps({"root": "chain.cwl", "fragment": process}))
        import_dag(home / "chain.cwl", bundle)
        found.append(fingerprint(home / "chain.cwl", bundle))
    assert None not in found
    assert found[0] != found[1]


def test_a_dag_is_made_from_nothing_else(
    bundle: Path, files_read: Callable[[Callable[[], Any]], set[Path]]
) -> None:
    file = bundle / "chain.cwl"
    import_dag(file, bundle)
    programs = (Path(sys.prefix), Path(sys.base_prefix), CHECKOUT / "chronos_plugin")
    read = {
        path
        for path in files_read(lambda: import_dag(file, bundle))
        if not any(path.is_relative_to(home) for home in (*programs, *(p.resolve() for p in programs)))
    }
    covered = files_read(lambda: fingerprint(file, bundle))
    assert {file, *(bundle / name for name in FILES)} <= covered
    # Whoever lets a DAG depend on another file must let its fingerprint depend on it too.
    assert read <= covered
