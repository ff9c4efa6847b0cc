"""Airflow's own API server in this process, with CHRONOS in it as a plugin, and people with different rights."""

from __future__ import annotations

import io
import json
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chronos_plugin.lineage.model import RunState
from chronos_plugin.lineage.record import Record
from tests.db.store.conftest import NOON, TYPES, product, record

PEOPLE = ("admin", "op", "user", "viewer")
TOOL = """\
cwlVersion: v1.2
class: CommandLineTool
baseCommand: echo
inputs:
  text: {type: string, inputBinding: {}}
outputs:
  out: stdout
"""
CHAIN = """\
cwlVersion: v1.2
class: Workflow
label: Echo
doc: |
  Says something twice.
  Nothing else.
inputs:
  text: {type: string, label: What to say}
  times: {type: int, default: 2}
outputs: {said: {type: File, outputSource: second/out}}
steps:
  first: {run: {class: CommandLineTool, baseCommand: echo, inputs: {text: {type: string, inputBinding: {}}}, outputs: {out: stdout}}, in: {text: text}, out: [out]}
  second:
    run: {class: CommandLineTool, baseCommand: cat, inputs: {file: {type: File, inputBinding: {}}}, outputs: {out: stdout}}
    in: {file: first/out}
    out: [out]
"""

LINES: list[dict[str, Any]] = [
    {"timestamp": "2026-03-01T12:00:00Z", "event": "first line", "level": "info", "logger": "task"},
    {"timestamp": "2026-03-01T12:00:01Z", "event": 'second "line": é', "level": "error"},
    {"timestamp": "2026-03-01T12:00:02Z", "event": "Third", "level": "info"},
]
TEXT = "".join(json.dumps(line) + "\n" for line in LINES)


@pytest.fixture(scope="package")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the deployment: its DAGs, its passwords, its runs."""
    folder = tmp_path_factory.mktemp("api")
    (folder / "dags").mkdir()
    (folder / "passwords.json").write_text(json.dumps({name: f"{name}'s" for name in PEOPLE}))
    return folder


@pytest.fixture(scope="package")
def server(home: Path) -> Iterator[Any]:
    """A client of the whole application that ``airflow api-server`` serves."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW__CORE__DAGS_FOLDER", str(home / "dags"))
        patch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS", ",".join(f"{n}:{n}" for n in PEOPLE))
        patch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE", str(home / "passwords.json"))
        patch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", f"sqlite:///{home}/airflow.db")
        patch.setenv(
            "AIRFLOW__API_AUTH__JWT_SECRET", "a secret of the tests, long enough for its hash function"
        )
        patch.setenv("AIRFLOW__CHRONOS__WORK_ROOT", str(home / "work"))
        patch.setenv("AIRFLOW__CHRONOS__CACHE_ROOT", str(home / "cache"))
        patch.setenv("AIRFLOW__CHRONOS__SPOOL_ROOT", str(home / "spool"))
        patch.setenv("AIRFLOW__CHRONOS__DATABASE", f"sqlite:///{home}/chronos.db")
        # A thread that imports for seconds would outlive short tests.
        patch.setenv("AIRFLOW__CHRONOS__PRELOAD", "never")
        import airflow.settings
        from airflow.utils.db import initdb

        airflow.settings.configure_vars()
        airflow.settings.configure_orm()
        with warnings.catch_warnings(action="ignore"):
            initdb()
        # The application's own dependencies warn at import.
        with warnings.catch_warnings(action="ignore"):
            from airflow.api_fastapi.app import create_app, purge_cached_app
            from fastapi.testclient import TestClient

            purge_cached_app()
            app = create_app(apps="all")
        with TestClient(app, base_url="http://localhost") as client:
            yield client
        purge_cached_app()
    # What comes after in this process is not about this installation.
    airflow.settings.configure_vars()
    with warnings.catch_warnings(action="ignore"):
        airflow.settings.configure_orm()


@pytest.fixture(scope="package")
def login(server: Any) -> Callable[[str], dict[str, str]]:
    """Give the headers of a logged-in person."""

    def log_in(name: str) -> dict[str, str]:
        if name == "nobody":
            return _without_rights()
        answer = server.post("/auth/token", json={"username": name, "password": f"{name}'s"})
        assert answer.status_code == 201, answer.text
        return {"Authorization": f"Bearer {answer.json()['access_token']}"}

    return log_in


def _without_rights() -> dict[str, str]:
    """Give the headers of somebody who is logged in and has no role."""
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    nobody = SimpleAuthManagerUser(username="nobody", role=None)
    return {"Authorization": f"Bearer {get_auth_manager().generate_jwt(nobody)}"}


@pytest.fixture(scope="package")
def ask(server: Any, login: Callable[[str], dict[str, str]]) -> Callable[..., Any]:
    """Ask a question as somebody, and return the answer's value."""
    viewer = login("viewer")

    def get(path: str, status: int = 200, headers: dict[str, str] | None = None, **query: Any) -> Any:
        answer = server.get(
            f"/chronos/api/v1{path}", headers={**viewer, **(headers or {})}, params=query or None
        )
        assert answer.status_code == status, answer.text
        if status >= 400:
            assert answer.headers["content-type"] == "application/problem+json"
        return answer.json()

    return get


@pytest.fixture(scope="package")
def past(server: Any) -> list[Record]:
    """A history: a workflow run of three elements, one of which failed, and the run before it."""
    from chronos_plugin.db import engine as engines
    from chronos_plugin.db.store.loader import Loader

    whole = record("whole", step="", facets={"airflow": {"dag_id": "swot", "run_id": "run-2"}})
    elements = [
        record(
            f"swath{i}",
            [product(f"/in/pass_{i:03d}.nc", "source"), product("/aux/orbit.nc", "orbit")],
            [product(f"/out/swath_{i:03d}.nc", "product", size=10 + i)] if i < 2 else (),
            step="swath",
            minute=1 + i,
            parent=whole.run.id,
            map_index=i,
            target="hpc",
            state=RunState.COMPLETE if i < 2 else RunState.FAIL,
            error="" if i < 2 else "killed by signal 9",
            exit_code=0 if i < 2 else 137,
            version="2",
            facets={"context": {"command": ["swath", str(i)], "environment": {"LANG": "C"}}},
        )
        for i in range(3)
    ]
    mosaic = record(
        "mosaic",
        [product(f"/out/swath_{i:03d}.nc", "tiles") for i in range(2)],
        [product("/out/mosaic.nc", "mosaic", facets={"quality": {"status": "good"}})],
        step="mosaic",
        minute=9,
        parent=whole.run.id,
    )
    records = [whole, *elements, mosaic]
    Loader(engines.engine(), TYPES, clock=NOON.timestamp).load(records)
    return records


@pytest.fixture(scope="package")
def parse(server: Any, home: Path) -> Callable[[str], None]:
    """Do what Airflow's DAG processor does with a file of the bundle."""

    def read(relative: str) -> None:
        from airflow.dag_processing.dagbag import BundleDagBag, sync_bag_to_db
        from airflow.models.dagbundle import DagBundleModel
        from airflow.utils.session import create_session

        bundle = home / "dags"
        with create_session() as session:
            if session.get(DagBundleModel, "dags-folder") is None:
                session.add(DagBundleModel(name="dags-folder"))
        bag = BundleDagBag(bundle / relative, bundle_path=bundle, bundle_name="dags-folder")
        assert not bag.import_errors
        sync_bag_to_db(bag, "dags-folder", None)

    return read


@pytest.fixture(scope="package")
def echo(server: Any, home: Path, parse: Callable[[str], None]) -> str:
    """A workflow that is there: its id."""
    (home / "dags" / "echo.cwl").write_text(CHAIN)
    parse("echo.cwl")
    return "echo"


@pytest.fixture(scope="package")
def logged(server: Any, echo: str, login: Callable[[str], dict[str, str]]) -> Path:
    """A task instance that has run: the file of its log."""
    from airflow.configuration import conf
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from sqlalchemy import select

    started = server.post(
        "/chronos/api/v1/workflows/echo/runs",
        headers=login("user"),
        json={"inputs": {"text": "hi"}, "run_id": "logged"},
    )
    assert started.status_code == 201, started.text
    wanted = select(TaskInstance).where(TaskInstance.run_id == "logged", TaskInstance.task_id == "first")
    with create_session() as session:
        instance = session.scalars(wanted).one()
        instance.state, instance.try_number = "success", 1
    folder = Path(conf.get("logging", "base_log_folder")) / "dag_id=echo/run_id=logged/task_id=first"
    folder.mkdir(parents=True)
    (folder / "attempt=1.log").write_text(TEXT)
    return folder / "attempt=1.log"


@pytest.fixture
def put(server: Any, login: Callable[[str], dict[str, str]]) -> Callable[..., Any]:
    """Deploy an archive as somebody."""

    def deploy(
        archive: bytes | dict[str, str],
        name: str = "chain",
        who: str = "admin",
        root: str = "chain.cwl",
        **query: Any,
    ) -> Any:
        data = archive if isinstance(archive, bytes) else packed(archive)
        headers = {**login(who), "Content-Type": "application/zip"}
        path = f"/chronos/api/v1/workflows/{name}"
        return server.put(path, params={"root": root, **query}, content=data, headers=headers)

    return deploy


def packed(files: dict[str, str]) -> bytes:
    """Return a zip archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name), text, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
