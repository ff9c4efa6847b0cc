"""Who may use the API."""

from __future__ import annotations

import re
import threading
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from tests.api.conftest import TOOL

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


VALUES = {"run": str(uuid.UUID(int=1)), "other": str(uuid.UUID(int=2)), "dataset": "1"}
FOR_ALL_LOGGED_IN = {"/chronos/api/v1/openapi.json", "/chronos/api/v1/version"}


def _routes(server: Any) -> list[tuple[str, str]]:
    """Return method and path of every route of our application, as it is mounted in Airflow's."""
    mounted = next(route.app for route in server.app.routes if getattr(route, "path", "") == "/chronos")
    return [
        (method, f"/chronos{re.sub(r'{(.*?)}', lambda found: VALUES.get(found[1], 'x'), route.path)}")
        for route in mounted.routes
        for method in sorted(route.methods)
    ]


def test_anonymous_is_refused_everywhere(server: Any) -> None:
    routes = _routes(server)
    assert ("PUT", "/chronos/api/v1/workflows/x") in routes
    assert ("GET", "/chronos/api/v1/openapi.json") in routes
    answers = {route: server.request(*route) for route in routes}
    assert {route: answer.status_code for route, answer in answers.items()} == dict.fromkeys(routes, 401)


def test_without_a_right_every_route_is_refused(server: Any, login: Callable[[str], dict[str, str]]) -> None:
    headers = login("nobody")
    answers = {route: server.request(*route, headers=headers) for route in _routes(server)}
    allowed = {path for (_, path), answer in answers.items() if answer.status_code == 200}
    assert allowed == FOR_ALL_LOGGED_IN
    refused = {answer.status_code for (_, path), answer in answers.items() if path not in allowed}
    assert refused == {403}


def test_who_may_look_may_not_change(server: Any, login: Callable[[str], dict[str, str]]) -> None:
    headers = login("viewer")
    changes = [route for route in _routes(server) if route[0] != "GET"]
    answers = {route: server.request(*route, headers=headers).status_code for route in changes}
    assert answers == dict.fromkeys(changes, 403)


def test_forged_token_is_refused_everywhere(server: Any) -> None:
    forged = {"Authorization": "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9."}
    routes = _routes(server)
    answers = {route: server.request(*route, headers=forged).status_code for route in routes}
    assert set(answers.values()) <= {401, 403}


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json"])
def test_frameworks_own_pages_are_off(server: Any, path: str) -> None:
    # What Airflow's single-page interface answers for unknown paths is no page of ours.
    answer = server.get(f"/chronos{path}")
    assert answer.status_code in (401, 404)


@pytest.mark.parametrize("who", ["viewer", "user"])
def test_deploying_and_withdrawing_take_more_than_looking(
    put: Callable[..., Any], server: Any, login: Callable[[str], dict[str, str]], who: str
) -> None:
    assert put({"chain.cwl": TOOL}, who=who, dry_run=True).status_code == 403
    assert server.delete("/chronos/api/v1/workflows/chain", headers=login(who)).status_code == 403


@pytest.mark.parametrize("who", ["admin", "op"])
def test_operators_may_deploy(put: Callable[..., Any], who: str) -> None:
    assert put({"chain.cwl": TOOL}, who=who, dry_run=True).status_code == 200


def test_schema_is_there_for_those_who_are_logged_in(
    server: Any, login: Callable[[str], dict[str, str]]
) -> None:
    schema = server.get("/chronos/api/v1/openapi.json", headers=login("viewer")).json()
    assert "/api/v1/workflows/{dag_id}" in schema["paths"]


def test_the_server_prepares_for_deployments_once_it_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    from fastapi.testclient import TestClient

    from chronos_plugin.api import app as application
    from chronos_plugin.rendering import preload

    prepared = threading.Event()
    monkeypatch.setattr(preload, "in_background", prepared.set)
    monkeypatch.setattr(application, "_PRELOAD_AFTER", 0.01)
    with TestClient(application.create_app()):
        assert prepared.wait(60)
