"""Old partitions to Parquet files and back."""

from __future__ import annotations

import datetime
import json
from argparse import Namespace
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select, text

from chronos_plugin.cli import database
from chronos_plugin.db import engine as engines
from chronos_plugin.db import migrate
from chronos_plugin.db.engine import make_engine, reading
from chronos_plugin.db.store import archive, lists, maintenance, parquet
from chronos_plugin.db.store.history import History
from chronos_plugin.db.store.loader import Loader
from chronos_plugin.db.store.partitions import spans
from chronos_plugin.db.tables import lineage as tables
from chronos_plugin.errors import ArchiveInvalid, DatabaseUnsupported, InputInvalid, ServiceBusy
from chronos_plugin.lineage.model import RunState
from chronos_plugin.lineage.questions import DatasetFilter
from tests.db.store.conftest import NOON, TYPES, product, record

SHA = "sha1$" + "ab" * 20
LATER = NOON + datetime.timedelta(days=40)


@pytest.fixture
def postgresql(postgres_url: str) -> Iterator[Engine]:
    """A database whose first month is over."""
    engine = make_engine(postgres_url)
    migrate.upgrade(engine)
    moment = NOON
    loader = Loader(engine, TYPES, clock=lambda: moment.timestamp())
    loader.load(
        [
            record("raw", (), [product("/d/raw_001.nc", checksum=SHA, size=5)], error=""),
            record(
                "old",
                [product("/d/raw_001.nc", "in")],
                [product("/d/old_001.nc", "out", facets={"quality": {"status": "gut, äöü"}})],
                minute=1,
                facets={"context": {"command": ["make", "it"]}},
            ),
        ]
    )
    moment = LATER
    loader.load([record("new", [product("/d/old_001.nc")], [product("/d/new_001.nc")], minute=60 * 960)])
    yield engine
    engine.dispose()


def _content(engine: Engine) -> dict[str, list[tuple[object, ...]]]:
    with reading(engine) as connection:
        return {
            t.name: [tuple(row) for row in connection.execute(select(t).order_by(*t.primary_key))]
            for t in archive.TABLES
        }


def _archive(engine: Engine, folder: Path) -> archive.Moved:
    (span,) = archive.due(engine, LATER + datetime.timedelta(days=1))
    return archive.archive(engine, span, folder, lambda _: None)


@pytest.mark.postgres
def test_there_and_back(postgresql: Engine, tmp_path: Path) -> None:
    history = History(postgresql, TYPES)
    lists.pack_usage_now(postgresql)
    new = history.datasets_at("/d/new_001.nc")[0].id or 0
    before = _content(postgresql)
    back = history.ancestors(new)
    assert len(back.runs) == 3
    moved = _archive(postgresql, tmp_path)
    assert (moved.rows["run"], moved.rows["dataset"], moved.rows["dataset_facet"]) == (2, 2, 1)
    assert archive.due(postgresql, LATER + datetime.timedelta(days=99)) == []
    # What is left answers, in the connections that are open already as well.
    assert len(history.ancestors(new).runs) == 1
    assert history.datasets_at("/d/old_001.nc") == []
    assert [r.job.name for r in history.runs().runs] == ["swot.make"]
    day = datetime.timedelta(days=1)
    assert sum(b.runs for b in history.activity(NOON - day, NOON + day)) == 2
    restored = archive.restore(postgresql, archive.archived(postgresql, moved.partition), lambda _: None)
    assert restored.rows == moved.rows
    assert _content(postgresql) == before
    assert history.ancestors(new) == back
    found = history.datasets(DatasetFilter(checksum=SHA)).datasets
    assert [d.path for d in found] == ["/d/raw_001.nc"]
    with reading(postgresql) as connection:
        assert [s.archived for s in spans(connection)] == ["", ""]
        constraints = connection.execute(
            text("SELECT count(*) FROM pg_constraint WHERE conname = 'bounds'")
        ).scalar_one()
    assert constraints == 0
    # Again, over what is there.
    assert _archive(postgresql, tmp_path).rows == moved.rows


@pytest.mark.postgres
def test_archived_partitions_are_left_alone_by_maintenance(postgresql: Engine, tmp_path: Path) -> None:
    moved = _archive(postgresql, tmp_path)
    assert maintenance.rebuild_indexes(postgresql) == 0
    archive.restore(postgresql, archive.archived(postgresql, moved.partition), lambda _: None)
    assert maintenance.rebuild_indexes(postgresql) == 1
    assert maintenance.rebuild_indexes(postgresql) == 0


@pytest.mark.postgres
def test_the_index_of_names_is_rebuilt_when_it_has_doubled(
    postgresql: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert maintenance.rebuild_indexes(postgresql) == 1  # The month that is over.
    monkeypatch.setattr(maintenance, "_WORTH_REBUILDING", 1)
    assert maintenance.rebuild_indexes(postgresql) == 1
    assert maintenance.rebuild_indexes(postgresql) == 0
    loader = Loader(postgresql, TYPES, clock=LATER.timestamp)
    loader.load([record(f"more{i}", minute=60 * 960) for i in range(20)])
    assert maintenance.rebuild_indexes(postgresql) == 1
    assert len(History(postgresql, TYPES).named("old_001.nc")) == 1


@pytest.mark.postgres
def test_files_tell_what_they_are(postgresql: Engine, tmp_path: Path) -> None:
    moved = _archive(postgresql, tmp_path)
    folder = Path(moved.folder)
    manifest = json.loads((folder / archive.MANIFEST).read_text())
    assert manifest["rows"] == moved.rows
    assert set(manifest["sha256"]) == {f"{t.name}.parquet" for t in (*archive.TABLES, *archive.DICTIONARIES)}
    assert moved.bytes == sum(file.stat().st_size for file in folder.iterdir())
    rows = [
        row for batch in parquet.read(folder / "dataset_facet.parquet", tables.dataset_facet) for row in batch
    ]
    assert [row[1:] for row in rows] == [("quality", {"status": "gut, äöü"})]


@pytest.mark.postgres
@pytest.mark.parametrize("harm", ["changed", "missing", "no manifest"])
def test_a_damaged_archive_changes_nothing(postgresql: Engine, tmp_path: Path, harm: str) -> None:
    moved = _archive(postgresql, tmp_path)
    before = _content(postgresql)
    file = Path(moved.folder) / (archive.MANIFEST if harm == "no manifest" else "run.parquet")
    if harm == "changed":
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
    else:
        file.unlink()
    span = archive.archived(postgresql, moved.partition)
    with pytest.raises(ArchiveInvalid):
        archive.restore(postgresql, span, lambda _: None)
    assert _content(postgresql) == before
    assert archive.archived(postgresql, moved.partition) == span


@pytest.mark.postgres
def test_a_run_that_ends_meanwhile_stays(postgresql: Engine, tmp_path: Path) -> None:
    moment = NOON
    loader = Loader(postgresql, TYPES, clock=lambda: moment.timestamp())
    loader.load([record("going", state=RunState.RUNNING, minute=60 * 960)])
    moment = LATER + datetime.timedelta(days=40)
    loader.load([record("third", minute=60 * 24 * 80)])
    spans_due = archive.due(postgresql, moment + datetime.timedelta(days=1))
    assert len(spans_due) == 2
    ended = []

    def end(words: str) -> None:
        if "dataset" in words and not ended:
            ended.append(loader.load([record("going", minute=60 * 960)]))

    with pytest.raises(ServiceBusy, match="archive it again"):
        archive.archive(postgresql, spans_due[1], tmp_path, end)
    assert [e.changed for e in ended] == [1]
    assert len(History(postgresql, TYPES).runs().runs) == 5
    archive.archive(postgresql, spans_due[1], tmp_path, lambda _: None)


@pytest.mark.postgres
def test_the_commands(
    postgresql: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AIRFLOW__CHRONOS__DATABASE", postgresql.url.render_as_string(hide_password=False))
    monkeypatch.setenv("AIRFLOW__CHRONOS__ARCHIVE_ROOT", str(tmp_path))

    def call(command: Callable[[Namespace], None], **arguments: object) -> Any:
        command(Namespace(**{"json": True, "dry_run": False, "folder": None, **arguments}))
        return json.loads(capsys.readouterr().out)

    try:
        before = f"{LATER + datetime.timedelta(days=1):%Y-%m-%d}"
        assert [p["partition"] for p in call(database.archive, before=before, dry_run=True)] == ["p0000"]
        assert call(database.archive, before="2020-01-01") == []
        assert list(tmp_path.iterdir()) == []
        (moved,) = call(database.archive, before=before)
        assert moved["folder"] == str(tmp_path / "p0000")
        assert call(database.stats)["partitions"][0]["archived"] == moved["folder"]
        assert call(database.restore, partition=["0"], dry_run=True)[0]["archived"] == moved["folder"]
        database.restore(Namespace(partition=["p0000"], json=False, dry_run=False))
        printed = capsys.readouterr()
        assert printed.out.startswith("p0000: restored: ")
        assert "p0000: run: 2 of 2 rows" in printed.err
        assert call(database.stats)["partitions"][0]["archived"] is None
    finally:
        engines.dispose()


@pytest.mark.postgres
def test_what_is_not_archived_is_not_restored(postgresql: Engine) -> None:
    with pytest.raises(InputInvalid, match="no partition"):
        archive.archived(postgresql, "p9999")
    with pytest.raises(InputInvalid, match="in the database"):
        archive.archived(postgresql, "p0000")


def test_sqlite_has_no_partitions(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path}/chronos.db")
    migrate.upgrade(engine)
    with pytest.raises(DatabaseUnsupported, match="SQLite"):
        archive.due(engine, NOON)
    engine.dispose()
