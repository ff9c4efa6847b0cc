from __future__ import annotations

import configparser
import json
import shutil
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from chronos_plugin.client import Client
from chronos_plugin.errors import ServiceFailed
from deploy.demo import configuration, workflow
from deploy.demo.configuration import Address, Secrets
from deploy.demo.errors import NotReady
from deploy.demo.installation import database_mark, wait_until_healthy
from deploy.demo.layout import Layout, read_json, write_private
from deploy.demo.processes import ProcessGroup

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout.of(tmp_path, {"CHRONOS_HOME": str(tmp_path / "100%")})
    made.make()
    return made


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_the_state_lies_in_the_checkout_by_default(tmp_path: Path) -> None:
    assert Layout.of(tmp_path, {}).home == tmp_path / ".chronos"
    assert Layout.of(tmp_path, {"CHRONOS_HOME": "/srv/x"}).home == Path("/srv/x")


def test_secrets_are_made_once_and_are_private(layout: Layout) -> None:
    first = Secrets.load(layout.secrets)
    assert mode(layout.secrets) == 0o600
    assert mode(layout.home) == 0o700
    assert Secrets.load(layout.secrets) == first
    assert len({first.fernet_key, first.secret_key, first.jwt_secret, first.password}) == 4
    layout.secrets.unlink()
    assert Secrets.load(layout.secrets).password != first.password


def test_a_password_written_by_hand_is_kept(layout: Layout) -> None:
    write_private(layout.secrets, json.dumps({"password": "mine"}))
    assert Secrets.load(layout.secrets).password == "mine"
    assert Secrets.load(layout.secrets) == Secrets.load(layout.secrets)


def test_airflow_s_parser_reads_what_is_written(layout: Layout) -> None:
    keys = Secrets.load(layout.secrets)
    configuration.write(layout, Address("127.0.0.1", 8081), keys)
    assert mode(layout.configuration) == 0o600
    # As Airflow does, with interpolation.
    parser = configparser.ConfigParser()
    parser.read(layout.configuration)
    assert parser["core"]["dags_folder"] == str(layout.dags)
    assert parser["core"]["fernet_key"] == keys.fernet_key
    assert parser["core"]["execution_api_server_url"] == "http://127.0.0.1:8081/execution/"
    assert parser["database"]["sql_alchemy_conn"] == f"sqlite:///{layout.home}/airflow.db?timeout=30"
    assert parser["api"]["base_url"] == "http://localhost:8081"


def test_every_interface_is_reached_through_the_loopback() -> None:
    assert Address("0.0.0.0", 1).client_host == "127.0.0.1"
    assert Address("0.0.0.0", 1).public == "http://localhost:1"
    assert Address("10.1.2.3", 1).client_host == "10.1.2.3"


def test_only_chronos_s_variables_reach_the_components(layout: Layout) -> None:
    environment = configuration.environment(
        layout,
        {
            "PATH": "/bin",
            "AIRFLOW__CORE__EXECUTOR": "Other",
            "AIRFLOW_HOME": "/elsewhere",
            "AIRFLOW__CHRONOS__CONTAINER_ENGINE": "none",
            "AIRFLOW_CONN_X": "http://x",
            "PYTHONPATH": "deploy",
            "PYTHONDONTWRITEBYTECODE": "1",
            "no_proxy": "intranet",
        },
    )
    assert environment == {
        # The programs of this environment come first.
        "PATH": f"{Path(sys.executable).parent}:/bin",
        "AIRFLOW__CHRONOS__CONTAINER_ENGINE": "none",
        "AIRFLOW_CONN_X": "http://x",
        "AIRFLOW_HOME": str(layout.home),
        "AIRFLOW_CONFIG": str(layout.configuration),
        "NO_PROXY": "127.0.0.1,intranet,localhost",
        "no_proxy": "127.0.0.1,intranet,localhost",
        "PYTHONUNBUFFERED": "1",
    }


def test_the_database_is_made_anew_for_what_changes_it(tmp_path: Path, layout: Layout) -> None:
    keys = Secrets.load(layout.secrets)
    for name in ("pyproject.toml", "requirements"):
        source = CHECKOUT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / name)
    first = database_mark(tmp_path, keys)
    assert database_mark(tmp_path, keys) == first
    other = Secrets(keys.fernet_key, keys.secret_key, keys.jwt_secret, "other")
    assert database_mark(tmp_path, other)["installed"] == first["installed"]
    assert database_mark(tmp_path, other)["password"] != first["password"]
    migration = tmp_path / "chronos_plugin" / "db" / "migrations" / "0001.py"
    migration.parent.mkdir(parents=True)
    migration.write_text("")
    assert database_mark(tmp_path, keys)["installed"] != first["installed"]
    assert keys.password not in json.dumps(first)


def test_a_damaged_file_counts_as_empty(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("[1")
    assert read_json(tmp_path / "x") == {}
    assert read_json(tmp_path / "absent") == {}


def test_places_of_files() -> None:
    outputs = {
        "map": {"class": "File", "location": "file:///data/run%201/map.png"},
        "parts": [{"class": "Directory", "location": "file:///data/run%201/parts"}, 3],
        "nothing": None,
    }
    assert workflow.places(outputs) == ["The files, in /data/run 1:", "  map.png", "  parts"]
    assert workflow.places({"n": 1}) == ["The run has no files."]


def test_only_a_dag_read_since_the_start_counts() -> None:
    since = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
    assert workflow.is_parsed({"last_parsed_time": "2026-11-23T10:00:01.5Z", "is_stale": False}, since)
    assert not workflow.is_parsed({"last_parsed_time": "2026-11-23T09:59:59Z", "is_stale": False}, since)
    assert not workflow.is_parsed({"last_parsed_time": "2026-11-23T10:00:01Z", "is_stale": True}, since)
    assert not workflow.is_parsed({"last_parsed_time": None}, since)


class Answers(BaseHTTPRequestHandler):
    """A server that answers each path with what the test laid down."""

    known: ClassVar[dict[str, tuple[int, Any]]] = {}
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        status, body = self.known.get(self.path.partition("?")[0], (404, {"detail": "no such thing"}))
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    monkeypatch.setattr(Answers, "known", {})
    # A proxy of the environment is not asked.
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    client = Client(f"http://127.0.0.1:{server.server_port}", patience=0, proxies=False)
    yield client
    client.close()
    server.shutdown()
    thread.join()
    server.server_close()


def test_health_needs_every_component(api: Client, tmp_path: Path) -> None:
    names = ("metadatabase", "scheduler", "triggerer", "dag_processor")
    state: dict[str, Any] = {name: {"status": "healthy"} for name in names}
    state["triggerer"] = {"status": None}
    Answers.known["/api/v2/monitor/health"] = (200, state)
    idle = ProcessGroup([], {}, tmp_path)
    with pytest.raises(NotReady, match=r"Not healthy after 0 s: triggerer"):
        wait_until_healthy(api, idle, timeout=0.3)
    state["triggerer"] = {"status": "healthy"}
    wait_until_healthy(api, idle, timeout=0.3)


def test_a_server_that_does_not_answer_is_not_ready(tmp_path: Path) -> None:
    with pytest.raises(NotReady, match="the API server"):
        wait_until_healthy(
            Client("http://127.0.0.1:1", proxies=False), ProcessGroup([], {}, tmp_path), timeout=0.1
        )


def test_answers_that_mean_nothing_is_there(api: Client) -> None:
    assert api.dag("absent") is None
    assert api.result("d", "r", "t") is None
    with pytest.raises(ServiceFailed, match="404 no such thing"):
        api.run_state("d", "r")


def test_log_lines_are_the_messages(api: Client) -> None:
    entries = [
        {"event": "::group::Log message source details"},
        {"event": "::endgroup::"},
        {"event": "exit code 1"},
        {"event": "Task failed", "error_detail": [{"exc_type": "StepFailed", "exc_value": "no output"}]},
    ]
    path = "/api/v2/dags/d/dagRuns/manual__1%2B00%3A00/taskInstances/t/logs/2"
    Answers.known[path] = (200, {"content": entries})
    lines = api.log_lines("d", "manual__1+00:00", "t", -1, 2)
    assert lines == ["exit code 1", "Task failed", "StepFailed: no output"]
