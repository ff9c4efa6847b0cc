"""The crate: what is in it, and what the public validator says of it."""

from __future__ import annotations

import datetime
import hashlib
import json
import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chronos_plugin.errors import InputInvalid
from chronos_plugin.exporters.abstract import abstract_document
from chronos_plugin.exporters.archive import plan_copies, write_crate
from chronos_plugin.exporters.crate import CrateOptions, crate_metadata
from chronos_plugin.exporters.provenance import Provenance, agent_of
from chronos_plugin.lineage.model import RunState
from tests.exporters.conftest import NOON, dataset, link, step
from tests.needs import given

OPTIONS = CrateOptions(NOON, license="https://spdx.org/licenses/CC-BY-4.0")


def _graph(provenance: Provenance, options: CrateOptions = OPTIONS) -> dict[str, Any]:
    entities = crate_metadata(provenance, options)["@graph"]
    found = {entity["@id"]: entity for entity in entities}
    assert len(found) == len(entities)
    return found


def _references(value: Any) -> list[str]:
    if isinstance(value, dict):
        return (
            [value["@id"]] if set(value) == {"@id"} else [r for v in value.values() for r in _references(v)]
        )
    return [r for v in value for r in _references(v)] if isinstance(value, list) else []


def test_every_reference_leads_somewhere(product_provenance: Provenance) -> None:
    graph = _graph(product_provenance)
    named = {r for entity in graph.values() for r in _references(entity)}
    assert {r for r in named - graph.keys() if not r.startswith("http")} == set()


def test_runs_files_and_values(provenance: Provenance) -> None:
    graph = _graph(provenance)
    whole = graph[f"#{provenance.main.id}"]
    assert whole["instrument"] == {"@id": "workflow/swot.cwl"}
    assert whole["result"] == {"@id": "file:///data/coverage%20map.png"}
    failed = next(graph[f"#{run.id}"] for run in provenance.runs if run.state is RunState.FAIL)
    assert failed["actionStatus"] == "http://schema.org/FailedActionStatus"
    assert failed["error"] == "exit 1"
    made = graph["file:///data/coverage%20map.png"]
    assert (made["contentSize"], made["sha1"], made["additionalType"]) == ("90", "ab" * 20, "MAP")
    assert len(made["exampleOfWork"]) == 2
    assert made["encodingFormat"] == "image/png"
    values = [e for e in graph.values() if e["@type"] == "PropertyValue" and e["name"] == "level"]
    assert {v["value"] for v in values} == {"0", "1", "2", "3", "4"}
    (image,) = [e for e in graph.values() if e["@type"] == "ContainerImage"]
    assert (image["registry"], image["name"], image["tag"]) == ("registry.example", "tool", "1.4")


def test_two_versions_of_one_path_stay_two(provenance: Provenance) -> None:
    again = step("swath", 7, link("output", "swath", dataset(70, "/data/orbit.nc")))
    graph = _graph(replace(provenance, runs=(*provenance.runs, again)))
    assert {"file:///data/orbit.nc", "file:///data/orbit.nc#70"} <= graph.keys()


def test_files_are_copied_where_they_are_what_they_were(provenance: Provenance, tmp_path: Path) -> None:
    good, changed = tmp_path / "good.nc", tmp_path / "changed.nc"
    good.write_bytes(b"12345")
    changed.write_bytes(b"54321")
    sha1 = "sha1$" + hashlib.sha1(b"12345").hexdigest()
    outputs = [
        link("output", "o", dataset(20, str(good), size=5, checksum=sha1)),
        link("output", "o", dataset(21, str(changed), size=5, checksum=sha1)),
        link("output", "o", dataset(22, "/data/none.nc")),
    ]
    made = replace(provenance, runs=(provenance.main, step("copy", 5, *outputs)))
    with pytest.raises(InputInvalid, match="10 bytes, more than the 9"):
        plan_copies(made, None, 9)
    assert "20" not in plan_copies(made, [tmp_path / "elsewhere"], 100).files
    plan = write_crate(tmp_path / "c.zip", made, OPTIONS, plan_copies(made, [tmp_path], 100))
    assert set(plan.files) == {"20"}
    assert plan.left["21"] == "another file lies there now"
    assert plan.left["22"] == "it is not there any more"
    with zipfile.ZipFile(tmp_path / "c.zip") as crate:
        assert crate.read("data/20/good.nc") == b"12345"
        ids = {e["@id"] for e in json.loads(crate.read("ro-crate-metadata.json"))["@graph"]}
        assert crate.read("workflow/tools/swath.cwl")
    assert {"data/20/good.nc", changed.as_uri()} <= ids


def test_a_crate_that_cannot_be_written_leaves_the_old_one(provenance: Provenance, tmp_path: Path) -> None:
    target = tmp_path / "c.zip"
    target.write_text("old")
    with pytest.raises(StopIteration):
        write_crate(target, replace(provenance, documents={}), OPTIONS)
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_an_abstract_document_is_valid_cwl(provenance: Provenance, tmp_path: Path) -> None:
    from chronos_plugin.cwl.library import load_process, loading_context

    file = tmp_path / "abstract.cwl"
    file.write_bytes(abstract_document(provenance))
    assert set(json.loads(file.read_text())["steps"]) == {"swath", "draw"}
    process = load_process(file.as_uri(), loading_context(enable_dev=False, on_read=lambda _: None))
    assert process.tool["class"] == "Workflow"


def test_agents() -> None:
    assert agent_of("CNES <https://cnes.fr>").uri == "https://cnes.fr"
    assert agent_of("CNES").name == "CNES"
    assert agent_of("").name


_KNOWN = {
    "process-run-crate-0.5_3.2",  # a tool has no web page that the history would know
    "process-run-crate-0.5_5.1",  # the same of an absolute URI for it; the validator looks at its class's
    "process-run-crate-0.5_11.1",  # a failed run has no result
    "ro-crate-1.1_25.1",  # files are only named
}
"""Recommendations that are not followed, by the validator's number."""


@pytest.mark.validators
@pytest.mark.parametrize("which", ["provenance", "product_provenance"])
def test_the_public_validator_agrees(which: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    made = request.getfixturevalue(which)
    options = replace(OPTIONS, published=datetime.datetime(2026, 3, 2, tzinfo=datetime.UTC))
    write_crate(tmp_path / "c.zip", made, options)
    script = Path(__file__).parent / "validate_crate.py"
    answer = subprocess.run(
        [given("validators") or "", str(script), str(tmp_path / "c.zip")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr[-3000:]
    found = json.loads(answer.stdout)
    assert found["profile"].startswith("provenance-run-crate")
    assert found["required"] == []
    assert found["checks"] > 50
    told = {text.partition(":")[0] for text in found["recommended"]}
    assert told <= _KNOWN, [t for t in found["recommended"] if t.partition(":")[0] not in _KNOWN]
