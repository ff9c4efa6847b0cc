"""The thin client: what it sends, what it makes of errors, and what it does not import."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from chronos_plugin.cli import remote, runner
from chronos_plugin.client import Client
from chronos_plugin.client import session as client_module
from chronos_plugin.client.bundle import pack
from chronos_plugin.cwl.references import collect_bundle
from chronos_plugin.errors import CwlInvalid, CwlUnsupported, InputInvalid, RunFailed, ServiceFailed
from tests.cli.conftest import DATA, Double

TOOL = DATA / "tool.cwl"
PROBLEM = "application/problem+json"
DEPLOYED = {"dag_id": "x", "created": False}
FILE = {"schema": {"type": ["string", "object"], "format": "file"}}
DAG = {
    "is_stale": False,
    "is_paused": False,
    "has_import_errors": False,
    "last_parsed_time": "2",
    "params": {"file": FILE},
}


@pytest.fixture
def ready(double: Double) -> Double:
    """A server on which everything goes well, with a run that has just succeeded."""
    double.answer("PUT /chronos/api/v1/workflows/", (200, DEPLOYED))
    double.answer("GET /api/v2/dags/", (200, DAG))
    double.answer("POST /api/v2/dags/", (200, {"dag_run_id": "r"}))
    return double


def options(double: Double, file: Path = TOOL, **values: Any) -> argparse.Namespace:
    defaults = {"server": double.url, "process": str(file), "job": None, "quiet": True, "validate": False}
    return argparse.Namespace(**{**defaults, "outdir": ".", **values})


def serve_run(
    double: Double, state: str, instances: list[Any], outputs: Any = None, error: Any = None
) -> None:
    """Let the double know one run of whatever DAG."""

    def take(request: str) -> Any:
        if "/dagRuns/" in request and "/taskInstances/" in request:
            return 200, {
                "content": [{"event": e} for e in ("::group::a", "b", "::endgroup::", "no disk left")]
            }
        if "/taskInstances" in request:
            return 200, {"task_instances": instances, "total_entries": len(instances)}
        if request.startswith("GET") and "/dagRuns/" in request:
            return 200, {"state": state}
        for end, value in (("/outputs", outputs), ("/error", error)):
            if request.endswith(end):
                return (200, value) if value is not None else (404, {"detail": "none"})
        return plain(request)

    plain, double.take = double.take, take  # type: ignore[method-assign]


def instance(task: str, state: str, index: int = -1) -> dict[str, Any]:
    return {"task_id": task, "state": state, "map_index": index, "try_number": 1}


# -- weight ----------------------------------------------------------------------------------------


def test_neither_airflow_nor_the_cwl_library_is_imported(ready: Double, tmp_path: Path) -> None:
    serve_run(ready, "success", [], outputs={"n": 1})
    (tmp_path / "in.txt").write_text("x")
    program = (
        "import sys\n"
        "from chronos_plugin.cli.runner import main\n"
        "status = main(sys.argv[1:])\n"
        "heavy = {'airflow', 'cwltool', 'schema_salad', 'ruamel', 'rdflib', 'fastapi'} & set(sys.modules)\n"
        "print(status, sorted(heavy), file=sys.stderr)\n"
    )
    words = ["--quiet", "--server", ready.url, "--outdir", str(tmp_path / "out"), str(TOOL)]
    words += ["--file", str(tmp_path / "in.txt")]
    ended = subprocess.run(
        [sys.executable, "-c", program, *words], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert ended.stderr.splitlines()[-1] == "0 []", ended.stderr


# -- what is sent ----------------------------------------------------------------------------------


def test_the_same_document_is_the_same_archive(tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere"
    shutil.copytree(DATA, copy)
    for file in copy.rglob("*"):
        os.utime(file, (1, 1))
    first, second = collect_bundle(DATA / "chain.cwl"), collect_bundle(copy / "chain.cwl")
    names = {"chain.cwl", "inner.cwl", "tool.cwl", "data/reference.txt"}
    assert {first.relative(f) for f in first.files} == names
    assert pack(first.base, [*first.files]) == pack(second.base, list(reversed(second.files)))


def test_archive_keeps_what_is_executable(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    before = pack(tmp_path, [tmp_path / "a"])
    (tmp_path / "a").chmod(0o755)
    assert pack(tmp_path, [tmp_path / "a"]) != before


def test_name_follows_content(ready: Double, tmp_path: Path) -> None:
    client = Client(ready.url)
    (tmp_path / "my tool.cwl").write_text(TOOL.read_text())
    first = remote.deploy(client, tmp_path / "my tool.cwl", "")
    assert first.startswith("my_tool-")
    assert remote.deploy(client, tmp_path / "my tool.cwl", "") == first
    (tmp_path / "my tool.cwl").write_text(TOOL.read_text() + "doc: changed\n")
    assert remote.deploy(client, tmp_path / "my tool.cwl", "") != first


def test_input_object_goes_with_absolute_files_and_requirements(ready: Double, tmp_path: Path) -> None:
    serve_run(ready, "success", [], outputs={})
    (tmp_path / "in.txt").write_text("x")
    job = tmp_path / "job.yml"
    job.write_text("file: {class: File, path: in.txt}\ncwl:requirements: [{class: EnvVarRequirement}]\n")
    remote.run_remotely(options(ready, job=str(job), outdir=str(tmp_path)), [])
    assert ready.bodies("POST /api/v2/dags/")[0]["conf"] == {
        "file": {"class": "File", "location": f"file://{tmp_path}/in.txt"},
        "cwl:requirements": [{"class": "EnvVarRequirement"}],
    }


def test_outputs_are_copied_and_clashing_names_numbered(ready: Double, tmp_path: Path) -> None:
    published = []
    for folder in ("1", "2"):
        file = tmp_path / "there" / folder / "a b.txt"
        file.parent.mkdir(parents=True)
        file.write_text(folder)
        location = f"file://{tmp_path}/there/{folder}/a%20b.txt"
        published.append({"class": "File", "location": location, "basename": "a b.txt", "size": 1})
    serve_run(ready, "success", [instance("tool", "success")], outputs={"both": published})
    found = remote.run_remotely(options(ready, outdir=str(tmp_path / "out")), [])
    assert found is not None
    paths = [entry["path"] for entry in found["both"]]
    assert paths == [f"{tmp_path}/out/a b.txt", f"{tmp_path}/out/a b.txt_2"]
    assert [Path(p).read_text() for p in paths] == ["1", "2"]
    assert all(Path(f"{tmp_path}/there/{n}/a b.txt").exists() for n in "12")


def test_paused_dag_is_resumed(ready: Double, tmp_path: Path) -> None:
    ready.answer("GET /api/v2/dags/", (200, {**DAG, "is_paused": True}))
    ready.answer("PATCH /api/v2/dags/", (200, DAG))
    serve_run(ready, "success", [], outputs={})
    remote.run_remotely(options(ready, outdir=str(tmp_path)), [])
    assert ready.bodies("PATCH /api/v2/dags/") == [{"is_paused": False}]


def test_validate_starts_nothing(ready: Double) -> None:
    assert remote.run_remotely(options(ready, validate=True), []) is None
    assert any("dry_run=true" in request for request, _ in ready.asked)
    assert not ready.bodies("POST /api/v2/dags/")


# -- waiting ---------------------------------------------------------------------------------------


def test_waits_until_the_new_content_is_parsed(ready: Double) -> None:
    ready.answer("PUT /chronos/api/v1/workflows/", (200, {**DEPLOYED, "created": True}))
    old, stale = {**DAG, "last_parsed_time": "1"}, {**DAG, "is_stale": True}
    ready.answer("GET /api/v2/dags/", (200, old), (200, old), (200, stale), (200, DAG))
    remote.deploy(Client(ready.url), TOOL, "", name="named")
    assert len(ready.bodies("GET /api/v2/dags/named")) == 4


def test_import_error_is_reported(ready: Double) -> None:
    ready.answer("GET /api/v2/dags/", (200, {**DAG, "has_import_errors": True}))
    error = {"filename": "deployed/named/tool.cwl", "stack_trace": "the pool is missing"}
    ready.answer("GET /api/v2/importErrors", (200, {"import_errors": [error], "total_entries": 1}))
    with pytest.raises(ServiceFailed, match="the pool is missing"):
        remote.deploy(Client(ready.url), TOOL, "", name="named")


def test_dag_that_never_appears(ready: Double, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "DAG_TIMEOUT", 0.3)
    ready.answer("GET /api/v2/dags/", (404, {"detail": "no"}))
    with pytest.raises(ServiceFailed, match="DAG processor"):
        remote.deploy(Client(ready.url), TOOL, "")


def test_server_that_restarts_is_waited_for_and_no_run_starts_twice(ready: Double) -> None:
    ready.answer("POST /api/v2/dags/", (500, "oops", "text/plain"), (409, {"detail": "exists"}))
    client = Client(ready.url)
    client.log_in()
    run_id = client.trigger("x", {})
    sent = ready.bodies("POST /api/v2/dags/")
    assert [body["dag_run_id"] for body in sent] == [run_id, run_id]


def test_expired_login_is_renewed(ready: Double) -> None:
    ready.answer("GET /api/v2/dags/", (401, {"detail": "expired"}), (200, DAG))
    client = Client(ready.url)
    client.log_in()
    assert client.dag("x") == DAG
    assert len(ready.bodies("POST /auth/token")) == 2


# -- errors ----------------------------------------------------------------------------------------


def test_no_login(double: Double, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.delenv("CHRONOS_PASSWORD")
    assert runner.main(["--server", double.url, str(TOOL)]) == 1
    assert "CHRONOS_PASSWORD" in capsys.readouterr().err


def test_refused_login(double: Double, capsys: Any) -> None:
    double.answer("POST /auth/token", (401, {"detail": "Invalid credentials"}))
    assert runner.main(["--server", double.url, str(TOOL)]) == 1
    said = capsys.readouterr().err
    assert "the login was refused" in said
    assert "secret" not in said


def test_nobody_listens(double: Double, capsys: Any) -> None:
    assert runner.main(["--server", "http://127.0.0.1:9", str(TOOL)]) == 1
    assert "does not answer" in capsys.readouterr().err


def test_another_server(double: Double, capsys: Any) -> None:
    double.answer("POST /auth/token", (200, "<html>hello</html>", "text/html"))
    assert runner.main(["--server", double.url, str(TOOL)]) == 1
    assert "is it CHRONOS?" in capsys.readouterr().err


def test_broken_document(ready: Double) -> None:
    body = {"kind": "invalid CWL", "message": "`sting` is no type", "file": "t.cwl", "line": 5, "column": 16}
    ready.answer("PUT /chronos/api/v1/workflows/", (422, body, PROBLEM))
    with pytest.raises(CwlInvalid, match=r"^t\.cwl:5:16: `sting` is no type"):
        remote.run_remotely(options(ready), [])


def test_missing_file_is_named_as_this_side_sees_it(ready: Double) -> None:
    ready.answer(
        "PUT /chronos/api/v1/workflows/", (422, {"kind": "invalid CWL", "message": "no tol.cwl"}, PROBLEM)
    )
    with pytest.raises(CwlInvalid, match=r"did you mean `run: tool\.cwl`"):
        remote.run_remotely(options(ready, DATA / "missing.cwl"), [])


def test_unsupported_document_has_its_own_status(ready: Double) -> None:
    ready.answer(
        "PUT /chronos/api/v1/workflows/",
        (422, {"kind": "unsupported CWL", "message": "no MPI here"}, PROBLEM),
    )
    assert runner.main(["--server", ready.url, str(TOOL)]) == 33


def test_requirement_that_turns_out_to_be_unsupported(ready: Double) -> None:
    recorded = {"kind": "unsupported CWL", "message": "no Docker here", "task": "tool"}
    serve_run(ready, "failed", [instance("tool", "failed")], error=recorded)
    with pytest.raises(CwlUnsupported, match="no Docker here"):
        remote.run_remotely(options(ready), [])


def test_failed_run_shows_the_last_lines(ready: Double, capsys: Any) -> None:
    failed = [instance("each", "failed", index) for index in range(5)]
    recorded = {"kind": "StepFailed", "message": "exit code 7", "task": "each"}
    serve_run(ready, "failed", failed, error=recorded)
    with pytest.raises(RunFailed, match="exit code 7"):
        remote.run_remotely(options(ready), [])
    said = capsys.readouterr().err
    assert said.count("    no disk left\n") == 3
    assert "::" not in said
    assert "\n    b\n" not in said
    assert "and 2 other failed tasks" in said


def test_refused_input(ready: Double) -> None:
    ready.answer("POST /api/v2/dags/", (400, {"detail": "Invalid input for param file"}))
    with pytest.raises(InputInvalid, match="Invalid input for param file"):
        remote.run_remotely(options(ready), [])


def test_no_right_to_deploy(ready: Double) -> None:
    ready.answer("PUT /chronos/api/v1/workflows/", (403, {"detail": "deploying takes the right"}))
    with pytest.raises(ServiceFailed, match="403 deploying takes the right"):
        remote.run_remotely(options(ready), [])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_cancelling_ends_the_run(ready: Double, number: signal.Signals) -> None:
    ready.answer("PATCH /api/v2/dags/", (200, {}))
    serve_run(ready, "running", [instance("tool", "running")])

    def cancel() -> None:
        while not any("/taskInstances" in request for request, _ in ready.asked):
            time.sleep(0.02)
        os.kill(os.getpid(), number)

    killer = threading.Thread(target=cancel)
    killer.start()
    status = runner.main(["--quiet", "--server", ready.url, str(TOOL)])
    killer.join()
    assert status == 130
    assert ready.bodies("PATCH /api/v2/dags/") == [{"state": "failed"}]


def test_patience_has_an_end(ready: Double, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "PATIENCE", 0.1)
    ready.answer("GET /api/v2/dags/", (503, "busy", "text/plain"))
    client = Client(ready.url)
    client.log_in()
    with pytest.raises(ServiceFailed, match="503 busy"):
        client.dag("x")


def test_busy_server_is_asked_again(ready: Double) -> None:
    busy = (503, {"detail": "locked"}, "application/problem+json")
    ready.answer("DELETE /chronos/api/v1/workflows/x", busy, (204, ""))
    client = Client(ready.url)
    client.log_in()
    client.withdraw("x")
    assert len(ready.bodies("DELETE ")) == 2
