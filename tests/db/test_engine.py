"""Where the database is."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from sqlalchemy import Column, Engine, Integer, MetaData, Table, select

from chronos_plugin import settings
from chronos_plugin.db.engine import database_url, make_engine, writing
from chronos_plugin.db.metadata import UtcDateTime
from chronos_plugin.errors import SettingInvalid
from chronos_plugin.options import OPTIONS


def _settings(home: Path, **given: str) -> settings.Settings:
    values = {name: option["default"] for name, option in OPTIONS.items()}
    return settings.from_mapping({**values, **given}, home=home)


def test_beside_airflow_on_sqlite_it_is_a_file_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", f"sqlite:///{tmp_path}/airflow.db")
    assert database_url(_settings(tmp_path)).database == f"{tmp_path}/chronos/chronos.db"


def test_beside_airflow_on_postgresql_it_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "postgresql+psycopg2://u:p@h/airflow")
    url = database_url(_settings(tmp_path))
    assert (url.host, url.database, url.password) == ("h", "airflow", "p")
    assert make_engine(url).dialect.driver == "psycopg"


def test_where_airflow_hides_its_own_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "airflow-db-not-allowed:///")
    with pytest.raises(SettingInvalid, match=r"set \[chronos\] database"):
        database_url(_settings(tmp_path))
    (tmp_path / "chronos").mkdir()
    (tmp_path / "chronos" / "chronos.db").touch()
    assert database_url(_settings(tmp_path)).database == f"{tmp_path}/chronos/chronos.db"


@pytest.mark.parametrize("text", ["mysql://u@h/d", "no address", "/srv/chronos.db"])
def test_other_databases_are_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingInvalid, match="database"):
        database_url(_settings(tmp_path, database=text))


def test_home_in_an_address(tmp_path: Path) -> None:
    url = database_url(_settings(tmp_path, database="sqlite:///{AIRFLOW_HOME}/x.db"))
    assert url.database == f"{tmp_path}/x.db"


def test_moments_come_back_as_they_went(database: Engine) -> None:
    table = Table("moments", MetaData(), Column("id", Integer, primary_key=True), Column("at", UtcDateTime))
    zone = datetime.timezone(datetime.timedelta(hours=5))
    moment = datetime.datetime(2026, 3, 1, 2, 3, 4, 567000, tzinfo=zone)
    with writing(database) as connection:
        table.create(connection)
        connection.execute(table.insert().values(id=1, at=moment))
        found = connection.execute(select(table.c.at)).scalar_one()
        assert found == moment
        assert found.utcoffset() == datetime.timedelta(0)
        table.drop(connection)
    with pytest.raises(ValueError, match="no time zone"):
        UtcDateTime().process_bind_param(datetime.datetime(2026, 1, 1), database.dialect)
