"""OpenLineage events: what they say, read back by our own import and by the published client's classes."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chronos_plugin.exporters.delivery import Entry, Item
from chronos_plugin.exporters.openlineage import events_of
from chronos_plugin.exporters.provenance import Provenance
from chronos_plugin.lineage.model import Run, RunState
from chronos_plugin.lineage.openlineage import record_of_event
from tests.needs import given


def _item(run: Run, state: RunState | None = None, began: bool = True) -> Item:
    return Item(Entry(1, run.number or 0, state or run.state, began), run)


def _events(provenance: Provenance) -> list[dict[str, Any]]:
    states = [RunState.SKIPPED, RunState.ABORT]
    extra = [replace(provenance.main, state=state, error="why") for state in states]
    return [event for run in (*provenance.runs, *extra) for event in events_of(_item(run))]


def test_each_run_begins_and_ends(provenance: Provenance) -> None:
    last = provenance.runs[-1]
    begun, ended = events_of(_item(last))
    assert (begun["eventType"], ended["eventType"]) == ("START", "COMPLETE")
    assert (begun["eventTime"], ended["eventTime"]) == (
        "2026-03-01T12:00:04.000Z",
        "2026-03-01T12:00:09.000Z",
    )
    assert begun["outputs"] == []
    (output,) = ended["outputs"]
    assert output["name"] == "/data/coverage map.png"
    assert output["outputFacets"]["outputStatistics"]["size"] == 90
    assert output["facets"]["version"]["datasetVersion"].startswith("sha1$")
    assert ended["run"]["facets"]["parent"]["run"]["runId"] == str(provenance.main.id)
    assert ended["run"]["facets"]["parent"]["job"] == {"namespace": "airflow", "name": "swot"}
    assert [e["eventType"] for e in events_of(_item(last, began=False))] == ["COMPLETE"]
    assert [e["eventType"] for e in events_of(_item(last, RunState.RUNNING, began=False))] == ["START"]


def test_failures_say_why(provenance: Provenance) -> None:
    failed = next(run for run in provenance.runs if run.state is RunState.FAIL)
    event = events_of(_item(failed))[-1]
    assert event["eventType"] == "FAIL"
    assert event["run"]["facets"]["errorMessage"]["message"] == "exit 1"


def test_no_command_and_no_environment_leaves(provenance: Provenance) -> None:
    secret = {"context": {"command": ["tool", "--key=xyzzy"], "environment": {"KEY": "xyzzy"}}}
    run = replace(provenance.runs[-1], facets=secret)
    assert "xyzzy" not in json.dumps(events_of(_item(run)))


def test_our_own_import_reads_them(provenance: Provenance) -> None:
    for run in provenance.runs:
        made = record_of_event(events_of(_item(run))[-1])
        assert made is not None
        assert (made.run.id, made.run.state, made.run.parent) == (run.id, run.state, run.parent)
        links = {(link.dataset.path, link.direction.value) for link in run.links or ()}
        sides = [("input", p) for p in made.inputs] + [("output", p) for p in made.outputs]
        assert {(p.dataset.path, side) for side, p in sides} == links


@pytest.mark.validators
def test_the_published_client_knows_them(provenance: Provenance, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text("".join(json.dumps(event) + "\n" for event in _events(provenance)))
    script = Path(__file__).parent / "validate_openlineage.py"
    answer = subprocess.run(
        [given("validators") or "", str(script), str(file)], capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr[-3000:]
    assert json.loads(answer.stdout)["facets"] >= 9
