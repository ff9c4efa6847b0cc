"""CHRONOS's own REST API in the running API server: rights, deploying, running from outside."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import requests

from benches.installation import Installation

pytestmark = pytest.mark.airflow

TOOL = (
    "cwlVersion: v1.2\nclass: CommandLineTool\nbaseCommand: [echo, -n]\n"
    "inputs: {text: {type: string, inputBinding: {}}}\noutputs: {said: {type: stdout}}\nstdout: said.txt\n"
)
RUNNER = [sys.executable, "-m", "chronos_plugin.cli.runner"]


@pytest.fixture(scope="module")
def admin(airflow: Installation) -> requests.Session:
    return _session(airflow, "admin", airflow.password)


@pytest.fixture(scope="module")
def viewer(airflow: Installation, admin: requests.Session) -> requests.Session:
    """A user of Airflow's role Viewer."""
    user = {
        "username": "vera",
        "password": "viewer-password",
        "first_name": "Vera",
        "last_name": "Viewer",
        "email": "vera@localhost",
        "roles": [{"name": "Viewer"}],
    }
    answer = admin.post(f"{airflow.address}/auth/fab/v1/users", json=user, timeout=30)
    assert answer.status_code in (200, 201, 409), answer.text
    return _session(airflow, "vera", "viewer-password")


def _session(airflow: Installation, user: str, password: str) -> requests.Session:
    session = requests.Session()
    answer = session.post(
        f"{airflow.address}/auth/token", json={"username": user, "password": password}, timeout=30
    )
    session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    return session


def _archive(**files: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(name.replace("__", "/").replace("_cwl", ".cwl"), text)
    return buffer.getvalue()


def test_every_route_refuses_the_anonymous(airflow: Installation, admin: requests.Session) -> None:
    description = admin.get(f"{airflow.address}/chronos/api/v1/openapi.json", timeout=30).json()
    routes = [(m, path) for path, methods in description["paths"].items() for m in methods]
    assert len(routes) >= 5
    routes += [("get", "/api/v1/openapi.json"), ("get", "/docs"), ("get", "/openapi.json"), ("get", "/redoc")]
    for method, path in routes:
        url = f"{airflow.address}/chronos{path.replace('{', '').replace('}', '')}"
        status = requests.request(method, url, timeout=30).status_code
        expected = (401,) if path.startswith("/api/") else (401, 404)
        assert status in expected, (method, path, status)


def test_viewer_may_not_deploy(airflow: Installation, viewer: requests.Session) -> None:
    url = f"{airflow.address}/chronos/api/v1/workflows/forbidden"
    headers = {"Content-Type": "application/zip"}
    answer = viewer.put(url, params={"root": "t.cwl"}, data=_archive(t_cwl=TOOL), headers=headers, timeout=60)
    assert answer.status_code == 403
    assert viewer.delete(url, timeout=30).status_code == 403


@pytest.mark.parametrize(
    ("files", "root", "message"),
    [
        ({"t_cwl": TOOL.replace("string", "sting")}, "t.cwl", "string"),
        ({"t_cwl": TOOL}, "other.cwl", "no such document"),
        ({"../t_cwl": TOOL}, "t.cwl", "relative paths"),
        ({"/t_cwl": TOOL}, "t.cwl", "relative paths"),
    ],
)
def test_bad_archives_are_refused(
    airflow: Installation, admin: requests.Session, files: dict[str, str], root: str, message: str
) -> None:
    url = f"{airflow.address}/chronos/api/v1/workflows/bad"
    headers = {"Content-Type": "application/zip"}
    answer = admin.put(url, params={"root": root}, data=_archive(**files), headers=headers, timeout=60)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert message in answer.json()["detail"]
    assert not (airflow.dags / "deployed" / "bad").exists()


def test_deployed_tool_runs_and_is_withdrawn(
    airflow: Installation, admin: requests.Session, tmp_path: Path
) -> None:
    document = tmp_path / "echo.cwl"
    document.write_text(TOOL)
    outputs = json.loads(_runner(airflow, tmp_path, str(document), "--text", "hello").stdout)
    assert Path(outputs["said"]["path"]).read_text() == "hello"
    assert Path(outputs["said"]["path"]).parent == tmp_path / "out"
    name = next(p.name for p in (airflow.dags / "deployed").iterdir() if p.name.startswith("echo-"))
    url = f"{airflow.address}/chronos/api/v1/workflows/{name}"
    assert admin.delete(url, timeout=30).status_code == 204
    assert admin.delete(url, timeout=30).status_code == 404


def test_runner_statuses(airflow: Installation, tmp_path: Path) -> None:
    failing, unsupported = tmp_path / "failing.cwl", tmp_path / "unsupported.cwl"
    failing.write_text(TOOL.replace("[echo, -n]", "'false'"))
    unsupported.write_text(TOOL.replace("baseCommand", "requirements: {SecretSauce: {}}\nbaseCommand"))
    failed = _runner(airflow, tmp_path, str(failing), "--text", "x", status=1)
    assert "exit code 1" in failed.stderr
    assert _runner(airflow, tmp_path, str(unsupported), "--text", "x", status=None).returncode in (1, 33)
    assert "--txt" in _runner(airflow, tmp_path, str(failing), "--txt", "x", status=1).stderr


def test_thin_client_needs_neither_cwltool_nor_airflow() -> None:
    program = (
        "import sys, chronos_plugin.cli.runner, chronos_plugin.cli.remote, requests\n"
        "assert not {'cwltool', 'airflow', 'schema_salad'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_deploying_again_changes_nothing(airflow: Installation, admin: requests.Session) -> None:
    url, headers = f"{airflow.address}/chronos/api/v1/workflows/quick", {"Content-Type": "application/zip"}
    answer = admin.put(url, params={"root": "t.cwl"}, data=_archive(t_cwl=TOOL), headers=headers, timeout=60)
    assert answer.json()["created"] is True
    airflow.wait_for_dag("quick")
    again = admin.put(url, params={"root": "t.cwl"}, data=_archive(t_cwl=TOOL), headers=headers, timeout=60)
    assert again.json()["created"] is False


def _runner(airflow: Installation, folder: Path, *arguments: str, status: int | None = 0) -> Any:
    environment = {
        **os.environ,
        "CHRONOS_SERVER": airflow.address,
        "CHRONOS_USERNAME": "admin",
        "CHRONOS_PASSWORD": airflow.password,
    }
    done = subprocess.run(
        [*RUNNER, "--outdir", str(folder / "out"), *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert status is None or done.returncode == status, done.stderr
    return done
