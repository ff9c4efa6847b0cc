"""Records, facets, error signatures, OpenLineage events."""

from __future__ import annotations

import datetime
import json
from uuid import UUID

import pytest

from chronos_plugin.errors import InputInvalid
from chronos_plugin.lineage.facets import check_facets, full_context
from chronos_plugin.lineage.files import files_in, published
from chronos_plugin.lineage.model import Dataset, Job, JobKind, Run, RunState, Usage, split_location
from chronos_plugin.lineage.openlineage import record_of_event
from chronos_plugin.lineage.record import Product, Record, from_json, part_id, run_id, to_json
from chronos_plugin.lineage.signature import signature

NOW = datetime.datetime(2026, 3, 1, 12, 30, 15, 123000, tzinfo=datetime.UTC)


def _record() -> Record:
    run = Run(
        id=run_id(NOW, "a"),
        parent=run_id(NOW, "b"),
        job=Job("airflow", "d.s", "v", JobKind.STEP, "d", "s", "image:1", {"x": 1}),
        state=RunState.FAIL,
        started=NOW,
        ended=NOW + datetime.timedelta(seconds=3),
        attempt=2,
        map_index=4,
        element="4",
        target="slurm",
        node="n1",
        exit_code=1,
        usage=Usage(1.5, 1 << 20, 0.5),
        error="failed",
        facets={"context": {"command": ["a"]}},
        links=None,
    )
    inputs = (Product(Dataset("file", "/a", size=3, checksum="md5$" + "0" * 32), "in"),)
    outputs = (Product(Dataset("s3://b", "c", facets={"quality": {"score": 1}}), "out", "/was"),)
    return Record(run, inputs, outputs)


def test_a_record_comes_back_from_json() -> None:
    record = _record()
    back = from_json(json.loads(json.dumps(to_json(record))))
    assert (back.inputs, back.outputs) == (record.inputs, record.outputs)
    assert back.run.links is not None
    import dataclasses

    assert dataclasses.replace(back.run, links=None) == record.run


@pytest.mark.parametrize(
    "change",
    [{"format": 2}, {"id": "x"}, {"state": "DONE"}, {"job": {}}, {"started": "noon"}, {"inputs": [{}]}],
)
def test_what_is_no_record_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(InputInvalid):
        from_json({**to_json(_record()), **change})


def test_ids_are_the_same_for_all_who_know_the_parts() -> None:
    assert run_id(NOW, "airflow", "d", 1) == run_id(NOW, "airflow", "d", "1")
    assert run_id(NOW, "a", "b") != run_id(NOW, "ab")
    made = run_id(NOW, "x")
    assert (made.version, made.variant) == (7, UUID(int=made.int).variant)
    assert made.int >> 80 == int(NOW.timestamp() * 1000)
    assert part_id(made, "1") != part_id(made, "2")
    assert part_id(made, "1").int >> 80 == made.int >> 80


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("the tool ended with exit code 3", "the tool ended with exit code 3"),
        ("/work/a/b/1.nc is gone: see 'x'", "… is gone: see …"),
        ("\n\nrun 1234 of 99 failed\nmore", "run … of … failed"),
        ("the tool was ended by signal 9", "the tool was ended by signal 9"),
        ("", ""),
    ],
)
def test_signatures(message: str, expected: str) -> None:
    assert signature(message) == expected


def test_facets_are_held_against_their_schemas() -> None:
    check_facets("run", {"context": {"command": ["a"]}, "unknown_facet": 3})
    with pytest.raises(InputInvalid, match="context at command"):
        check_facets("run", {"context": {"command": "a"}})
    with pytest.raises(InputInvalid, match="belongs to a run"):
        check_facets("dataset", {"context": {}})


def test_a_context_is_written_out() -> None:
    kept = {
        "work_directory": "/w",
        "command": ["{work_directory}/a"],
        "environment": {"H": "{work_directory}"},
    }
    assert full_context(kept) == {"work_directory": "/w", "command": ["/w/a"], "environment": {"H": "/w"}}


def test_files_of_objects() -> None:
    inner = {"class": "File", "location": "file:///d/i%20x", "size": 3, "checksum": "sha1$1"}
    value = {
        "a": {"class": "File", "location": "file:///d/a", "secondaryFiles": [inner]},
        "b": [{"class": "Directory", "location": "file:///d"}, {"class": "File", "contents": "x"}],
        "c": {"n": 1},
    }
    assert [(p.port, p.dataset.path) for p in files_in(value)] == [
        ("a", "/d/a"),
        ("a", "/d/i x"),
        ("b", "/d"),
    ]
    after = {"a": {"class": "File", "location": "file:///out/a", "secondaryFiles": [inner]}}
    assert [(p.dataset.path, p.was) for p in published(value, after)] == [("/out/a", "/d/a"), ("/d/i x", "")]


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("file:///a/b%20c", ("file", "/a/b c")),
        ("/a/b", ("file", "/a/b")),
        ("s3://bucket/k/l", ("s3://bucket", "k/l")),
        ("https://host:8080/x", ("https://host:8080", "x")),
    ],
)
def test_locations(location: str, expected: tuple[str, str]) -> None:
    assert split_location(location) == expected


_EVENT = {
    "eventType": "COMPLETE",
    "eventTime": "2026-03-01T12:00:00Z",
    "producer": "https://example.com",
    "run": {
        "runId": "01a210f5-d4fd-7a6d-a38b-7e8060278f18",
        "facets": {
            "parent": {"run": {"runId": "01a210f5-d525-7139-9084-c02545361ad6"}, "job": {}},
            "spark_version": {"_producer": "x", "_schemaURL": "y", "spark-version": "3.5"},
            "context": {"_producer": "x", "command": ["a"]},
        },
    },
    "job": {"namespace": "spark", "name": "etl.load", "facets": {"sourceCodeLocation": {"version": "abc"}}},
    "inputs": [{"namespace": "s3://b", "name": "k", "facets": {"version": {"datasetVersion": "7"}}}],
    "outputs": [
        {"namespace": "postgres://h:5432", "name": "d.s.t", "outputFacets": {"outputStatistics": {"size": 9}}}
    ],
}


def test_events_of_others() -> None:
    record = record_of_event(_EVENT)
    assert record is not None
    assert record.run.state is RunState.COMPLETE
    assert str(record.run.parent) == "01a210f5-d525-7139-9084-c02545361ad6"
    assert record.run.job.version == "abc"
    assert record.run.facets["spark_version"] == {"spark-version": "3.5"}
    assert record.inputs[0].dataset.checksum == "version$7"
    assert record.outputs[0].dataset == Dataset("postgres://h:5432", "d.s.t", size=9)
    assert record_of_event({"eventTime": "2026-03-01T12:00:00Z", "dataset": {}}) is None


@pytest.mark.parametrize("change", [{"run": {}}, {"eventType": "GO"}, {"eventTime": "x"}, {"job": {}}])
def test_what_is_no_event_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(InputInvalid, match="OpenLineage"):
        record_of_event({**_EVENT, **change})
