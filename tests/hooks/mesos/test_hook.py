from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from airflow.models.connection import Connection

from chronos_plugin.errors import SettingInvalid
from chronos_plugin.hooks.mesos.connection import CONNECTION, understood
from chronos_plugin.hooks.mesos.double import MesosDouble
from chronos_plugin.hooks.mesos.hook import MesosHook


def connection(**values: Any) -> Connection:
    extra = values.pop("extra", {})
    return Connection(conn_id="m", conn_type="chronos_mesos", extra=json.dumps(extra), **values)


def test_a_connection_is_understood() -> None:
    found = understood(
        connection(
            host="m1,m2:5051",
            port=5050,
            schema="https",
            login="chronos",
            password="s",
            extra={"role": "prod", "user": "swot", "failover_timeout": 3600, "ca_file": "/ca", "gpus": True},
        )
    )
    assert found.address.masters == ("https://m1:5050", "https://m2:5051")
    assert (found.address.principal, found.address.secret, found.address.verify) == ("chronos", "s", "/ca")
    framework = found.framework.info("id")
    assert framework["roles"] == ["prod"]
    assert framework["user"] == "swot"
    assert framework["principal"] == "chronos"
    assert framework["failover_timeout"] == 3600.0
    assert framework["checkpoint"] is True
    assert framework["id"] == {"value": "id"}
    assert {"type": "GPU_RESOURCES"} in framework["capabilities"]


def test_defaults() -> None:
    found = understood(connection(host="m1"))
    assert found.address.masters == ("http://m1:5050",)
    assert found.framework.failover_timeout == 604800.0
    assert found.address.verify is True
    assert "principal" not in found.framework.info(None)


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({}, "no Mesos master"),
        ({"host": "zk://z:2181/mesos"}, "ZooKeeper"),
        ({"host": "m", "schema": "ftp"}, "scheme"),
        ({"host": "m", "extra": {"failover_timeout": "soon"}}, "failover_timeout"),
        ({"host": "m", "extra": {"failover_timeout": 5}}, "cost all tasks"),
        ({"host": "m", "extra": {"verify": "perhaps"}}, "verify"),
    ],
)
def test_what_cannot_be_understood(values: dict[str, Any], word: str) -> None:
    with pytest.raises(SettingInvalid, match=word):
        understood(connection(**values))


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Any:
    def of(url: str, login: str = "", password: str = "") -> MesosHook:
        host, _, port = url.removeprefix("http://").partition(":")
        made = connection(host=host, port=int(port), login=login, password=password)
        monkeypatch.setenv("AIRFLOW_CONN_M", made.get_uri())
        return MesosHook("m")

    return of


def test_the_test_button(hook: Any) -> None:
    with MesosDouble(ports=(0, 0), credentials={"chronos": "secret"}) as double:
        double.change_leader(1)
        ok, message = hook(double.urls[0], "chronos", "secret").test_connection()
        assert (ok, message) == (True, f"Mesos 1.12.0 leads at {double.urls[1]}")
        ok, message = hook(double.urls[0], "chronos", "wrong").test_connection()
        assert not ok
        assert "principal or secret" in message
        # Nothing was subscribed.
        assert double.do(lambda master: len(master.frameworks)) == 0
    ok, message = hook("http://127.0.0.1:9").test_connection()
    assert not ok
    assert "no Mesos master leads" in message


def test_something_else_than_mesos_is_noticed(hook: Any) -> None:
    with MesosDouble() as double:
        port = double._agents.getsockname()[1]
        ok, message = hook(f"http://127.0.0.1:{port}").test_connection()
        assert not ok
        assert "no Mesos master" in message


def test_airflow_shows_the_form() -> None:
    from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService

    found = {meta.connection_type: meta for meta in HookMetaService.hook_meta_data()}["chronos_mesos"]
    assert found.hook_name == "CHRONOS Mesos"
    assert found.standard_fields is not None
    assert found.standard_fields.host is not None
    assert found.standard_fields.host.title == "Masters"
    assert set(found.extra_fields or {}) == set(CONNECTION["conn-fields"])


@pytest.mark.filterwarnings("ignore:.*ProvidersManagerTaskRuntime:DeprecationWarning")
@pytest.mark.filterwarnings("ignore::airflow.utils.deprecation_tools.DeprecatedImportWarning")
def test_airflow_makes_the_hook() -> None:
    assert isinstance(connection(host="m").get_hook(), MesosHook)


def test_tasks_are_told_what_to_set(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, airflow_home: Path
) -> None:
    from airflow.configuration import conf

    from chronos_plugin.db import engine
    from chronos_plugin.hooks.mesos.hook import queue_of

    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "airflow-db-not-allowed:///")
    assert conf.get("database", "sql_alchemy_conn").startswith("airflow-db-not-allowed")
    file = airflow_home / "chronos" / "chronos.db"
    file.unlink(missing_ok=True)
    with pytest.raises(SettingInvalid, match=r"set \[chronos\] database"):
        queue_of("m").status()
    # What the process that holds the framework has made, beside an Airflow on SQLite.
    file.parent.mkdir(exist_ok=True)
    file.touch()
    assert queue_of("m").status().name == "m"
    engine.dispose()
    file.unlink()
    monkeypatch.setenv("AIRFLOW__CHRONOS__DATABASE", f"sqlite:///{tmp_path}/other.db")
    assert queue_of("m").status().name == "m"
    assert (tmp_path / "other.db").is_file()
    engine.dispose()
