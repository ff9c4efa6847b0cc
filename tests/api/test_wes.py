"""GA4GH WES 1.1, with the messages checked against what the specification says of them."""

from __future__ import annotations

import datetime
import functools
import http.server
import json
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from chronos_plugin.api.wes import submission
from chronos_plugin.execution.store import run_folder, write_json
from tests.api.conftest import TOOL
from tests.db.store.conftest import TYPES

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
Login = Callable[[str], dict[str, str]]
WES = "/chronos/ga4gh/wes/v1"
WORKFLOW = """\
cwlVersion: v1.2
class: Workflow
inputs: {text: string}
outputs: {out: {type: File, outputSource: say/out}}
steps:
  say: {run: tools/echo.cwl, in: {text: text}, out: [out]}
"""

TEXT = {"type": "string"}
TEXTS = {"type": "object", "additionalProperties": TEXT}
MOMENT = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"}
STATES = "UNKNOWN QUEUED INITIALIZING RUNNING PAUSED COMPLETE EXECUTOR_ERROR SYSTEM_ERROR CANCELED CANCELING PREEMPTED"


def _thing(required: str, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": required.split(), "properties": properties}


STATE = {"enum": STATES.split()}
RUN_ID = _thing("run_id", run_id=TEXT)
STATUS = _thing("run_id state", run_id=TEXT, state=STATE)
SUMMARY = _thing(
    "run_id state tags", run_id=TEXT, state=STATE, tags=TEXTS, start_time=MOMENT, end_time=MOMENT
)
LIST = _thing("runs next_page_token", runs={"type": "array", "items": SUMMARY}, next_page_token=TEXT)
LOG_FIELDS: dict[str, Any] = {
    "name": TEXT,
    "cmd": {"type": "array", "items": TEXT},
    "start_time": MOMENT,
    "end_time": MOMENT,
    "stdout": TEXT,
    "stderr": TEXT,
    "exit_code": {"type": "integer"},
    "system_logs": {"type": "array", "items": TEXT},
}
TASK = _thing("id name", id=TEXT, **LOG_FIELDS)
TASKS = _thing("task_logs next_page_token", task_logs={"type": "array", "items": TASK}, next_page_token=TEXT)
REQUEST = _thing(
    "workflow_type workflow_type_version workflow_url workflow_params",
    workflow_params={"type": "object"},
    workflow_type={"const": "CWL"},
    workflow_type_version=TEXT,
    tags=TEXTS,
    workflow_engine_parameters=TEXTS,
    workflow_engine=TEXT,
    workflow_engine_version=TEXT,
    workflow_url=TEXT,
)
RUN_LOG = _thing(
    "run_id request state run_log",
    run_id=TEXT,
    request=REQUEST,
    state=STATE,
    run_log=_thing("name", **LOG_FIELDS),
    task_logs_url={"type": "string", "pattern": "^https?://"},
    outputs={"type": "object"},
)
VERSIONS = {"type": "array", "items": TEXT, "minItems": 1}
SERVICE = _thing(
    "id name type organization version workflow_type_versions supported_wes_versions "
    "supported_filesystem_protocols workflow_engine_versions default_workflow_engine_parameters "
    "system_state_counts auth_instructions_url tags",
    type=_thing("group artifact version", group={"const": "org.ga4gh"}, artifact={"const": "wes"}),
    organization=_thing("name url"),
    workflow_type_versions={"additionalProperties": _thing("", workflow_type_version=VERSIONS)},
    workflow_engine_versions={"additionalProperties": _thing("", workflow_engine_version=VERSIONS)},
    supported_wes_versions=VERSIONS,
    system_state_counts={"propertyNames": STATE, "additionalProperties": {"type": "integer"}},
    tags=TEXTS,
)
ERROR = _thing("msg status_code", msg=TEXT, status_code={"type": "integer"})


def _checked(answer: Any, schema: dict[str, Any], status: int = 200) -> Any:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    Draft202012Validator(schema).validate(answer.json())
    return answer.json()


@pytest.fixture
def wes(server: Any, login: Login) -> Callable[..., Any]:
    """Send a request of WES as somebody, and check the answer."""

    def send(
        method: str, path: str, schema: dict[str, Any], status: int = 200, who: str = "op", **more: Any
    ) -> Any:
        headers = login(who)
        return _checked(server.request(method, WES + path, headers=headers, **more), schema, status)

    return send


@pytest.fixture
def processor(server: Any, parse: Callable[[str], None]) -> Iterator[None]:
    """What Airflow's DAG processor does with requests to parse."""
    from airflow.models.dagbag import DagPriorityParsingRequest
    from airflow.utils.session import create_session
    from sqlalchemy import select

    ended = threading.Event()

    def work() -> None:
        while not ended.wait(0.1):
            with create_session(scoped=False) as session:
                asked = session.scalars(select(DagPriorityParsingRequest)).all()
                files = [one.relative_fileloc for one in asked]
                for one in asked:
                    session.delete(one)
            for file in files:
                parse(file)

    thread = threading.Thread(target=work)
    thread.start()
    yield
    ended.set()
    thread.join()


def _form(**more: Any) -> dict[str, Any]:
    return {
        "workflow_type": "CWL",
        "workflow_type_version": "v1.2",
        "workflow_url": "chain/main.cwl",
        "workflow_params": json.dumps({"text": "hi"}),
        "tags": json.dumps({"project": "swot"}),
        **more,
    }


def _attached(**contents: str) -> list[tuple[str, tuple[str, bytes]]]:
    files = {"chain/main.cwl": WORKFLOW, "chain/tools/echo.cwl": TOOL, **contents}
    return [("workflow_attachment", (name, text.encode())) for name, text in files.items()]


def test_the_service_says_what_it_can(wes: Callable[..., Any]) -> None:
    info = wes("GET", "/service-info", SERVICE)
    assert "1.1.0" in info["supported_wes_versions"]
    assert info["workflow_type_versions"]["CWL"]["workflow_type_version"] == ["v1.0", "v1.1", "v1.2"]


def test_a_bundle_runs_from_submission_to_outputs(
    wes: Callable[..., Any], processor: None, home: Path
) -> None:
    run_id = wes("POST", "/runs", RUN_ID, data=_form(), files=_attached())["run_id"]
    assert wes("GET", f"/runs/{run_id}/status", STATUS)["state"] == "QUEUED"
    dag_id, dag_run_id = submission.ids_of(run_id)
    log = wes("GET", f"/runs/{run_id}", RUN_LOG)
    assert log["request"]["tags"] == {"project": "swot"}
    assert log["request"]["workflow_params"] == {"text": "hi"}
    assert log["request"]["workflow_url"] == "chain/main.cwl"
    assert "outputs" not in log

    folder = run_folder(home / "work", dag_id, dag_run_id)
    _set_state(dag_id, dag_run_id, "running")
    assert wes("GET", f"/runs/{run_id}/status", STATUS)["state"] == "INITIALIZING"
    write_json(folder / "inputs.json", {"text": "hi"})
    assert wes("GET", f"/runs/{run_id}/status", STATUS)["state"] == "RUNNING"
    assert wes("GET", f"/runs/{run_id}/tasks", TASKS) == {"task_logs": [], "next_page_token": ""}
    _set_state(dag_id, dag_run_id, "success")
    write_json(folder / "outputs.json", {"out": {"class": "File", "location": "file:///o/out.txt"}})
    log = wes("GET", f"/runs/{run_id}", RUN_LOG)
    assert (log["state"], log["run_log"]["exit_code"]) == ("COMPLETE", 0)
    assert log["outputs"]["out"]["location"] == "file:///o/out.txt"

    # The same documents again are the same DAG.
    again = wes("POST", "/runs", RUN_ID, data=_form(), files=_attached())["run_id"]
    assert submission.ids_of(again)[0] == dag_id
    assert again != run_id


def _set_state(dag_id: str, run_id: str, state: str) -> None:
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session(scoped=False) as session:
        run = session.scalars(select(DagRun).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id)).one()
        run.state = state
        run.start_date = run.run_after
        run.end_date = run.run_after if state in ("success", "failed") else None


def _start(wes: Callable[..., Any], **more: Any) -> tuple[str, str, str]:
    """Start a run of a deployed workflow."""
    run_id = wes("POST", "/runs", RUN_ID, data=_form(workflow_url="echo", **more), who="user")["run_id"]
    return (run_id, *submission.ids_of(run_id))


def test_who_may_only_start_starts_what_is_deployed(wes: Callable[..., Any], echo: str) -> None:
    _, dag_id, _ = _start(wes)
    assert dag_id == "echo"
    wes("POST", "/runs", ERROR, 403, who="user", data=_form(), files=_attached())
    wes("POST", "/runs", ERROR, 403, who="viewer", data=_form(workflow_url="echo"))


def test_a_run_is_cancelled(wes: Callable[..., Any], echo: str) -> None:
    run_id, _, _ = _start(wes)
    wes("POST", f"/runs/{run_id}/cancel", ERROR, 403, who="viewer")
    assert wes("POST", f"/runs/{run_id}/cancel", RUN_ID)["run_id"] == run_id
    assert wes("GET", f"/runs/{run_id}/status", STATUS)["state"] == "CANCELED"


@pytest.mark.parametrize(
    ("kind", "state"),
    [("StepFailed", "EXECUTOR_ERROR"), ("ServiceFailed", "SYSTEM_ERROR"), (None, "SYSTEM_ERROR")],
)
def test_whose_fault_it_was_is_told(
    wes: Callable[..., Any], echo: str, home: Path, kind: str | None, state: str
) -> None:
    run_id, dag_id, dag_run_id = _start(wes)
    _set_state(dag_id, dag_run_id, "failed")
    if kind:
        folder = run_folder(home / "work", dag_id, dag_run_id)
        write_json(folder / "error.json", {"kind": kind, "task": "first", "message": "it broke"})
    log = wes("GET", f"/runs/{run_id}", RUN_LOG)
    assert log["state"] == state
    assert log["run_log"].get("system_logs") == (["it broke"] if kind else None)


def test_tasks_are_listed_with_command_and_log(
    wes: Callable[..., Any], echo: str, server: Any, login: Login
) -> None:
    from chronos_plugin.db import engine as engines
    from chronos_plugin.db.store.loader import Loader
    from chronos_plugin.lineage.model import Job, JobKind, Run, RunState
    from chronos_plugin.lineage.record import Record
    from chronos_plugin.lineage.record import run_id as new_id

    run_id, dag_id, dag_run_id = _start(wes)
    whole = server.get(f"/chronos/api/v1/dags/{dag_id}/runs/{dag_run_id}", headers=login("viewer")).json()
    now = datetime.datetime.now(datetime.UTC)
    parts = [
        Run(
            new_id(now, dag_run_id, step),
            Job(
                "airflow",
                f"echo.{step}",
                kind=JobKind.STEP,
                workflow="echo",
                step=step,
                facets={"task": {"dag_id": "echo", "task_id": step}},
            ),
            RunState.COMPLETE,
            started=now,
            ended=now,
            parent=uuid.UUID(whole["id"]),
            exit_code=0,
            node="node7",
            facets={"context": {"command": ["echo", "hi"]}},
        )
        for step in ("first", "second")
    ]
    Loader(engines.engine(), TYPES).load([Record(part, (), ()) for part in parts])
    page = wes("GET", f"/runs/{run_id}/tasks", TASKS, params={"page_size": 1})
    rest = wes("GET", f"/runs/{run_id}/tasks", TASKS, params={"page_token": page["next_page_token"]})
    assert {t["name"] for t in page["task_logs"] + rest["task_logs"]} == {"first", "second"}
    assert rest["next_page_token"] == ""
    task = wes("GET", f"/runs/{run_id}/tasks/{page['task_logs'][0]['id']}", TASK)
    assert task["cmd"] == ["echo", "hi"]
    assert task["system_logs"] == ["local node7"]
    assert "/chronos/api/v1/dags/echo/runs/" in task["stdout"]
    # Under the address that it names there is the log, or that Airflow has none.
    assert server.get(task["stdout"], headers=login("viewer")).status_code in (200, 404)
    other, _, _ = _start(wes)
    wes("GET", f"/runs/{other}/tasks/{task['id']}", ERROR, 404)
    wes("GET", f"/runs/{other}/tasks/nonsense", ERROR, 404)


def test_runs_are_listed_page_by_page(wes: Callable[..., Any], echo: str) -> None:
    mine = [_start(wes, tags=json.dumps({"number": str(n)}))[0] for n in range(3)]
    first = wes("GET", "/runs", LIST, params={"page_size": 2})
    second = wes("GET", "/runs", LIST, params={"page_size": 2, "page_token": first["next_page_token"]})
    listed = [run["run_id"] for run in first["runs"] + second["runs"]]
    assert listed[:3] == mine[::-1]
    assert first["runs"][0]["tags"] == {"number": "2"}


@pytest.mark.parametrize(
    "change",
    [
        {"workflow_type": "WDL"},
        {"workflow_type_version": "v9"},
        {"workflow_params": "{"},
        {"workflow_params": "[]"},
        {"workflow_params": json.dumps({"chronos:wes": {}})},
        {"tags": json.dumps({"a": 1})},
        {"workflow_engine": "toil"},
        {"workflow_url": ""},
        {"workflow_url": "../main.cwl"},
        {"workflow_url": "chain/other.cwl"},
        {"workflow_url": "https://elsewhere.example/main.cwl"},
    ],
)
def test_requests_that_do_not_fit_are_refused(wes: Callable[..., Any], change: dict[str, str]) -> None:
    error = wes("POST", "/runs", ERROR, 400, data=_form(**change), files=_attached())
    assert error["status_code"] == 400


def test_documents_that_do_not_compile_are_refused_with_their_place(wes: Callable[..., Any]) -> None:
    files = _attached(**{"chain/tools/echo.cwl": TOOL.replace("string", "sting")})
    error = wes("POST", "/runs", ERROR, 400, data=_form(), files=files)
    assert (error["file"], error["line"]) == ("chain/tools/echo.cwl", 5)


def test_what_is_no_run_is_not_found(wes: Callable[..., Any], echo: str) -> None:
    for run_id in ("nonsense", "ZWNobw", "ZWNobwBub25l"):
        wes("GET", f"/runs/{run_id}", ERROR, 404)
    wes("GET", "/runs", ERROR, 400, params={"page_token": "nonsense"})


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[str]:
    """A web server with documents."""
    (tmp_path / "flows" / "tools").mkdir(parents=True)
    (tmp_path / "flows" / "main.cwl").write_text(WORKFLOW)
    (tmp_path / "flows" / "tools" / "echo.cwl").write_text(TOOL)
    (tmp_path / "flows" / "out.cwl").write_text(WORKFLOW.replace("tools/echo.cwl", "../secret.cwl"))
    (tmp_path / "secret.cwl").write_text(TOOL)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as served:
        thread = threading.Thread(target=served.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{served.server_address[1]}"
        served.shutdown()
        thread.join()


def test_documents_are_fetched_from_where_it_is_allowed(
    wes: Callable[..., Any], processor: None, elsewhere: str, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    monkeypatch.setenv("AIRFLOW__CHRONOS__WES_DOCUMENT_URIS", f"{elsewhere}/flows/")
    form = _form(workflow_url=f"{elsewhere}/flows/main.cwl")
    run_id = wes("POST", "/runs", RUN_ID, data=form)["run_id"]
    folder = home / "dags" / "deployed" / submission.ids_of(run_id)[0]
    assert (folder / "tools" / "echo.cwl").read_text() == TOOL
    for path, status in (
        ("secret.cwl", 400),
        ("flows/out.cwl", 400),
        ("flows/../secret.cwl", 400),
        ("flows/no.cwl", 502),
    ):
        wes("POST", "/runs", ERROR, status, data=_form(workflow_url=f"{elsewhere}/{path}"))


def test_a_processor_that_is_away_is_said(wes: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submission, "PATIENCE", 0.3)
    files = _attached(**{"chain/note.txt": "another bundle"})
    error = wes("POST", "/runs", ERROR, 503, data=_form(), files=files)
    assert "DAG processor" in error["msg"]


def test_prefixes_are_whole_hosts() -> None:
    assert submission._lies_below("https://a.example/x.cwl", "https://a.example")
    assert not submission._lies_below("https://a.example.evil/x.cwl", "https://a.example")
    assert not submission._lies_below("https://a.example@evil/x.cwl", "https://a.example")
    assert not submission._lies_below("http://a.example/x.cwl", "https://a.example/")
