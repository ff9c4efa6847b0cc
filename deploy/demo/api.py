"""The parts of Airflow's REST API that the demo needs."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from demo.errors import ApiError

_PAGE = 100
JsonObject = dict[str, Any]


class Api:
    """A client of one API server.

    Proxies are never used: the server is on this machine.
    """

    def __init__(self, host: str, port: int, timeout: float = 15.0) -> None:
        self._host = host
        self._port = port
        self._timeout = timeout
        self._connection: http.client.HTTPConnection | None = None
        self._token = ""

    def log_in(self, user: str, password: str) -> None:
        """Get a token for the user and send it with all later requests.

        Raises:
            ApiError: The server refused, or did not answer.
        """
        answer = self._request("POST", "/auth/token", body={"username": user, "password": password})
        self._token = str(answer["access_token"])

    def health(self) -> dict[str, str]:
        """Return the status of each component, "healthy" when all is well with it.

        Raises:
            ApiError: The server does not answer (yet).
        """
        answer = self._request("GET", "/api/v2/monitor/health")
        # A component that never reported has a null status.
        return {name: str(state.get("status")) for name, state in answer.items() if isinstance(state, dict)}

    def dag(self, dag_id: str) -> JsonObject | None:
        """Return the DAG, None if it is not known."""
        try:
            return self._request("GET", f"/api/v2/dags/{quote(dag_id)}")
        except ApiError as problem:
            if problem.status == 404:
                return None
            raise

    def tasks(self, dag_id: str) -> list[JsonObject]:
        """Return the tasks of a DAG in topological order as far as the server gives it."""
        return list(self._request("GET", f"/api/v2/dags/{quote(dag_id)}/tasks")["tasks"])

    def import_errors(self) -> list[JsonObject]:
        """Return what was wrong with files of the DAGs folder."""
        return list(self._pages("/api/v2/importErrors", "import_errors"))

    def trigger(self, dag_id: str, conf: Mapping[str, Any] | None = None) -> str:
        """Start a run with the given parameters, for the rest with the DAG's defaults; return its id."""
        body = {"logical_date": None, "conf": dict(conf or {})}
        return str(self._request("POST", f"/api/v2/dags/{quote(dag_id)}/dagRuns", body=body)["dag_run_id"])

    def run_state(self, dag_id: str, run_id: str) -> str:
        """Return the state of a run: queued, running, success or failed."""
        return str(self._request("GET", _run_path(dag_id, run_id))["state"])

    def task_instances(self, dag_id: str, run_id: str) -> list[JsonObject]:
        """Return all task instances of a run, each element of a mapped task by itself."""
        return list(self._pages(_run_path(dag_id, run_id) + "/taskInstances", "task_instances"))

    def log_lines(self, dag_id: str, run_id: str, task_id: str, map_index: int, attempt: int) -> list[str]:
        """Return the messages in the log of one attempt of a task."""
        path = f"{_run_path(dag_id, run_id)}/taskInstances/{quote(task_id)}/logs/{attempt}"
        answer = self._request("GET", path, query={"map_index": map_index, "full_content": "true"})
        return list(_messages(answer.get("content")))

    def result(self, dag_id: str, run_id: str, task_id: str) -> Any:
        """Return what a task pushed as its return value, None if it pushed nothing."""
        path = f"{_run_path(dag_id, run_id)}/taskInstances/{quote(task_id)}/xcomEntries/return_value"
        try:
            return self._request("GET", path, query={"stringify": "false"})["value"]
        except ApiError as problem:
            if problem.status == 404:
                return None
            raise

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _pages(self, path: str, key: str) -> Iterator[JsonObject]:
        offset = 0
        while True:
            answer = self._request("GET", path, query={"limit": _PAGE, "offset": offset})
            yield from answer[key]
            offset += _PAGE
            if offset >= int(answer["total_entries"]):
                return

    def _request(
        self,
        method: str,
        path: str,
        query: Mapping[str, object] | None = None,
        body: Mapping[str, object] | None = None,
    ) -> JsonObject:
        target = path + ("?" + urlencode(query) if query else "")
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        if self._connection is None:
            self._connection = http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)
        try:
            self._connection.request(method, target, json.dumps(body) if body is not None else None, headers)
            response = self._connection.getresponse()
            text = response.read().decode("utf-8", errors="replace")
        except (OSError, http.client.HTTPException) as problem:
            self.close()
            raise ApiError(f"{method} {path}: no answer ({problem})") from problem
        if response.status >= 400:
            raise ApiError(f"{method} {path}: {response.status} {_detail(text)}", response.status)
        value = json.loads(text)
        if not isinstance(value, dict):
            raise ApiError(f"{method} {path}: the answer is no JSON object", response.status)
        return value


def _run_path(dag_id: str, run_id: str) -> str:
    return f"/api/v2/dags/{quote(dag_id)}/dagRuns/{quote(run_id, safe='')}"


def _detail(text: str) -> str:
    try:
        detail = json.loads(text)["detail"]
    except (ValueError, KeyError, TypeError):
        return text[:500]
    return detail if isinstance(detail, str) else json.dumps(detail)


def _messages(content: object) -> Iterator[str]:
    if isinstance(content, str):
        yield from content.splitlines()
    elif isinstance(content, list):
        for entry in content:
            yield from _entry(entry)


def _entry(entry: object) -> Iterator[str]:
    if not isinstance(entry, dict):
        yield str(entry)
        return
    event = str(entry.get("event", ""))
    # The server's folding marks around the list of log files.
    if not event.startswith("::"):
        yield event
    for error in entry.get("error_detail") or []:
        yield f"{error.get('exc_type')}: {error.get('exc_value')}"
