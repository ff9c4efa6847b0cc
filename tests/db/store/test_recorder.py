"""From the spool into the database, whatever happens between."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, make_url, select, text

from chronos_plugin.db import migrate
from chronos_plugin.db.engine import make_engine, reading, writing
from chronos_plugin.db.store import lists, maintenance
from chronos_plugin.db.store.history import History
from chronos_plugin.db.store.recorder import Recorder, in_background
from chronos_plugin.db.tables import lineage as tables
from chronos_plugin.lineage.record import Record
from chronos_plugin.lineage.spool import Spool
from tests import needs
from tests.db.store.conftest import TYPES, product, record
from tests.services import SCRIPTS, _free_ports


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
def test_nothing_is_lost_or_doubled_when_postgresql_is_killed(tmp_path: Path, postgres_server: str) -> None:
    """``CHRONOS_KILLS`` says how often (default: 3)."""
    del postgres_server  # It says whether a server can be had; this one is killed, so it has its own.
    rounds = int(os.environ.get("CHRONOS_KILLS", "3"))
    if not needs.may_start_servers():
        pytest.skip(f"it starts and kills a server ({needs.START_SERVERS}=yes)")
    folder = Path(tempfile.mkdtemp(prefix="chronos-kill-"))
    folder.chmod(0o755)
    environment = {
        **os.environ,
        "CHRONOS_POSTGRES_DIR": str(folder / "server"),
        "CHRONOS_POSTGRES_PORT": str(_free_ports(1)),
    }

    def server(verb: str) -> str:
        done = subprocess.run(
            [SCRIPTS / "postgres.sh", verb], env=environment, check=True, stdout=subprocess.PIPE, text=True
        )
        return done.stdout.strip()

    try:
        engine = make_engine(make_url(server("start")))
        migrate.upgrade(engine)
        spool = Spool(tmp_path)
        written = [0]
        stop = threading.Event()

        def write() -> None:
            while not stop.is_set():
                written[0] += 1
                spool.append(_step(written[0]))
                time.sleep(0.002)

        def more(count: int) -> None:
            wanted = written[0] + count
            while written[0] < wanted:
                assert writer.is_alive()
                time.sleep(0.02)

        writer = threading.Thread(target=write, daemon=True)
        recorder = Recorder(engine, spool, TYPES)
        writer.start()
        with in_background(recorder):
            for _ in range(rounds):
                more(100)
                server("kill")
                more(50)
                server("start")
            more(100)
            stop.set()
            writer.join()
        count = written[0]
        assert _count(engine, "run") == count
        with writing(engine) as connection:
            counted = connection.execute(text("SELECT sum(runs) FROM chronos.activity_day")).scalar_one()
            products = connection.execute(
                text(
                    "SELECT count(*), count(DISTINCT numbers) FROM chronos.dataset WHERE checksum IS NOT NULL"
                )
            ).one()
        assert counted == count
        assert tuple(products) == (count, count)
        history = History(engine, TYPES)
        aux = history.datasets_at("/d/aux.nc")
        assert len(aux) == 1
        readers = history.descendants(aux[0].id or 0, depth=1, limit=100_000)
        assert len(readers.runs) == count
        engine.dispose()
    finally:
        server("remove")
        shutil.rmtree(folder)
