"""The commands that ask the history, and those of its database."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chronos_plugin.cli import database, history
from chronos_plugin.cli.definition import get_commands
from chronos_plugin.db import engine as engines
from chronos_plugin.db.store.loader import Loader
from chronos_plugin.lineage.model import RunState
from chronos_plugin.lineage.record import run_id
from tests.db.store.conftest import NOON, TYPES, product, record

MODULES = {"history": history, "database": database}
PRODUCT = "/d/SWOT_L2_LR_SSH_Expert_005_012_20230801T010203_20230801T015304_PIC0_01.nc"


def _add(parser: ArgumentParser, commands: Any) -> None:
    subparsers = parser.add_subparsers(required=True)
    for command in commands:
        sub = subparsers.add_parser(command.name)
        if hasattr(command, "subcommands"):
            _add(sub, command.subcommands)
            continue
        for argument in command.args:
            argument.add_to_parser(sub)
        sub.set_defaults(function=command.func)


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Run a command line as Airflow does; return its status and what it printed."""

    def run(*words: str) -> tuple[int, str]:
        parser = ArgumentParser()
        _add(parser, get_commands()[0].subcommands)
        arguments = parser.parse_args(words)
        status = 0
        try:
            arguments.function(arguments)
        except SystemExit as ending:
            status = int(ending.code or 0)
        captured = capsys.readouterr()
        return status, captured.out + captured.err

    return run


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A history of two steps, one after the other."""
    monkeypatch.setenv("AIRFLOW__CHRONOS__DATABASE", f"sqlite:///{tmp_path}/chronos.db")
    monkeypatch.setenv("AIRFLOW__CHRONOS__SPOOL_ROOT", str(tmp_path / "spool"))
    whole = record("whole", step="", facets={"airflow": {"dag_id": "swot", "run_id": "r1"}})
    Loader(engines.engine(), TYPES).load(
        [
            whole,
            record("one", [product("/d/in.nc", "raw")], [product("/d/mid.nc", "out")], parent=whole.run.id),
            record(
                "two",
                [product("/d/mid.nc", "in")],
                [product(PRODUCT, "out", checksum="sha1$" + "ab" * 20)],
                step="second",
                image="tool:2",
                minute=1,
                facets={"context": {"command": ["make", "it"], "work_directory": "/w"}},
            ),
            record("bad", step="third", state=RunState.FAIL, error="exit code 7", minute=2),
        ]
    )
    yield
    engines.dispose()


def test_lineage(call: Callable[..., tuple[int, str]]) -> None:
    status, text = call("lineage", "ancestors", PRODUCT.rpartition("/")[2])
    assert status == 0
    for words in ("swot.second", "swot.make", "file:///d/in.nc", "file:///d/mid.nc"):
        assert words in text
    found = json.loads(call("lineage", "descendants", "/d/in.nc", "--json")[1])
    assert (len(found["datasets"]), len(found["runs"]), found["cut"]) == (3, 2, False)
    assert "first 2 of 3 or more" in call("lineage", "ancestors", PRODUCT, "--limit", "2")[1]
    assert call("lineage", "ancestors", "nothing.nc")[0] == 1


def test_runs(call: Callable[..., tuple[int, str]]) -> None:
    status, text = call("runs", "list", "--state", "fail")
    assert status == 0
    assert "swot.third" in text
    assert "swot.second" not in text
    listed = json.loads(call("runs", "list", "--image", "tool:2", "--json")[1])
    (run,) = listed["runs"]
    shown = call("runs", "show", run["id"])[1]
    assert "make it" in shown
    assert "file:///d/mid.nc" in shown
    assert call("runs", "list", "--state", "odd")[0] == 1
    assert call("runs", "show", "odd")[0] == 1


def test_differences(call: Callable[..., tuple[int, str]]) -> None:
    one, two = str(run_id(NOON, "one")), str(run_id(NOON, "two"))
    status, text = call("runs", "diff", one, two)
    assert status == 1
    assert "job.image" in text
    assert call("runs", "diff", one, one) == (
        0,
        "no difference in job, place, inputs, parameters and results\n",
    )
    assert {d["what"] for d in json.loads(call("runs", "diff", one, two, "--json")[1])} >= {
        "job",
        "job.image",
    }


def test_datasets(call: Callable[..., tuple[int, str]]) -> None:
    assert PRODUCT.rpartition("/")[2] in call("datasets", "find", "expert", "012")[1]
    found = json.loads(call("datasets", "find", "--attribute", "cycle=005", "--json")[1])
    (one,) = found["datasets"]
    assert (one["type"], one["attributes"]["pass"]) == ("SWOT_L2_LR_SSH_Expert", "012")
    assert "swot.second" in call("datasets", "show", str(one["id"]))[1]
    assert call("datasets", "find")[0] == 1
    assert call("datasets", "find", "--attribute", "cycle")[0] == 1


def test_activity(call: Callable[..., tuple[int, str]]) -> None:
    days = json.loads(call("activity", "--since", "2026-03-01", "--until", "2026-03-02", "--json")[1])
    assert sum(day["runs"] for day in days) == 4
    assert (
        "2026-03-01 12:00" in call("activity", "--since", "2026-03-01", "--until", "2026-03-02", "--hours")[1]
    )
    assert call("activity", "--since", "yesterday")[0] == 1


def test_events_of_others(call: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    event = {
        "eventType": "COMPLETE",
        "eventTime": "2026-03-01T12:00:00Z",
        "run": {"runId": str(run_id(NOON, "spark"))},
        "job": {"namespace": "spark", "name": "etl"},
        "inputs": [{"namespace": "file", "name": PRODUCT}],
        "outputs": [{"namespace": "s3://b", "name": "table"}],
    }
    file = tmp_path / "events.jsonl"
    file.write_text(json.dumps(event) + "\n" + json.dumps(event) + "\n")
    assert call("lineage", "import", str(file)) == (0, "2 events recorded\n")
    assert "new: 1" in call("recorder", "--once")[1]
    assert "s3://b/table" in call("lineage", "descendants", PRODUCT)[1]
    file.write_text("no json")
    assert call("lineage", "import", str(file))[0] == 1


def test_database(call: Callable[..., tuple[int, str]]) -> None:
    assert call("db", "check")[0] == 0
    assert "nothing to do" in call("db", "upgrade")[1]
    assert json.loads(call("db", "upgrade", "--dry-run", "--json")[1])["revisions"] == []
    assert {"run", "dataset"} <= {t["table"] for t in json.loads(call("db", "stats", "--json")[1])["tables"]}
    assert "repaired from Airflow's tables: 0 runs" in call("db", "stats")[1]
    assert json.loads(call("db", "tidy", "--json")[1])["indexes_rebuilt"] == 0
