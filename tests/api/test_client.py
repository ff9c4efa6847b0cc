"""The Python client and the command line against a server on a port: the same answers as from the database."""

from __future__ import annotations

import datetime
import json
import socket
import threading
import time
import uuid
from argparse import Namespace
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chronos_plugin.cli import history as commands
from chronos_plugin.client import Client
from chronos_plugin.client.history import RemoteHistory
from chronos_plugin.db.store.history import History
from chronos_plugin.errors import InputInvalid, NotKnown, ServiceFailed
from chronos_plugin.lineage.model import RunState
from chronos_plugin.lineage.questions import DatasetFilter, RunFilter
from chronos_plugin.lineage.record import Record
from tests.db.store.conftest import NOON

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def address(server: Any) -> Iterator[str]:
    """The application behind a real port."""
    import uvicorn

    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        config = uvicorn.Config(server.app, lifespan="off", log_config=None, access_log=False)
        serving = uvicorn.Server(config)
        thread = threading.Thread(target=serving.run, kwargs={"sockets": [listening]})
        thread.start()
        while not serving.started:
            time.sleep(0.05)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        serving.should_exit = True
        thread.join()


@pytest.fixture
def remote(address: str) -> Iterator[RemoteHistory]:
    client = Client(address, proxies=False)
    client.log_in("op", "op's")
    yield client.history
    client.close()


@pytest.fixture
def here(past: list[Record]) -> History:
    return History()


def test_lists_are_those_of_the_database(remote: RemoteHistory, here: History) -> None:
    wanted = RunFilter(workflow="swot", since=NOON)
    far, near = remote.runs(wanted, limit=2), here.runs(wanted, limit=2)
    assert far.counts == near.counts
    assert [r.id for r in far.runs] == [r.id for r in near.runs]
    assert far.runs[0].job.name == near.runs[0].job.name
    following = remote.runs(wanted, limit=2, cursor=far.next)
    assert [r.id for r in following.runs] == [r.id for r in here.runs(wanted, limit=2, cursor=near.next).runs]
    assert remote.run_counts(wanted) == here.run_counts(wanted)
    asked = DatasetFilter(text="swath")
    assert [d.id for d in remote.datasets(asked).datasets] == [d.id for d in here.datasets(asked).datasets]
    day = NOON - datetime.timedelta(hours=12), NOON + datetime.timedelta(hours=12)
    assert [vars(b) for b in remote.activity(*day)] == [vars(b) for b in here.activity(*day)]
    assert remote.runs(RunFilter(state=RunState.ABORT)).runs == []


def test_single_things_are_those_of_the_database(
    remote: RemoteHistory, here: History, past: list[Record]
) -> None:
    import dataclasses

    for recorded in past:
        near = here.run(recorded.run.id)
        assert remote.run(recorded.run.id) == dataclasses.replace(near, number=None)
    made = here.datasets_at("/out/mosaic.nc")[0]
    assert remote.dataset(made.id or 0) == here.dataset(made.id or 0)
    assert [d.id for d in remote.named("mosaic.nc")] == [made.id]
    producer = remote.producer(made.id or 0)
    assert producer is not None
    assert producer.id == past[4].run.id
    assert remote.compare(past[1].run.id, past[3].run.id) == here.compare(past[1].run.id, past[3].run.id)


def test_lineage_is_that_of_the_database(remote: RemoteHistory, here: History) -> None:
    made = here.datasets_at("/out/mosaic.nc")[0].id or 0
    far, near = remote.ancestors(made), here.ancestors(made)
    assert set(far.datasets) == set(near.datasets)
    assert {r.id for r in far.runs.values()} == {r.id for r in near.runs.values()}
    named = {(d, far.runs[n].id) for d, n in far.reads}
    assert named == {(d, near.runs[n].id) for d, n in near.reads}
    orbit = here.datasets_at("/aux/orbit.nc")[0].id or 0
    assert set(remote.descendants(orbit, depth=1).datasets) == set(here.descendants(orbit, depth=1).datasets)


def test_parts_and_jobs(remote: RemoteHistory, here: History, past: list[Record]) -> None:
    whole = past[0].run.id
    assert {(p.job.step, p.state, p.runs) for p in remote.parts(whole)} == {
        (p.job.step, p.state, p.runs) for p in here.parts(whole)
    }
    assert len(remote.runs(RunFilter(parent=whole)).runs) == 4
    assert {job.name for job in remote.jobs("swot").jobs} == {"swot", "swot.swath", "swot.mosaic"}


def test_errors_are_the_same(remote: RemoteHistory, address: str) -> None:
    with pytest.raises(NotKnown, match="there is no run"):
        remote.run(uuid.uuid4())
    with pytest.raises(InputInvalid, match="look for"):
        remote.datasets(DatasetFilter())
    with pytest.raises(InputInvalid, match="by their ids"):
        remote.run(5)
    with pytest.raises(ServiceFailed):
        Client(address, proxies=False).log_in("op", "wrong")


@pytest.fixture
def command(address: str, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> Callable[..., str]:
    """Run a command against the server; return what it printed."""
    monkeypatch.setenv("CHRONOS_USERNAME", "op")
    monkeypatch.setenv("CHRONOS_PASSWORD", "op's")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    def run(name: str, **arguments: Any) -> str:
        common = {"server": address, "json": False, "limit": 50, "cursor": None, "depth": 5}
        common |= dict.fromkeys(("since", "until", "type", "checksum", "attribute", "state"))
        words = ("kind", "workflow", "step", "version", "image", "target", "node", "error")
        common |= dict.fromkeys(words)
        capsys.readouterr()
        try:
            getattr(commands, name)(Namespace(**{**common, **arguments}))
        except SystemExit as ended:
            assert ended.code == 1  # noqa: PT017 - what diff says of differences
        lines = capsys.readouterr().out.splitlines(keepends=True)
        # The server writes to the same stream here.
        return "".join(line for line in lines if "[http.access]" not in line)

    return run


def test_commands_ask_the_server(command: Callable[..., str], past: list[Record], tmp_path: Path) -> None:
    tree = command("ancestors", dataset="mosaic.nc")
    assert "file:///aux/orbit.nc" in tree
    assert "swot.swath" in tree
    assert "FAIL" in command("list_runs", workflow="swot")
    assert "killed by signal 9" in command("show_run", run=str(past[3].run.id))
    assert "state" in command("diff_runs", first=str(past[1].run.id), second=str(past[3].run.id))
    assert "mosaic.nc" in command("find_datasets", words=["mosaic"])
    shown = json.loads(command("show_dataset", dataset="/out/mosaic.nc", json=True))
    assert shown["producer"]["id"] == str(past[4].run.id)
    assert "swath" in command("activity", since="2026-03-01", until="2026-03-02", hours=False)
    events = tmp_path / "events.jsonl"
    event = {
        "eventType": "COMPLETE",
        "eventTime": "2026-05-01T00:00:00Z",
        "run": {"runId": str(uuid.uuid4())},
        "job": {"namespace": "dbt", "name": "model"},
    }
    events.write_text(json.dumps(event) + "\n")
    assert command("import_events", file=str(events)) == "1 events recorded\n"
