"""From the spool into the database, whatever happens between."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select

from benches.drill_store import drill
from chronos_plugin.db.engine import reading
from chronos_plugin.db.store import lists, maintenance
from chronos_plugin.db.store.history import History
from chronos_plugin.db.store.recorder import Recorder, in_background
from chronos_plugin.db.tables import lineage as tables
from chronos_plugin.lineage.record import Record
from chronos_plugin.lineage.spool import Spool
from tests import needs
from tests.db.store.conftest import TYPES, product, record
from tests.services import _free_ports


def _step(number: int) -> Record:
    return record(
        f"step{number}",
        [product(f"/d/{max(0, number - 1):06d}.nc"), product("/d/aux.nc")],
        [product(f"/d/{number:06d}.nc", checksum=f"sha1${number:040x}", size=10)],
        minute=number / 60,
    )


def _count(engine: Engine, table: str) -> int:
    with reading(engine) as connection:
        return int(connection.execute(select(func.count()).select_from(getattr(tables, table))).scalar_one())


def test_the_spool_is_loaded_once(database: Engine, tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    for number in range(1, 1501):
        spool.append(_step(number))
    recorder = Recorder(database, spool, TYPES)
    assert vars(recorder.load_all()) == {"new": 1500, "changed": 0, "same": 0, "broken": 0}
    assert vars(recorder.load_all()) == {"new": 1500, "changed": 0, "same": 0, "broken": 0}
    spool.append(_step(1501))
    again = Recorder(database, Spool(tmp_path), TYPES)
    assert vars(again.load_all()) == {"new": 1, "changed": 0, "same": 0, "broken": 0}
    assert _count(database, "run") == 1501


def test_what_is_no_record_is_set_aside(database: Engine, tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.append(_step(1))
    bad = record("bad", facets={"context": {"command": "no list"}})
    spool.append(bad)
    with open(spool.files()[0], "ab") as file:
        file.write(b"{}\nnonsense\n")
    spool.append(_step(2))
    totals = Recorder(database, spool, TYPES).load_all()
    assert (totals.new, totals.broken) == (2, 3)
    kept = [file.read_text() for file in (tmp_path / "broken").iterdir()]
    assert any("context at command" in one for one in kept)
    assert vars(Recorder(database, spool, TYPES).load_all())["new"] == 0


def test_in_the_background(database: Engine, tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    with in_background(Recorder(database, spool, TYPES)):
        for number in range(1, 50):
            spool.append(_step(number))
    assert _count(database, "run") == 49


def test_maintenance_keeps_the_answers(database: Engine, tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    for number in range(1, 300):
        spool.append(_step(number))
    spool.append(record("ctx", facets={"context": {"command": ["a"]}}, minute=1))
    recorder = Recorder(database, spool, TYPES)
    recorder.load_all()
    history = History(database, TYPES)
    start = history.datasets_at("/d/000100.nc")[0].id or 0
    before = history.descendants(start)
    assert lists.pack_usage_now(database) == 597 or _count(database, "usage_recent") == 0
    far = time.time() + 400 * 86_400
    done = maintenance.tidy(database, recorder.loader.dictionaries, context_days=90, clock=lambda: far)
    assert done.keys_dropped == 300
    assert done.contexts_dropped == 1
    assert history.descendants(start) == before
    # Old runs are still known, without the table of young ones.
    assert vars(Recorder(database, Spool(tmp_path / "other"), TYPES).load_all())["new"] == 0
    other = Spool(tmp_path / "other")
    other.append(_step(5))
    assert Recorder(database, other, TYPES).load_all().same == 1


@pytest.mark.slow
@pytest.mark.postgres
def test_nothing_is_lost_or_doubled_when_postgresql_is_killed(postgres_server: str) -> None:
    """``CHRONOS_KILLS`` says how often (default: 3); ``make drill-store`` is the same as a command."""
    del postgres_server  # It says whether a server can be had; this one is killed, so it has its own.
    if not needs.may_start_servers():
        pytest.skip(f"it starts and kills a server ({needs.START_SERVERS}=yes)")
    outcome = drill(int(os.environ.get("CHRONOS_KILLS", "3")), port=_free_ports(1))
    assert outcome.told > 0
    assert (outcome.lost, outcome.doubled) == (0, 0)
