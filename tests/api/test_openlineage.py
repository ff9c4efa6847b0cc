"""OpenLineage events of others, as their transports send them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
RUN = "01987b2c-0000-7000-8000-00000000000a"
EVENT = {
    "eventType": "COMPLETE",
    "eventTime": "2026-04-01T12:03:20Z",
    "run": {
        "runId": RUN,
        "facets": {"processing_engine": {"_producer": "x", "_schemaURL": "y", "name": "spark"}},
    },
    "job": {"namespace": "spark", "name": "mosaic"},
    "inputs": [{"namespace": "file", "name": "/data/tile_0017.nc"}],
    "outputs": [{"namespace": "s3://products", "name": "mosaic/2026-04-01.nc"}],
    "producer": "https://example.org",
    "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
}


@pytest.fixture
def send(server: Any, login: Callable[[str], dict[str, str]]) -> Callable[..., Any]:
    def post(body: Any, path: str = "/lineage", who: str = "op", **headers: str) -> Any:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        every = {**login(who), "Content-Type": "application/json", **headers}
        return server.post(f"/chronos/api/v1{path}", headers=every, content=content)

    return post


def _load(home: Path) -> None:
    from chronos_plugin.db import engine as engines
    from chronos_plugin.db.store.recorder import Recorder
    from chronos_plugin.lineage.spool import Spool
    from tests.db.store.conftest import TYPES

    Recorder(engines.engine(), Spool(home / "spool"), TYPES).load_all()


def test_events_become_runs_once(send: Callable[..., Any], home: Path, ask: Callable[..., Any]) -> None:
    start = {**EVENT, "eventType": "START", "eventTime": "2026-04-01T12:00:00Z"}
    for body in (start, EVENT, EVENT):
        answer = send(body)
        assert (answer.status_code, answer.json()) == (201, {"recorded": 1, "without_run": 0})
    _load(home)
    run = ask(f"/runs/{RUN}")
    assert (run["state"], run["duration_seconds"], run["job"]["namespace"]) == ("COMPLETE", 200.0, "spark")
    assert [link["dataset"]["location"] for link in run["links"]] == [
        "file:///data/tile_0017.nc",
        "s3://products/mosaic/2026-04-01.nc",
    ]
    assert run["facets"]["processing_engine"] == {"name": "spark"}


def test_lists_packed_bodies_and_both_paths_are_taken(send: Callable[..., Any]) -> None:
    job_event = {"eventTime": "2026-04-01T12:00:00Z", "job": {"namespace": "a", "name": "b"}}
    packed = gzip.compress(json.dumps([EVENT, job_event]).encode())
    answer = send(packed, path="/lineage/openlineage", **{"Content-Encoding": "gzip"})
    assert (answer.status_code, answer.json()) == (201, {"recorded": 1, "without_run": 1})


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{", {}, 422),
        (b"5", {}, 422),
        (b"{}", {}, 422),
        (json.dumps([EVENT, {"run": {"runId": "no id"}, "eventTime": "x", "job": {}}]).encode(), {}, 422),
        (json.dumps({**EVENT, "job": {"namespace": "a", "name": 5}}).encode(), {}, 422),
        (json.dumps({**EVENT, "outputs": [{"namespace": "a", "name": {}}]}).encode(), {}, 422),
        (b"no gzip", {"Content-Encoding": "gzip"}, 422),
        (gzip.compress(b"0" * (17 << 20)), {"Content-Encoding": "gzip"}, 413),
        (b" " * ((16 << 20) + 1), {}, 413),
        (b"{}", {"Content-Encoding": "br"}, 415),
    ],
)
def test_what_is_no_event_is_refused(
    send: Callable[..., Any], body: bytes, headers: dict[str, str], status: int
) -> None:
    answer = send(body, **headers)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_spool_that_cannot_be_written_is_said(
    send: Callable[..., Any], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "file").write_text("")
    monkeypatch.setenv("AIRFLOW__CHRONOS__SPOOL_ROOT", str(home / "file" / "spool"))
    answer = send(EVENT)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
