"""A client of a running CHRONOS: Airflow's REST API and CHRONOS's own, over ``requests``."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from chronos_plugin.errors import (
    ChronosError,
    CwlInvalid,
    CwlUnsupported,
    InputInvalid,
    ServiceFailed,
    SourceLocation,
)

TIMEOUT = 60.0
_PAGE = 100
# Zip files know no time before; a fixed one makes equal bundles equal archives.
_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass
class Client:
    """A session with the API server at ``server``.

    Raises (all methods):
        ServiceFailed: If the server does not answer, refuses the login, or fails.
    """

    server: str

    def __post_init__(self) -> None:
        import requests

        self.server = self.server.rstrip("/")
        self._session = requests.Session()
        self._failures: tuple[type[Exception], ...] = (requests.RequestException,)

    def log_in(self) -> None:
        """Log in by ``CHRONOS_TOKEN``, or ``CHRONOS_USERNAME`` and ``CHRONOS_PASSWORD``."""
        token = os.environ.get("CHRONOS_TOKEN")
        if not token:
            user, password = os.environ.get("CHRONOS_USERNAME"), os.environ.get("CHRONOS_PASSWORD")
            if not user or not password:
                raise ServiceFailed(
                    "no login: set the variables CHRONOS_USERNAME and CHRONOS_PASSWORD, or CHRONOS_TOKEN"
                )
            answer = self.request("POST", "/auth/token", json={"username": user, "password": password})
            token = str(answer["access_token"])
        self._session.headers["Authorization"] = f"Bearer {token}"

    def deploy(self, name: str, archive: bytes, root: str, fragment: str, *, dry_run: bool = False) -> Any:
        """Send a bundle; return what the server says of it.

        Raises:
            CwlInvalid, CwlUnsupported: If the document does not compile.
        """
        parameters = {"root": root, "fragment": fragment, "dry_run": str(dry_run).lower()}
        headers = {"Content-Type": "application/zip"}
        path = f"/chronos/api/v1/workflows/{quote(name)}"
        return self.request("PUT", path, params=parameters, data=archive, headers=headers)

    def withdraw(self, name: str) -> None:
        """Remove a deployed document."""
        self.request("DELETE", f"/chronos/api/v1/workflows/{quote(name)}")

    def dag(self, dag_id: str) -> Any:
        """Return a DAG, None if it is not known."""
        return self.request("GET", f"/api/v2/dags/{quote(dag_id)}", missing=None)

    def input_schemas(self, dag_id: str) -> dict[str, Any]:
        """Return the JSON Schemas of a DAG's inputs by name."""
        details = self.request("GET", f"/api/v2/dags/{quote(dag_id)}/details")
        return {name: param.get("schema", {}) for name, param in (details.get("params") or {}).items()}

    def import_error(self, filename: str) -> str | None:
        """Return the import error of a file of the bundle, None if it has none."""
        for error in self.pages("/api/v2/importErrors", "import_errors"):
            if str(error.get("filename", "")).endswith(filename):
                return str(error["stack_trace"])
        return None

    def trigger(self, dag_id: str, configuration: Mapping[str, Any]) -> str:
        """Start a run; return its id.

        Raises:
            InputInvalid: If the server refuses the values.
        """
        body = {"logical_date": None, "conf": dict(configuration)}
        return str(self.request("POST", f"/api/v2/dags/{quote(dag_id)}/dagRuns", json=body)["dag_run_id"])

    def run_state(self, dag_id: str, run_id: str) -> str:
        """Return ``queued``, ``running``, ``success`` or ``failed``."""
        return str(self.request("GET", _run(dag_id, run_id))["state"])

    def runs(self, dag_id: str, limit: int = 1) -> list[Any]:
        """Return the latest runs of a DAG, the newest first."""
        path = f"/api/v2/dags/{quote(dag_id)}/dagRuns"
        answer = self.request("GET", path, params={"order_by": "-run_after", "limit": limit})
        return list(answer["dag_runs"])

    def stop_run(self, dag_id: str, run_id: str) -> None:
        """Mark a run failed, which ends its tools."""
        self.request("PATCH", _run(dag_id, run_id), json={"state": "failed"})

    def task_instances(self, dag_id: str, run_id: str) -> list[Any]:
        """Return all task instances of a run."""
        return list(self.pages(f"{_run(dag_id, run_id)}/taskInstances", "task_instances"))

    def log_lines(self, dag_id: str, run_id: str, instance: Mapping[str, Any]) -> list[str]:
        """Return the messages in the log of a task instance's last try."""
        path = (
            f"{_run(dag_id, run_id)}/taskInstances/{quote(instance['task_id'])}/logs/{instance['try_number']}"
        )
        answer = self.request(
            "GET", path, params={"map_index": instance["map_index"], "full_content": "true"}
        )
        return [str(e.get("event", "")) for e in answer.get("content", []) if isinstance(e, dict)]

    def outputs(self, dag_id: str, run_id: str) -> Any:
        """Return the output object of a run, None if it has published none."""
        path = f"/chronos/api/v1/dags/{quote(dag_id)}/runs/{quote(run_id, safe='')}/outputs"
        return self.request("GET", path, missing=None)

    def error(self, dag_id: str, run_id: str) -> Any:
        """Return the first error that a task of a run recorded, None if there is none."""
        path = f"/chronos/api/v1/dags/{quote(dag_id)}/runs/{quote(run_id, safe='')}/error"
        return self.request("GET", path, missing=None)

    def pages(self, path: str, key: str) -> Iterator[Any]:
        """Yield the entries of a paged list."""
        offset = 0
        while True:
            answer = self.request("GET", path, params={"limit": _PAGE, "offset": offset})
            yield from answer[key]
            offset += _PAGE
            if offset >= int(answer["total_entries"]):
                return

    def request(self, method: str, path: str, *, missing: Any = ..., **arguments: Any) -> Any:
        """Send a request and return the answer's JSON value.

        Args:
            missing: Returned for 404; else 404 is an error.
        """
        try:
            answer = self._session.request(method, self.server + path, timeout=TIMEOUT, **arguments)
        except self._failures as error:
            raise ServiceFailed(f"{self.server} does not answer: {error}") from error
        if answer.status_code == 404 and missing is not ...:
            return missing
        if answer.status_code >= 400:
            raise _refusal(method, path, answer)
        return answer.json() if answer.content else None


def pack(base: Path, files: list[Path]) -> bytes:
    """Return a zip archive of files below ``base``; the same files give the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(set(files)):
            entry = zipfile.ZipInfo(path.relative_to(base).as_posix(), _EPOCH)
            entry.external_attr = (0o755 if os.access(path, os.X_OK) else 0o644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, path.read_bytes())
    return buffer.getvalue()


def _refusal(method: str, path: str, answer: Any) -> ChronosError:
    try:
        body = answer.json()
    except ValueError:
        body = {}
    kind, status = body.get("kind"), answer.status_code
    if kind:
        location = SourceLocation(str(body.get("file") or ""), body.get("line"), body.get("column"))
        error = CwlUnsupported if kind == CwlUnsupported.kind else CwlInvalid
        return error(str(body.get("message")), location=location, suggestion=body.get("suggestion"))
    detail = body.get("detail", answer.text[:500])
    if status == 401:
        return ServiceFailed(
            "the login was refused: check CHRONOS_USERNAME, CHRONOS_PASSWORD or CHRONOS_TOKEN"
        )
    if path.endswith("/dagRuns") and status in (400, 422):
        return InputInvalid(f"the server refuses the input: {detail}")
    return ServiceFailed(f"{method} {path}: {status} {detail}")


def _run(dag_id: str, run_id: str) -> str:
    return f"/api/v2/dags/{quote(dag_id)}/dagRuns/{quote(run_id, safe='')}"
