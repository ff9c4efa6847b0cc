"""A run of a workflow of two steps, one of them scattered, as exports get it."""

from __future__ import annotations

import datetime
from dataclasses import replace

import pytest

from chronos_plugin.exporters.provenance import Agent, Provenance
from chronos_plugin.lineage.model import Dataset, Direction, Job, JobKind, Link, Run, RunState, Usage
from chronos_plugin.lineage.record import run_id

NOON = datetime.datetime(2026, 3, 1, 12, tzinfo=datetime.UTC)
SHA1 = "sha1$" + "ab" * 20
DOCUMENT = b"cwlVersion: v1.2\nclass: Workflow\ninputs: {}\noutputs: {}\nsteps: {}\n"
WORKFLOW = Job("airflow", "swot", version="0123456789abcdef", kind=JobKind.WORKFLOW, workflow="swot")


def dataset(number: int, path: str, **more: object) -> Dataset:
    return Dataset("file", path, id=number, **{"size": 10 * number, "checksum": SHA1, **more})  # type: ignore[arg-type]


def link(direction: str, port: str, what: Dataset) -> Link:
    return Link(Direction(direction), port, what)


def step(name: str, number: int, *links: Link, **more: object) -> Run:
    job = Job(
        "airflow", f"swot.{name}", "77aa", JobKind.STEP, "swot", name, image="registry.example/tool:1.4"
    )
    values: dict[str, object] = {
        "id": run_id(NOON, name, number),
        "job": job,
        "state": RunState.COMPLETE,
        "started": NOON + datetime.timedelta(seconds=number),
        "ended": NOON + datetime.timedelta(seconds=number + 5),
        "parent": run_id(NOON, "whole"),
        "node": "node1",
        "exit_code": 0,
        "usage": Usage(2.5, 1 << 20, None),
        "facets": {"context": {"command": ["tool"], "parameters": {"level": number, "mode": "fast"}}},
        "links": links,
        "number": number + 2,
    }
    return Run(**{**values, **more})  # type: ignore[arg-type]


ORBIT = dataset(1, "/data/orbit.nc")
SWATHS = [dataset(2 + n, f"/data/swath_{n}.nc") for n in range(3)]
MAP = dataset(9, "/data/coverage map.png", type="MAP")


@pytest.fixture
def provenance() -> Provenance:
    return sample()


def sample() -> Provenance:
    whole = Run(
        id=run_id(NOON, "whole"),
        job=WORKFLOW,
        state=RunState.COMPLETE,
        started=NOON,
        ended=NOON + datetime.timedelta(minutes=1),
        facets={"airflow": {"dag_id": "swot", "run_id": "r1"}, "parameters": {"level": 2, "area": [1, 2.5]}},
        links=(link("input", "orbit", ORBIT), link("output", "map", MAP)),
        number=1,
    )
    parts = [
        step("swath", n, link("input", "orbit", ORBIT), link("output", "swath", SWATHS[n]), element=str(n))
        for n in range(3)
    ]
    failed = step(
        "draw", 3, *(link("input", "swaths", s) for s in SWATHS), state=RunState.FAIL, error="exit 1"
    )
    last = step(
        "draw", 4, *(link("input", "swaths", s) for s in SWATHS), link("output", "map", MAP), attempt=2
    )
    return Provenance(
        whole,
        (whole, *parts, failed, last),
        Agent("CNES", "https://cnes.fr"),
        "site1",
        documents={"swot.cwl": DOCUMENT, "tools/swath.cwl": DOCUMENT},
        engine_version="0.1",
    )


@pytest.fixture
def product_provenance(provenance: Provenance) -> Provenance:
    """The same asked about its product, with a run of another workflow before."""
    other = step(
        "orbit", 9, link("output", "orbit", ORBIT), parent=None, started=NOON - datetime.timedelta(days=1)
    )
    other = replace(other, job=replace(other.job, name="pre.orbit", workflow="pre", image="", version=""))
    return replace(provenance, product=MAP, runs=(other, *provenance.runs), cut=True)
