"""Steps deferred to the target local by the real scheduler, workers and triggerer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import pytest

from benches.installation import Installation
from chronos_plugin.execution import context
from chronos_plugin.execution.store import RunStore, run_folder

pytestmark = pytest.mark.airflow


def store_of(airflow: Installation, dag_id: str, run_id: str) -> RunStore:
    """Return access to the files of a run, wherever the installation keeps them."""
    name = run_folder(Path("/"), dag_id, run_id).relative_to("/")
    (found,) = [
        p for p in airflow.home.rglob(name.name) if p.match(f"*/{name}") and (p / "run.json").exists()
    ]
    return RunStore(found)


def tries(store: RunStore, *names: tuple[str, int | None]) -> list[dict[str, Any]]:
    return list(context.of(store, names).values())


def test_scatter_on_a_target(
    airflow: Installation, add: Callable[[str], None], run: Callable[..., Any]
) -> None:
    add("targets")
    finished = run("targets")
    assert finished.state == "success", finished.instances
    path = Path(unquote(urlsplit(finished.outputs["all"]["location"]).path))
    assert path.read_text() == "ann\nbob\neve\n"
    store = store_of(airflow, "targets", finished.run_id)
    for index, word in enumerate(["ann", "bob", "eve"]):
        (one,) = tries(store, ("each", index))
        assert (one["target"], one["state"], one["exit_code"]) == ("local", "success", 0)
        assert "targets.targets.yaml:2:5" in one["why"]
        assert one["last_lines"] == [f"working on {word}"]
        log = "\n".join(airflow.api.log_lines("targets", finished.run_id, "each", index, 1))
        assert log.count(f"working on {word}") == 1
        assert "target local" in log
        assert "exit code 0" in log
    (here,) = tries(store, ("join", None))
    assert here["target"] == "worker"


def test_run_can_order_another_target(
    airflow: Installation, add: Callable[[str], None], run: Callable[..., Any]
) -> None:
    add("targets")
    finished = run("targets", **{"chronos:target": {"each": "worker", "*": "local"}})
    assert finished.state == "success", finished.instances
    store = store_of(airflow, "targets", finished.run_id)
    assert {t["target"] for i in range(3) for t in tries(store, ("each", i))} == {"worker"}
    (there,) = tries(store, ("join", None))
    assert (there["target"], there["why"]) == ("local", "ordered by the run")


def test_order_for_a_target_that_is_not_there(
    airflow: Installation, add: Callable[[str], None], run: Callable[..., Any]
) -> None:
    add("targets")
    finished = run("targets", **{"chronos:target": "moon"})
    assert finished.state == "failed"
    log = "\n".join(airflow.api.log_lines("targets", finished.run_id, "each", 0, 1))
    assert "no target 'moon'" in log


@pytest.mark.parametrize("how", ["failed", "cleared"])
def test_job_of_a_deferred_task_is_cancelled(
    airflow: Installation, add: Callable[[str], None], tmp_path: Path, how: str
) -> None:
    mark = tmp_path / "pids"
    add("detached")
    run_id = airflow.api.trigger("detached", {"mark": str(mark)})
    until(lambda: mark.exists() and mark.read_text().strip())
    until(lambda: state_of(airflow, run_id) == "deferred")
    pid = int(mark.read_text().split()[0])
    assert alive(pid)
    path = f"/api/v2/dags/detached/dagRuns/{quote(run_id, safe='')}/taskInstances/wait"
    if how == "failed":
        airflow.api.request("PATCH", path, json={"new_state": "failed"})
    else:
        body = {"dag_run_id": run_id, "task_ids": ["wait"], "dry_run": False, "only_failed": False}
        airflow.api.request("POST", "/api/v2/dags/detached/clearTaskInstances", json=body)
    until(lambda: not alive(pid))
    end = "failed" if how == "failed" else "success"
    until(lambda: airflow.api.run_state("detached", run_id) == end)
    store = store_of(airflow, "detached", run_id)
    assert len(mark.read_text().split()) == (1 if how == "failed" else 2)
    if how == "failed":
        (work,) = store.work((("wait", None),)).iterdir()
        assert json.loads((work / "outcome.json").read_text())["outcome"] == "abandoned"
    else:
        # The work directories of a run that succeeded are gone; what its tries were is kept.
        first, second = tries(store, ("wait", None))
        assert (first["state"], second["state"]) == ("running", "success")


def test_killed_triggerer_loses_no_job(
    airflow: Installation, add: Callable[[str], None], tmp_path: Path
) -> None:
    """Who attends to a job may go at any time: the job goes on, and whoever comes next finds how it ended."""
    script = "import asyncio, pathlib, sys\nfrom chronos_plugin.operators.triggers import CwlJobTrigger\n"
    script += "async def go():\n    async for e in CwlJobTrigger([sys.argv[1]]).run(): print('fired')\nasyncio.run(go())"
    from tests.execution.targets.conftest import job_in

    folder = job_in(tmp_path / "job", "sh", "-c", "sleep 2; echo words")
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CHRONOS__WORK_ROOT": str(tmp_path / "w"),
    }
    words = [sys.executable, "-c", script, str(folder.path)]
    first = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until(lambda: (folder.submission() or {}).get("native"))
    first.kill()
    first.wait()
    second = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
    assert "fired" in second.stdout
    ended = folder.exit()
    assert ended is not None
    assert ended.exit_code == 0
    assert (folder.path / "log.txt").read_text() == "words\n"


def state_of(airflow: Installation, run_id: str) -> str:
    return next(
        str(i["state"]) for i in airflow.api.task_instances("detached", run_id) if i["task_id"] == "wait"
    )


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] != b"Z"
    except OSError:
        return False


def until(condition: Callable[[], object], seconds: float = 180) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.2)
