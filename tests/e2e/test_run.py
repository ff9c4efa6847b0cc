"""CWL files in the DAG folder, run by the real scheduler and workers."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from benches.installation import Installation
from chronos_plugin.errors import InputInvalid

pytestmark = pytest.mark.airflow


def test_scatter_and_subworkflows(add: Callable[[str], None], run: Callable[..., Any]) -> None:
    add("greetings")
    finished = run("greetings")
    assert finished.state == "success", finished.instances
    assert finished.outputs["loud"] == ["ANN", "BOB", "EVE"]
    assert finished.outputs["pairs"] == [
        [None, "ann+bob", "ann+eve"],
        ["bob+ann", None, "bob+eve"],
        ["eve+ann", "eve+bob", None],
    ]
    assert finished.states("each.say") == ["success"] * 3
    assert finished.states("both.pair") == ["success"] * 6


def test_empty_scatter(add: Callable[[str], None], run: Callable[..., Any]) -> None:
    add("greetings")
    finished = run("greetings", names=[])
    assert finished.state == "success", finished.instances
    assert finished.outputs == {"loud": [], "pairs": []}


def test_skipped_step_has_null_outputs_and_what_follows_runs(
    add: Callable[[str], None], run: Callable[..., Any]
) -> None:
    add("choice")
    finished = run("choice", left=False)
    assert finished.state == "success"
    assert finished.states("a") == ["skipped"]
    path = Path(unquote(urlsplit(finished.outputs["file"]["location"]).path))
    assert path.read_text() == "b\n"


def test_failure_says_why_and_stops_what_follows(
    airflow: Installation, add: Callable[[str], None], run: Callable[..., Any]
) -> None:
    add("failing")
    finished = run("failing")
    assert finished.state == "failed"
    assert finished.states("bad") == ["failed"]
    assert finished.states("chronos.outputs") == ["upstream_failed"]
    log = "\n".join(airflow.api.log_lines("failing", finished.run_id, "bad", -1, 1))
    assert "no disk left" in log
    assert "exit code 7" in log


def test_wrong_value_is_refused_before_the_run(airflow: Installation, add: Callable[[str], None]) -> None:
    add("greetings")
    with pytest.raises(InputInvalid, match="names"):
        airflow.api.trigger("greetings", {"names": [1, 2]})


def test_marking_failed_kills_the_tool(
    airflow: Installation, add: Callable[[str], None], tmp_path: Path
) -> None:
    mark = tmp_path / "pid"
    add("sleeping")
    run_id = airflow.api.trigger("sleeping", {"mark": str(mark)})
    _until(lambda: mark.exists() and mark.read_text().strip())
    group = int(mark.read_text())
    airflow.api.stop_run("sleeping", run_id)
    _until(lambda: not _group_alive(group))


def _group_alive(group: int) -> bool:
    try:
        os.killpg(group, signal.SIG_DFL)
    except ProcessLookupError:
        return False
    return True


def _until(condition: Callable[[], object], seconds: float = 180) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.2)
