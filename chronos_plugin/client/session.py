"""A client of a running CHRONOS: Airflow's REST API and CHRONOS's own, over ``requests``."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from chronos_plugin.errors import (
    AlreadyKnown,
    ChronosError,
    CwlInvalid,
    CwlUnsupported,
    InputInvalid,
    NotKnown,
    ServiceFailed,
    SourceLocation,
)

if TYPE_CHECKING:
    from chronos_plugin.client.history import RemoteHistory

TIMEOUT = 60.0
PATIENCE = 60.0
"""Seconds for which a server that does not answer, or fails, is asked again once a session is open."""

_PAGE = 100
_CONFLICT = 409
_UNAUTHORIZED = 401
_OF_THE_ASKER = (404, 409, 422)
_ASKED_WRONG: dict[str, type[InputInvalid]] = {
    "InputInvalid": InputInvalid,
    "Invalid request": InputInvalid,
    "NotKnown": NotKnown,
    "AlreadyKnown": AlreadyKnown,
}
_PASSING = (500, 502, 503, 504)


@dataclass
class Client:
    """A session with the API server at ``server``.

    Args:
        patience: Seconds for which a server that does not answer, or fails, is asked again once a
            session is open.
        proxies: Use those that the environment names.

    Raises (all methods):
        ServiceFailed: If the server does not answer, refuses the login, or fails.
    """

    server: str
    patience: float = field(default_factory=lambda: PATIENCE)
    proxies: bool = True

    def __post_init__(self) -> None:
        import requests

        self.server = self.server.rstrip("/")
        self._session = requests.Session()
        self._session.trust_env = self.proxies
        self._failures: tuple[type[Exception], ...] = (requests.RequestException,)
        self._account = ("", "")
        self._logged_in = False

    def log_in(self, user: str = "", password: str = "") -> None:
        """Log in as ``user``, else by ``CHRONOS_TOKEN``, else by ``CHRONOS_USERNAME`` and its password."""
        if user:
            self._account = (user, password)
        token = "" if self._account[0] else os.environ.get("CHRONOS_TOKEN")
        if not token:
            user, password = self._account if self._account[0] else _account_of_environment()
            self._session.headers.pop("Authorization", None)
            body = {"username": user, "password": password}
            answer = self._send("POST", "/auth/token", json=body)
            token = str(_value("POST", "/auth/token", answer)["access_token"])
        self._session.headers["Authorization"] = f"Bearer {token}"
        self._logged_in = True

    @property
    def history(self) -> RemoteHistory:
        """The history: runs, datasets, lineage."""
        from chronos_plugin.client.history import RemoteHistory

        return RemoteHistory(self)

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

    def health(self) -> dict[str, str]:
        """Return the status of each component of Airflow, "healthy" when all is well with it."""
        answer = self.request("GET", "/api/v2/monitor/health")
        # A component that never reported has a null status.
        return {name: str(state.get("status")) for name, state in answer.items() if isinstance(state, dict)}

    def dag(self, dag_id: str) -> Any:
        """Return a DAG, None if it is not known."""
        return self.request("GET", f"/api/v2/dags/{quote(dag_id)}", missing=None)

    def tasks(self, dag_id: str) -> list[Any]:
        """Return the tasks of a DAG in topological order as far as the server gives it."""
        return list(self.request("GET", f"/api/v2/dags/{quote(dag_id)}/tasks")["tasks"])

    def input_schemas(self, dag_id: str) -> dict[str, Any]:
        """Return the JSON Schemas of a DAG's inputs by name."""
        details = self.request("GET", f"/api/v2/dags/{quote(dag_id)}/details")
        return {name: param.get("schema", {}) for name, param in (details.get("params") or {}).items()}

    def import_errors(self) -> list[Any]:
        """Return what is wrong with files of the bundles."""
        return list(self.pages("/api/v2/importErrors", "import_errors"))

    def import_error(self, filename: str) -> str | None:
        """Return the import error of a file of the bundle, None if it has none."""
        for error in self.import_errors():
            if str(error.get("filename", "")).endswith(filename):
                return str(error["stack_trace"])
        return None

    def trigger(self, dag_id: str, configuration: Mapping[str, Any] | None = None) -> str:
        """Start a run; return its id.

        Raises:
            InputInvalid: If the server refuses the values.
        """
        # Named here, so that a request whose answer was lost can be sent again without a second run.
        run_id = f"client__{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())}_{secrets.token_hex(4)}"
        body = {"dag_run_id": run_id, "logical_date": None, "conf": dict(configuration or {})}
        path = f"/api/v2/dags/{quote(dag_id)}/dagRuns"
        answer = self._insist("POST", path, json=body)
        if answer.status_code != _CONFLICT:
            _value("POST", path, answer)
        return run_id

    def resume_dag(self, dag_id: str) -> None:
        """Let the runs of a paused DAG go on."""
        self.request("PATCH", f"/api/v2/dags/{quote(dag_id)}", json={"is_paused": False})

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

    def log_lines(self, dag_id: str, run_id: str, task_id: str, map_index: int, attempt: int) -> list[str]:
        """Return the messages in the log of one try of a task instance, without Airflow's own."""
        path = f"{_run(dag_id, run_id)}/taskInstances/{quote(task_id)}/logs/{attempt}"
        answer = self.request("GET", path, params={"map_index": map_index, "full_content": "true"})
        return list(_messages(answer.get("content")))

    def result(self, dag_id: str, run_id: str, task_id: str) -> Any:
        """Return what a task pushed as its return value, None if it pushed nothing."""
        path = f"{_run(dag_id, run_id)}/taskInstances/{quote(task_id)}/xcomEntries/return_value"
        answer = self.request("GET", path, params={"stringify": "false"}, missing=None)
        return answer["value"] if answer is not None else None

    def outputs(self, dag_id: str, run_id: str) -> Any:
        """Return the output object of a run, None if it has published none."""
        path = f"/chronos/api/v1/dags/{quote(dag_id)}/runs/{quote(run_id, safe='')}/outputs"
        return self.request("GET", path, missing=None)

    def error(self, dag_id: str, run_id: str) -> Any:
        """Return the first error that a task of a run recorded, None if there is none."""
        path = f"/chronos/api/v1/dags/{quote(dag_id)}/runs/{quote(run_id, safe='')}/error"
        return self.request("GET", path, missing=None)

    def close(self) -> None:
        """Close the connections; the next request opens others."""
        self._session.close()

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
        answer = self._insist(method, path, **arguments)
        if answer.status_code == 404 and missing is not ...:
            return missing
        return _value(method, path, answer)

    def _insist(self, method: str, path: str, **arguments: Any) -> Any:
        """Send a request, again while the server is down or fails; log in again when the login expired.

        Every request of this class may be sent twice: see :meth:`trigger`.
        """
        deadline, pause, renewed = time.monotonic() + self.patience, 0.5, False
        while True:
            try:
                answer = self._send(method, path, **arguments)
            except ServiceFailed:
                if not self._logged_in or time.monotonic() > deadline:
                    raise
            else:
                if answer.status_code == _UNAUTHORIZED and self._logged_in and not renewed:
                    renewed = True
                    self.log_in()
                    continue
                if answer.status_code not in _PASSING or time.monotonic() > deadline or _final(answer):
                    return answer
            time.sleep(pause)
            pause = min(pause * 2, 10.0)

    def _send(self, method: str, path: str, **arguments: Any) -> Any:
        try:
            return self._session.request(method, self.server + path, timeout=TIMEOUT, **arguments)
        except self._failures as error:
            raise ServiceFailed(f"{self.server} does not answer: {error}") from error


def _messages(content: Any) -> Iterator[str]:
    folded = False
    for entry in content if isinstance(content, list) else str(content or "").splitlines():
        event = str(entry.get("event", "")) if isinstance(entry, dict) else str(entry)
        if event.startswith(("::group::", "::endgroup::")):
            folded = event.startswith("::group::")
        elif not folded:
            yield event
            yield from _exceptions(entry)


def _exceptions(entry: Any) -> Iterator[str]:
    """Yield the exceptions of a log entry, without their traces."""
    if isinstance(entry, dict):
        for error in entry.get("error_detail") or []:
            yield f"{error.get('exc_type')}: {error.get('exc_value')}"


def _account_of_environment() -> tuple[str, str]:
    user, password = os.environ.get("CHRONOS_USERNAME"), os.environ.get("CHRONOS_PASSWORD")
    if not user or not password:
        raise ServiceFailed(
            "no login: set the variables CHRONOS_USERNAME and CHRONOS_PASSWORD, or CHRONOS_TOKEN"
        )
    return user, password


def _value(method: str, path: str, answer: Any) -> Any:
    if answer.status_code >= 400:
        raise _refusal(method, path, answer)
    try:
        return answer.json() if answer.content else None
    except ValueError as error:
        raise ServiceFailed(f"{answer.url} answers with something else than JSON: is it CHRONOS?") from error


def _final(answer: Any) -> bool:
    """Tell whether an answer is an error that CHRONOS itself described, and asking again is no use."""
    described = "problem+json" in str(answer.headers.get("Content-Type", ""))
    return described and "Retry-After" not in answer.headers


def _refusal(method: str, path: str, answer: Any) -> ChronosError:
    try:
        body = answer.json()
    except ValueError:
        body = {}
    body = body if isinstance(body, dict) else {}
    kind, status = body.get("kind"), answer.status_code
    if kind:
        location = SourceLocation(str(body.get("file") or ""), body.get("line"), body.get("column"))
        error = CwlUnsupported if kind == CwlUnsupported.kind else CwlInvalid
        return error(str(body.get("message")), location=location, suggestion=body.get("suggestion"))
    detail = body.get("detail", answer.text[:500])
    if status in _OF_THE_ASKER:
        known = _ASKED_WRONG.get(str(body.get("title")))
        if known is not None:
            return known(str(detail))
    if status == _UNAUTHORIZED:
        return ServiceFailed(
            "the login was refused: check CHRONOS_USERNAME, CHRONOS_PASSWORD or CHRONOS_TOKEN", status=status
        )
    if path.endswith("/dagRuns") and status in (400, 422):
        return InputInvalid(f"the server refuses the input: {detail}")
    return ServiceFailed(f"{method} {path}: {status} {detail}", status=status)


def _run(dag_id: str, run_id: str) -> str:
    return f"/api/v2/dags/{quote(dag_id)}/dagRuns/{quote(run_id, safe='')}"
