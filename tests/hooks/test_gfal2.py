"""The connection type ``chronos_gfal2``: its form, and what its Test button says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chronos_plugin.hooks.gfal2.hook import Gfal2Hook
from tests.grid import grid

__all__ = ["grid"]


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make the hook of a connection with the given fields."""

    def make(**fields: Any) -> Gfal2Hook:
        monkeypatch.setenv("AIRFLOW_CONN_GRID", json.dumps({"conn_type": "chronos_gfal2", **fields}))
        return Gfal2Hook("grid")

    return make


def test_the_form_is_known_to_airflow() -> None:
    from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService

    forms = {form.connection_type: form for form in HookMetaService.hook_meta_data()}
    form = forms["chronos_gfal2"]
    assert form.hook_name == "CHRONOS gfal2"
    assert set(form.extra_fields or {}) >= {"x509_proxy", "ca_directory", "checksum", "options"}
    assert form.standard_fields is not None
    assert form.standard_fields.host is not None
    assert form.standard_fields.host.title == "URI"


@pytest.mark.gfal2
def test_a_storage_that_answers(hook: Any, grid: Any) -> None:
    extra = {"ca_directory": str(grid.home / "ca")}
    ok, said = hook(host=grid.davs, extra=extra).test_connection()
    assert ok, said
    assert "gfal2 2." in said
    assert said.endswith(f"{grid.davs} is a folder")


@pytest.mark.gfal2
def test_no_storage_is_named(hook: Any, grid: Any) -> None:
    ok, said = hook().test_connection()
    assert ok
    assert "no storage was asked" in said


@pytest.mark.gfal2
@pytest.mark.parametrize(
    ("host", "reason"),
    [("davs://localhost:1/x", "localhost:1"), ("https://host/x", "gfal2 is for"), ("x", "no tr")],
)
def test_what_does_not_work_is_said(hook: Any, grid: Any, host: str, reason: str) -> None:
    ok, said = hook(host=host, extra={"ca_directory": str(grid.home / "ca")}).test_connection()
    assert not ok
    assert reason in said


def test_an_interpreter_that_is_not_there(hook: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CHRONOS__GFAL2_PYTHON", "/no/python")
    ok, said = hook().test_connection()
    assert not ok
    assert "/no/python" in said
