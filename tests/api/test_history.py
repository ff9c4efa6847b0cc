"""Runs, datasets, lineage, search, activity over HTTP."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from chronos_plugin.lineage.record import Record

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
Ask = Callable[..., Any]


def test_runs_are_listed_with_counts_page_by_page(ask: Ask, past: list[Record]) -> None:
    first = ask("/runs", workflow="swot", counts=True, limit=3)
    assert first["counts"]["state"] == {"COMPLETE": 4, "FAIL": 1}
    assert first["counts"]["target"] == {"hpc": 3, "local": 2}
    second = ask("/runs", workflow="swot", cursor=first["next"], limit=3)
    assert second["next"] is None
    assert second["counts"] is None
    ids = [run["id"] for run in [*first["runs"], *second["runs"]]]
    assert ids == [str(r.run.id) for r in sorted(past, key=lambda r: r.run.started, reverse=True)]
    assert ask("/runs/facets", workflow="swot")["counts"] == first["counts"]


def test_a_filter_leaves_out_what_does_not_fit(ask: Ask, past: list[Record]) -> None:
    failed = ask("/runs", state="FAIL", target="hpc", since="2026-03-01T00:00:00", until="2026-03-02")["runs"]
    assert [(run["job"]["step"], run["exit_code"], run["error"]) for run in failed] == [
        ("swath", 137, "killed by signal 9")
    ]
    assert ask("/runs", state="FAIL", step="mosaic")["runs"] == []


def test_one_run_has_its_inputs_outputs_and_airflow_names(ask: Ask, past: list[Record]) -> None:
    run = ask(f"/runs/{past[2].run.id}")
    links = {(link["direction"], link["port"]): link["dataset"]["location"] for link in run["links"]}
    assert links == {
        ("input", "source"): "file:///in/pass_001.nc",
        ("input", "orbit"): "file:///aux/orbit.nc",
        ("output", "product"): "file:///out/swath_001.nc",
    }
    assert run["parent"] == str(past[0].run.id)
    assert ask(f"/runs/{past[0].run.id}")["airflow"]["run_id"] == "run-2"
    assert ask(f"/runs/{past[2].run.id}/context")["command"] == ["swath", "1"]
    assert "context" in ask(f"/runs/{past[4].run.id}/context", status=404)["detail"]


def test_a_workflow_run_has_its_executions(ask: Ask, past: list[Record]) -> None:
    whole = past[0].run.id
    first = ask(f"/runs/{whole}/executions", limit=3)
    second = ask(f"/runs/{whole}/executions", limit=3, cursor=first["next"])
    assert len(first["runs"]) + len(second["runs"]) == 4
    assert {run["parent"] for run in first["runs"]} == {str(whole)}
    failed = ask(f"/runs/{whole}/executions", state="FAIL")["runs"]
    assert [run["map_index"] for run in failed] == [2]
    parts = ask(f"/runs/{whole}/parts")["parts"]
    assert sorted((p["job"]["step"], p["state"], p["runs"]) for p in parts) == [
        ("mosaic", "COMPLETE", 1),
        ("swath", "COMPLETE", 2),
        ("swath", "FAIL", 1),
    ]
    # A step has none.
    assert ask(f"/runs/{past[1].run.id}/executions")["runs"] == []


def test_two_runs_are_compared(ask: Ask, past: list[Record]) -> None:
    found = ask(f"/runs/{past[1].run.id}/diff/{past[3].run.id}")["differences"]
    what = {d["what"]: (d["first"], d["second"]) for d in found}
    assert what["state"] == ("COMPLETE", "FAIL")
    assert what["context.command"] == (["swath", "0"], ["swath", "2"])
    assert "input orbit" not in what
    assert "input source" in what


def test_datasets_are_found_and_shown(ask: Ask, past: list[Record]) -> None:
    found = ask("/datasets", text="swath 001")["datasets"]
    assert [d["path"] for d in found] == ["/out/swath_001.nc"]
    assert found[0]["size"] == 11
    for location in ("/out/mosaic.nc", "file:///out/mosaic.nc", "mosaic.nc"):
        at = ask("/datasets/at", location=location)["datasets"]
        assert [d["name"] for d in at] == ["mosaic.nc"]
    detail = ask(f"/datasets/{at[0]['id']}")
    assert detail["facets"] == {"quality": {"status": "good"}}
    assert detail["producer"]["id"] == str(past[4].run.id)
    assert ask("/datasets", status=422)["detail"].startswith("say what to look for")
    assert ask("/datasets", status=422, attribute="cycle")["detail"].startswith("attribute cycle")


def test_lineage_goes_back_on_and_both_ways(ask: Ask, past: list[Record]) -> None:
    orbit = ask("/datasets/at", location="/aux/orbit.nc")["datasets"][0]["id"]
    tile = ask("/datasets/at", location="/out/swath_000.nc")["datasets"][0]["id"]
    down = ask("/lineage", dataset=orbit, direction="downstream")
    assert {d["name"] for d in down["datasets"]} == {
        "orbit.nc",
        "swath_000.nc",
        "swath_001.nc",
        "mosaic.nc",
    }
    assert (down["cut"], down["summary"]) == (False, "all 8")
    up = ask("/lineage", dataset=tile, direction="upstream")
    assert {d["name"] for d in up["datasets"]} == {"swath_000.nc", "pass_000.nc", "orbit.nc"}
    both = ask("/lineage", dataset=tile)
    assert {"run": str(past[1].run.id), "dataset": tile} in both["writes"]
    assert {"dataset": tile, "run": str(past[4].run.id)} in both["reads"]
    cut = ask("/lineage", dataset=orbit, direction="downstream", limit=2)
    assert cut["cut"]
    assert cut["summary"].startswith("first 2 of ")
    assert cut["open"] == [orbit]


def test_lineage_around_a_run(ask: Ask, past: list[Record]) -> None:
    found = ask("/lineage", run=str(past[1].run.id))
    names = {d["id"]: d["name"] for d in found["datasets"]}
    reads = {names[e["dataset"]] for e in found["reads"] if e["run"] == str(past[1].run.id)}
    assert reads == {"pass_000.nc", "orbit.nc"}
    assert "mosaic.nc" in names.values()
    # A run without outputs leads nowhere, and is there.
    alone = ask("/lineage", run=str(past[3].run.id), direction="downstream")
    assert [run["id"] for run in alone["runs"]] == [str(past[3].run.id)]


def test_where_lineage_begins_must_be_said(ask: Ask, past: list[Record]) -> None:
    assert "where to begin" in ask("/lineage", status=422)["detail"]
    assert "where to begin" in ask("/lineage", status=422, dataset=1, run=str(uuid.uuid4()))["detail"]


def test_search_takes_names_words_paths_and_ids(ask: Ask, past: list[Record]) -> None:
    assert [d["name"] for d in ask("/search", q="mosaic.nc")["datasets"]] == ["mosaic.nc"]
    assert [d["name"] for d in ask("/search", q="/out/mosaic.nc")["datasets"]] == ["mosaic.nc"]
    assert [d["name"] for d in ask("/search", q="out/mosaic.nc")["datasets"]] == ["mosaic.nc"]
    assert ask("/search", q="elsewhere/mosaic.nc")["datasets"] == []
    assert {d["name"] for d in ask("/search", q="swath")["datasets"]} == {"swath_000.nc", "swath_001.nc"}
    assert ask("/search", q="swath", limit=1)["more"]
    assert [r["id"] for r in ask("/search", q=str(past[0].run.id))["runs"]] == [str(past[0].run.id)]
    assert ask("/search", q="there is nothing")["datasets"] == []


def test_jobs_are_listed_by_version(ask: Ask, past: list[Record]) -> None:
    jobs = ask("/jobs", workflow="swot")["jobs"]
    assert {(job["name"], job["version"]) for job in jobs} == {
        ("swot", "1"),
        ("swot.swath", "2"),
        ("swot.mosaic", "1"),
    }
    first = ask("/jobs", workflow="swot", limit=2)
    rest = ask("/jobs", workflow="swot", cursor=first["next"])
    assert [*first["jobs"], *rest["jobs"]] == jobs


def test_activity_counts_by_day_and_hour(ask: Ask, past: list[Record]) -> None:
    days = ask("/activity", since="2026-03-01", until="2026-03-02", workflow="swot")
    counted = {(b["step"], b["state"]): (b["runs"], b["outputs"]) for b in days["buckets"]}
    assert counted["swath", "COMPLETE"] == (2, 2)
    assert counted["swath", "FAIL"] == (1, 0)
    hours = ask("/activity", since="2026-03-01", until="2026-03-02", by="hour")
    assert {b["period"] for b in hours["buckets"]} == {"2026-03-01T12:00:00Z"}
    ask("/activity", status=422, since="2026-03-02", until="2026-03-01")
    ask("/activity", status=422, since="2026-01-01", until="2026-12-01", by="hour")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/runs/00000000-0000-0000-0000-000000000001", 404),
        ("/runs/no-id", 422),
        ("/datasets/999999999999", 404),
        ("/datasets/x", 422),
        ("/lineage?dataset=999999999", 404),
        ("/runs?state=NONSENSE", 422),
        ("/runs?cursor=nonsense", 422),
        ("/runs?cursor=ZGF0YXNldHM6MQ", 422),
        ("/runs?limit=100000", 422),
        ("/nothing", 404),
    ],
)
def test_what_is_wrong_is_a_problem(ask: Ask, past: list[Record], path: str, status: int) -> None:
    problem = ask(path, status=status)
    assert problem["status"] == status
    assert problem["detail"]


def test_what_is_not_a_method_is_a_problem(server: Any, login: Callable[[str], dict[str, str]]) -> None:
    answer = server.delete("/chronos/api/v1/runs", headers=login("admin"))
    assert (answer.status_code, answer.headers["content-type"]) == (405, "application/problem+json")


def test_what_has_not_changed_is_not_sent_again(
    server: Any, login: Callable[[str], dict[str, str]], past: list[Record]
) -> None:
    path, headers = f"/chronos/api/v1/runs/{past[0].run.id}", login("viewer")
    first = server.get(path, headers=headers)
    tag = first.headers["etag"]
    again = server.get(path, headers={**headers, "If-None-Match": f'"other", {tag}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert again.headers["cache-control"] == "private, no-cache"
    assert server.get(path, headers={**headers, "If-None-Match": '"other"'}).status_code == 200
    # Who may not read it learns nothing from a tag.
    assert server.get(path, headers={"If-None-Match": tag}).status_code == 401
