"""Acting on many runs over HTTP, and the list of runs as a file."""

from __future__ import annotations

import csv
import io
import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chronos_plugin.execution.store import run_folder
from chronos_plugin.execution.targets.base import Job as TargetJob
from chronos_plugin.execution.targets.base import Resources
from chronos_plugin.execution.targets.folder import JobFolder
from chronos_plugin.lineage.model import Job, JobKind, Run, RunState
from chronos_plugin.lineage.record import Record
from tests.db.store.conftest import NOON, TYPES

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
Ask = Callable[..., Any]
Login = Callable[[str], dict[str, str]]


@pytest.fixture
def act(server: Any, login: Login) -> Callable[..., Any]:
    def send(who: str = "user", status: int = 200, **body: Any) -> Any:
        answer = server.post("/chronos/api/v1/runs/actions", headers=login(who), json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    return send


@pytest.fixture
def begun(server: Any, login: Login, echo: str) -> Callable[[str], tuple[uuid.UUID, uuid.UUID]]:
    """Start a run that the history knows; return its id there and that of its first step's execution."""

    def start(run_id: str) -> tuple[uuid.UUID, uuid.UUID]:
        from chronos_plugin.db import engine as engines
        from chronos_plugin.db.store.loader import Loader

        answer = server.post(
            "/chronos/api/v1/workflows/echo/runs",
            headers=login("user"),
            json={"inputs": {"text": "hi"}, "run_id": run_id},
        )
        whole = uuid.UUID(answer.json()["id"])
        step = uuid.uuid5(whole, "first")
        place = {"airflow": {"dag_id": "echo", "run_id": run_id}}
        job = Job("airflow", "echo", kind=JobKind.WORKFLOW, workflow="echo")
        part = Job(
            "airflow",
            "echo.first",
            kind=JobKind.STEP,
            workflow="echo",
            step="first",
            facets={"task": {"dag_id": "echo", "task_id": "first"}},
        )
        runs = [
            Run(whole, job, RunState.RUNNING, started=NOON, facets=place),
            Run(step, part, RunState.FAIL, started=NOON, ended=NOON, parent=whole, error="=out of memory"),
        ]
        Loader(engines.engine(), TYPES, clock=NOON.timestamp).load([Record(run, (), ()) for run in runs])
        return whole, step

    return start


def _fail(run_id: str, **states: str) -> None:
    from airflow.models.dagrun import DagRun
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        session.scalars(select(DagRun).where(DagRun.run_id == run_id)).one().state = "failed"
        for instance in session.scalars(select(TaskInstance).where(TaskInstance.run_id == run_id)):
            instance.state = states.get(instance.task_id, "success")


def _states(run_id: str) -> dict[str, str | None]:
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        found = session.scalars(select(TaskInstance).where(TaskInstance.run_id == run_id))
        return {i.task_id: i.state for i in found}


def test_an_action_is_first_shown_and_then_done(
    act: Callable[..., Any], begun: Callable[[str], Any], ask: Ask
) -> None:
    whole, step = begun("acted")
    _fail("acted", first="failed", second="upstream_failed")
    ids = [str(whole), str(step)]
    preview = act(action="retry", runs=ids)
    (one,) = preview["dag_runs"]
    assert (preview["dry_run"], preview["runs"], one["result"]) == (True, 2, "would be done")
    assert (one["run_id"], sorted(one["runs"]), one["task_count"]) == ("acted", sorted(ids), 2)
    assert [task["task_id"] for task in one["tasks"]] == ["first", "second"]
    assert _states("acted")["first"] == "failed"

    assert act(action="retry", runs=ids, dry_run=False)["dag_runs"][0]["result"] == "done"
    states = _states("acted")
    assert (states["first"], states["second"]) == (None, None)
    assert ask("/dags/echo/runs/acted")["state"] == "queued"
    assert act(action="retry", runs=ids)["dag_runs"][0]["why"] == "nothing of it has failed"


def test_of_an_execution_only_its_task_runs_again(
    act: Callable[..., Any], begun: Callable[[str], Any]
) -> None:
    _, step = begun("partly")
    _fail("partly", second="failed")
    assert act(action="retry", runs=[str(step)])["dag_runs"][0]["result"] == "nothing"
    _fail("partly", first="failed", second="upstream_failed")
    (one,) = act(action="retry", runs=[str(step)], dry_run=False)["dag_runs"]
    assert [task["task_id"] for task in one["tasks"]] == ["first", "second"]


def test_runs_of_a_query_are_cancelled_and_can_run_again(
    act: Callable[..., Any], begun: Callable[[str], Any], ask: Ask
) -> None:
    whole, _ = begun("ended")
    query = {"state": "RUNNING", "workflow": "echo"}
    found = {r["run_id"]: r for r in act(action="cancel", query=query)["dag_runs"]}
    assert found["ended"]["result"] == "would be done"
    assert found["ended"]["task_count"] > 1
    assert ask("/dags/echo/runs/ended")["state"] == "queued"
    act(action="cancel", runs=[str(whole)], dry_run=False)
    assert (ask("/dags/echo/runs/ended")["state"], ask("/dags/echo/runs/ended")["cancelled"]) == (
        "failed",
        True,
    )
    assert act(action="cancel", runs=[str(whole)])["dag_runs"][0]["why"] == "it has ended"
    _fail("ended", first="failed")
    act(action="retry", runs=[str(whole)], dry_run=False)
    assert not ask("/dags/echo/runs/ended")["cancelled"]
    cut = act(action="cancel", query={"workflow": "echo"}, limit=1)
    assert (cut["runs"], cut["cut"]) == (1, True)


def test_jobs_on_targets_are_held_and_released(
    act: Callable[..., Any], begun: Callable[[str], Any], home: Path
) -> None:
    whole, _ = begun("waiting")
    assert act(action="hold", runs=[str(whole)])["dag_runs"][0]["why"] == "no target has a job of it"
    folder = JobFolder(run_folder(home / "work", "echo", "waiting") / "work" / "first" / "try-1")
    folder.path.mkdir(parents=True)
    folder.write_job(TargetJob("job-1", "echo first", folder.path, Resources()), "hpc", "#!/bin/sh\n", {})
    folder.write_submission("submitted", "4711")
    (preview,) = act(action="hold", runs=[str(whole)])["dag_runs"]
    assert (preview["result"], preview["jobs"], folder.wish()) == ("would be done", ["echo first"], None)
    for action in ("hold", "release"):
        act(action=action, runs=[str(whole)], dry_run=False)
        assert folder.wish() == action


def test_what_is_not_of_airflow_is_counted_apart(
    act: Callable[..., Any], past: list[Record], begun: Callable[[str], Any]
) -> None:
    answer = act(action="retry", runs=[str(past[0].run.id)])
    assert (answer["elsewhere"], answer["dag_runs"][0]["result"]) == (0, "nothing")
    assert "there is no run run-2" in answer["dag_runs"][0]["why"]


@pytest.mark.parametrize(
    "body",
    [
        {"action": "retry"},
        {"action": "retry", "runs": [], "query": {}},
        {"action": "explode", "runs": []},
        {"action": "retry", "runs": [], "force": True},
        {"action": "retry", "query": {"colour": "red"}},
        {"action": "retry", "query": {}, "limit": 100_000},
    ],
)
def test_what_does_not_fit_does_nothing(act: Callable[..., Any], body: Any) -> None:
    act(status=422, **body)


def test_viewers_do_not_act(act: Callable[..., Any]) -> None:
    act(who="viewer", status=403, action="retry", runs=[])


def test_the_list_is_a_file(
    server: Any, login: Login, begun: Callable[[str], Any], ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chronos_plugin.api.v1 import export

    monkeypatch.setattr(export, "_PAGE", 2)
    for n in range(3):
        begun(f"exported-{n}")
    listed = [run["id"] for run in ask("/runs", workflow="echo", limit=1000)["runs"]]

    def get(**query: Any) -> Any:
        answer = server.get(
            "/chronos/api/v1/runs/export", headers=login("viewer"), params={"workflow": "echo", **query}
        )
        assert answer.status_code == 200, answer.text
        return answer

    answer = get()
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert answer.headers["content-type"].startswith("text/csv")
    assert [row["id"] for row in rows] == listed
    # A spreadsheet must take nothing of it for a formula.
    assert {row["error"] for row in rows if row["step"]} == {"'=out of memory"}
    first = json.loads(get(format="json", limit=3).text)
    assert [run["id"] for run in first["runs"]] == listed[:3]
    rest = json.loads(get(format="json", cursor=first["next"]).text)
    assert ([run["id"] for run in rest["runs"]], rest["next"]) == (listed[3:], None)
