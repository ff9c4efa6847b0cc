"""``airflow chronos provenance``: of a run, of a product, with files, dry."""

from __future__ import annotations

import hashlib
import json
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chronos_plugin.compiler.compile import compile_file
from chronos_plugin.db import engine as engines
from chronos_plugin.db.store.loader import Loader
from chronos_plugin.execution.store import run_folder, write_json
from chronos_plugin.lineage.record import run_id
from tests.db.store.conftest import NOON, TYPES, product, record

CONTENT = b"a product"
CHECKSUM = "sha1$" + hashlib.sha1(CONTENT).hexdigest()
HELLO = Path(__file__).parents[2] / "dags" / "examples" / "hello.cwl"
WHOLE, LAST = str(run_id(NOON, "whole")), str(run_id(NOON, "two"))
Airflow = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A workflow run of two steps whose document is ``hello.cwl``, and a run of nobody's."""
    for name in ("work", "cache", "spool"):
        monkeypatch.setenv(f"AIRFLOW__CHRONOS__{name.upper()}_ROOT", str(tmp_path / name))
    monkeypatch.setenv("AIRFLOW__CHRONOS__DATABASE", f"sqlite:///{tmp_path}/chronos.db")
    monkeypatch.setenv("AIRFLOW__CHRONOS__ORGANISATION", "CNES <https://cnes.fr>")
    document = compile_file(HELLO, cache_root=tmp_path / "cache", bundle=HELLO.parent)
    folder = run_folder(tmp_path / "work", "swot", "r1")
    folder.mkdir(parents=True)
    write_json(folder / "run.json", {"document": document.digest, "file": str(HELLO)})
    made = tmp_path / "made.nc"
    made.write_bytes(CONTENT)
    place = {"airflow": {"dag_id": "swot", "run_id": "r1"}, "parameters": {"level": 2}}
    known = {"size": len(CONTENT), "checksum": CHECKSUM}
    outputs = [product(str(made), "out", **known)]
    whole = record(
        "whole", [product("/d/in.nc", "raw")], outputs, step="", version=document.digest[:16], facets=place
    )
    steps = [
        record("one", [product("/d/in.nc", "raw")], [product("/d/mid.nc", "out")], parent=whole.run.id),
        record("two", [product("/d/mid.nc", "in")], outputs, step="second", minute=1, parent=whole.run.id),
        record(
            "alone", [product("/d/mid.nc", "in")], [product("/d/other.nc", "out")], step="third", minute=2
        ),
    ]
    Loader(engines.engine(), TYPES).load([*steps, whole])
    yield
    engines.dispose()


def _metadata(crate: Path) -> dict[str, Any]:
    with zipfile.ZipFile(crate) as file:
        return {e["@id"]: e for e in json.loads(file.read("ro-crate-metadata.json"))["@graph"]}


def test_a_crate_of_a_run(airflow: Airflow, tmp_path: Path) -> None:
    crate = tmp_path / "crate.zip"
    status, out, err = airflow("provenance", WHOLE, "-o", str(crate), "--json")
    assert status == 0, err
    summary = json.loads(out)
    assert (summary["runs"], summary["steps"], summary["datasets"], summary["from_outside"]) == (3, 2, 3, 1)
    assert summary["documents"] == ["hello.cwl"]
    with zipfile.ZipFile(crate) as file:
        assert file.read("workflow/hello.cwl") == HELLO.read_bytes()
    graph = _metadata(crate)
    assert graph["https://cnes.fr"]["name"] == "CNES"
    assert graph[f"#{WHOLE}"]["instrument"] == {"@id": "workflow/hello.cwl"}
    assert graph[f"#{LAST}"]["startTime"] == "2026-03-01T12:01:00+00:00"


def test_files_are_copied_where_asked(airflow: Airflow, tmp_path: Path) -> None:
    crate = tmp_path / "crate.zip"
    status, out, _ = airflow("provenance", LAST, "-o", str(crate), "--with-data", "--json")
    assert status == 0
    assert json.loads(out)["copied"] == {"files": 1, "bytes": len(CONTENT)}
    assert json.loads(out)["only_named"] == {
        "file:///d/in.nc": "it is not there any more",
        "file:///d/mid.nc": "it is not there any more",
    }
    with zipfile.ZipFile(crate) as file:
        assert [file.read(n) for n in file.namelist() if n.startswith("data/")] == [CONTENT]
    assert airflow("provenance", LAST, "-o", str(crate), "--with-data", "--max-size", "0")[0] == 1


def test_a_product(airflow: Airflow, tmp_path: Path) -> None:
    status, out, err = airflow(
        "provenance", str(tmp_path / "made.nc"), "--dry-run", "--json", "--format", "ro-crate"
    )
    assert status == 0, err
    summary = json.loads(out)
    assert (summary["runs"], summary["written"], summary["cut"]) == (3, False, False)
    bounded = json.loads(airflow("provenance", "made.nc", "--dry-run", "--json", "--depth", "1")[1])
    assert (bounded["runs"], bounded["cut"]) == (2, True)


def test_prov(airflow: Airflow, tmp_path: Path) -> None:
    assert airflow("provenance", WHOLE)[1].startswith("document\n")
    target = tmp_path / "run.json"
    assert airflow("provenance", WHOLE, "-o", str(target))[0] == 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from prov.model import ProvActivity, ProvDocument
    read = ProvDocument.deserialize(content=target.read_text(), format="json")
    assert len(list(read.get_records(ProvActivity))) == 3


def test_a_document_that_has_changed_is_not_passed_off(airflow: Airflow, tmp_path: Path) -> None:
    file = run_folder(tmp_path / "work", "swot", "r1") / "run.json"
    kept = json.loads(file.read_text())
    other = tmp_path / "hello.cwl"
    write_json(file, {**kept, "file": str(other), "document": kept["document"][:16] + "0" * 48})
    other.write_text("changed")
    crate = tmp_path / "crate.zip"
    assert airflow("provenance", WHOLE, "-o", str(crate), "--quiet")[0] == 0
    with zipfile.ZipFile(crate) as zipped:
        assert b"cannot be run" in zipped.read("workflow/swot.cwl") or b"not there any more" in zipped.read(
            "workflow/swot.cwl"
        )


def test_refusals(airflow: Airflow, tmp_path: Path) -> None:
    for words in (
        (WHOLE, "--format", "ro-crate"),
        (WHOLE, "-o", str(tmp_path / "no" / "c.zip")),
        (WHOLE, "-o", str(tmp_path / "c.odd")),
        (WHOLE, "--with-data"),
        ("nothing.nc",),
        (str(run_id(NOON, "unknown")),),
        ("/d/in.nc",),
    ):
        status, _, err = airflow("provenance", *words)
        assert status == 1, words
        assert "airflow chronos: " in err
    status, _, err = airflow("provenance", str(run_id(NOON, "alone")), "-o", str(tmp_path / "c.zip"))
    assert status == 1
    assert "belongs to no workflow run" in err
