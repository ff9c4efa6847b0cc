"""Migrations: what is applied, when, and by whom."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Engine, inspect, text

from chronos_plugin import settings
from chronos_plugin.db import engine as engines
from chronos_plugin.db import migrate
from chronos_plugin.db.engine import reading, writing
from chronos_plugin.db.metadata import SCHEMA
from chronos_plugin.db.sizes import table_sizes
from chronos_plugin.db.tables import load_all
from chronos_plugin.errors import DatabaseNotReady, ServiceFailed
from chronos_plugin.options import OPTIONS


def _settings(tmp_path: Path, url: str = "") -> settings.Settings:
    values = {name: option["default"] for name, option in OPTIONS.items()}
    return settings.from_mapping({**values, "database": url}, home=tmp_path)


def test_upgrading_twice_changes_nothing(empty_database: Engine) -> None:
    engine = empty_database
    assert migrate.pending(engine)
    with pytest.raises(DatabaseNotReady, match="airflow chronos db upgrade"):
        migrate.require(engine)
    applied = migrate.upgrade(engine)
    assert applied[0] == "store_0001"
    assert migrate.upgrade(engine) == []
    assert migrate.pending(engine) == []
    migrate.require(engine)


def test_a_newer_database_is_refused(database: Engine) -> None:
    table = migrate.VERSION_TABLE
    with writing(database) as connection:
        name = table if database.dialect.name == "sqlite" else f"{SCHEMA}.{table}"
        connection.execute(text(f"INSERT INTO {name} VALUES ('store_9999')"))
    with pytest.raises(DatabaseNotReady, match="newer"):
        migrate.require(database)


def test_the_migrations_make_the_tables_that_the_code_knows(database: Engine) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    on_postgresql = database.dialect.name == "postgresql"
    if not on_postgresql:
        found = set(inspect(database).get_table_names())
        assert {t.name for t in load_all().tables.values()} <= found
        return

    def ours(name: str | None, kind: str, parents: object) -> bool:
        del parents
        return name == SCHEMA if kind == "schema" else True

    def declared(thing: object, name: str | None, kind: str, reflected: bool, other: object) -> bool:
        # Partitions are made as time goes on.
        return not (kind == "table" and reflected and other is None)

    with database.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "include_schemas": True,
                "include_name": ours,
                "include_object": declared,
                "version_table": migrate.VERSION_TABLE,
                "version_table_schema": SCHEMA,
            },
        )
        assert compare_metadata(context, load_all()) == []


def test_processes_that_upgrade_at_one_time_wait_for_each_other(empty_url: str) -> None:
    program = (
        "import sys\nfrom chronos_plugin.db import migrate\nfrom chronos_plugin.db.engine import make_engine\n"
        "print(len(migrate.upgrade(make_engine(sys.argv[1]))))"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", program, empty_url], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    counts = sorted(int(process.communicate()[0]) for process in started)
    assert [process.returncode for process in started] == [0] * 4
    assert counts[:3] == [0, 0, 0]
    assert counts[3] > 0


def test_sqlite_is_upgraded_by_its_first_user(tmp_path: Path) -> None:
    configured = _settings(tmp_path, f"sqlite:///{tmp_path}/own/history.db")
    try:
        engine = engines.engine(configured)
        assert engines.engine(configured) is engine
        assert migrate.pending(engine) == []
        with engine.connect() as connection:
            assert connection.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"
    finally:
        engines.dispose()


@pytest.mark.postgres
def test_postgresql_is_not(tmp_path: Path, postgres_url: str) -> None:
    with pytest.raises(DatabaseNotReady):
        engines.engine(_settings(tmp_path, postgres_url))


def test_a_database_that_is_away_is_said(tmp_path: Path) -> None:
    url = "postgresql://nobody:secret@127.0.0.1:9/none"
    with pytest.raises(ServiceFailed) as caught:
        engines.engine(_settings(tmp_path, url))
    assert "secret" not in str(caught.value)


def test_a_transaction_that_fails_leaves_nothing(database: Engine) -> None:
    from chronos_plugin.db.tables.installation import installation

    def fail() -> None:
        with writing(database) as connection:
            connection.execute(installation.insert().values(name="a", value=1))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with reading(database) as connection:
        assert connection.execute(installation.select()).all() == []


def test_sizes_name_every_table(database: Engine) -> None:
    assert {t.name for t in load_all().tables.values()} <= {row.table for row in table_sizes(database)}
