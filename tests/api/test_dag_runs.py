"""Workflows and their runs in Airflow: looking, starting, cancelling, logs, jobs on targets."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chronos_plugin.execution.store import run_folder
from chronos_plugin.execution.targets.base import Job, Resources
from chronos_plugin.execution.targets.folder import JobFolder

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
Ask = Callable[..., Any]
Login = Callable[[str], dict[str, str]]


@pytest.fixture
def post(server: Any, login: Login) -> Callable[..., Any]:
    def send(path: str, body: Any = None, who: str = "user") -> Any:
        return server.post(f"/chronos/api/v1{path}", headers=login(who), json=body)

    return send


def test_workflows_are_listed_with_what_they_say_of_themselves(ask: Ask, echo: str) -> None:
    found = {w["dag_id"]: w for w in ask("/workflows")["workflows"]}
    assert found["echo"]["description"] == "Says something twice."
    assert found["echo"]["file"] == "echo.cwl"
    assert not found["echo"]["deployed"]
    assert [w["dag_id"] for w in ask("/workflows", text="ECH")["workflows"]] == ["echo"]
    assert ask("/workflows", text="no such")["workflows"] == []
    assert ask("/search", q="echo")["workflows"][0]["dag_id"] == "echo"


def test_pages_of_workflows_follow_each_other(
    ask: Ask, echo: str, put: Callable[..., Any], parse: Callable[[str], None]
) -> None:
    from tests.api.conftest import TOOL

    put({"chain.cwl": TOOL}, name="a_first")
    parse("deployed/a_first/chain.cwl")
    first = ask("/workflows", limit=1)
    second = ask("/workflows", limit=1, cursor=first["next"])
    assert first["workflows"][0]["dag_id"] == "a_first"
    assert first["workflows"][0]["deployed"]
    assert second["workflows"][0]["dag_id"] > "a_first"


def test_one_workflow_has_its_inputs_and_graph(ask: Ask, echo: str) -> None:
    workflow = ask("/workflows/echo")
    schema = workflow["inputs_schema"]
    assert schema["required"] == ["text"]
    assert schema["properties"]["times"]["default"] == 2
    assert schema["properties"]["text"]["title"] == "What to say"
    assert [(t["kind"], t["upstream"]) for t in workflow["tasks"] if t["id"] == "second"] == [
        ("step", ["first"])
    ]
    assert workflow["outputs"][0]["name"] == "said"
    assert ask("/workflows/nothing", status=404)


def test_placement_is_explained(ask: Ask, echo: str) -> None:
    steps = ask("/workflows/echo/placement")["steps"]
    assert [step["step"] for step in steps] == ["first", "second"]
    assert all(step["why"] for step in steps)


def test_targets_are_listed(ask: Ask) -> None:
    targets = {t["name"]: t for t in ask("/targets")["targets"]}
    assert targets["local"]["breaker"] == ""
    assert ask("/targets/local") == targets["local"]
    assert ask("/targets/none", status=404)["detail"] == "there is no target none"


def test_a_run_is_started_looked_at_and_cancelled(
    ask: Ask, echo: str, post: Callable[..., Any], server: Any, login: Login, home: Path
) -> None:
    answer = post("/workflows/echo/runs", {"inputs": {"text": "hi"}, "run_id": "one"})
    assert answer.status_code == 201, answer.text
    run = answer.json()
    assert (run["state"], run["who"], run["inputs"]) == ("queued", "user", {"text": "hi"})
    assert server.get(answer.headers["location"], headers=login("viewer")).json()["run_id"] == "one"
    assert uuid.UUID(run["id"]).version == 7
    # The same once more is no second run.
    again = post("/workflows/echo/runs", {"inputs": {"text": "hi"}, "run_id": "one"})
    assert (again.status_code, again.json()["title"]) == (409, "AlreadyKnown")

    cancelled = post("/dags/echo/runs/one/cancel")
    assert cancelled.status_code == 200, cancelled.text
    assert (cancelled.json()["state"], cancelled.json()["cancelled"]) == ("failed", True)
    assert ask("/dags/echo/runs/one")["cancelled"]
    assert post("/dags/echo/runs/one/cancel").json()["cancelled"]
    told = [json.loads(line) for f in (home / "spool").glob("*.jsonl") for line in f.read_text().splitlines()]
    aborted = next(r for r in told if r["id"] == run["id"])
    assert (aborted["state"], aborted["error"]) == ("ABORT", "cancelled by user")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"inputs": {}}, 422),
        ({"inputs": {"text": 5}}, 422),
        ({"inputs": {"text": "x"}, "run_id": "a b"}, 422),
        ({"inputs": {"text": "x"}, "nonsense": 1}, 422),
        ({"inputs": []}, 422),
    ],
)
def test_inputs_that_do_not_fit_start_nothing(
    post: Callable[..., Any], echo: str, body: Any, status: int
) -> None:
    answer = post("/workflows/echo/runs", body)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def test_what_is_not_there_cannot_be_started_or_cancelled(
    post: Callable[..., Any], echo: str, ask: Ask
) -> None:
    assert post("/workflows/nothing/runs", {}).status_code == 404
    assert post("/dags/echo/runs/nothing/cancel").status_code == 404
    assert ask("/dags/echo/runs/nothing", status=404)
    assert ask("/dags/echo/runs/nothing/tasks/first/log", status=404)


def test_jobs_on_targets_are_listed_and_take_wishes(
    ask: Ask, echo: str, post: Callable[..., Any], home: Path
) -> None:
    folder = JobFolder(run_folder(home / "work", "echo", "held") / "work" / "first" / "try-1")
    folder.path.mkdir(parents=True)
    job = Job("job-1", "echo first", folder.path, Resources())
    folder.write_job(job, "hpc", "#!/bin/sh\n", {})
    folder.write_submission("submitted", "4711")
    listed = ask("/dags/echo/runs/held/jobs")["jobs"]
    assert [(j["step"], j["target"], j["native_id"], j["wish"]) for j in listed] == [
        ("first", "hpc", "4711", None)
    ]
    answer = post("/dags/echo/runs/held/wishes", {"wish": "hold", "steps": ["first"]})
    assert (answer.status_code, answer.json()["jobs"][0]["wish"]) == (202, "hold")
    assert folder.wish() == "hold"
    assert post("/dags/echo/runs/held/wishes", {"wish": "hold", "steps": ["second"]}).status_code == 404
    assert post("/dags/echo/runs/held/wishes", {"wish": "explode"}).status_code == 422
