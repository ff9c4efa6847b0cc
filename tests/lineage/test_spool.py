"""The spool: nothing lost, nothing torn."""

from __future__ import annotations

import json
import multiprocessing
from pathlib import Path

from chronos_plugin.lineage.recording import record
from chronos_plugin.lineage.spool import REMOVED_AFTER, Spool
from tests.lineage.test_record import _record


def _lines(spool: Spool) -> list[bytes]:
    return [line.text for file in spool.files() for line in spool.lines(file, 0, 10**6)]


def _write(folder: str, count: int) -> None:
    spool = Spool(Path(folder))
    for _ in range(count):
        spool.append(_record())


def test_processes_that_write_at_one_time(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_write, args=(str(tmp_path), 200)) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    lines = _lines(Spool(tmp_path))
    assert len(lines) == 800
    assert all(json.loads(line)["format"] == 1 for line in lines)


def test_half_a_line_spoils_no_other(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.append(_record())
    with open(spool.files()[0], "ab") as file:
        file.write(b'{"format":1,"half')
    assert len(_lines(spool)) == 1
    spool.append(_record())
    lines = _lines(spool)
    assert len(lines) == 3
    assert json.loads(lines[2])


def test_files_are_removed_when_they_are_long_past_and_read(tmp_path: Path) -> None:
    now = 1_800_000_000.0
    spool = Spool(tmp_path, clock=lambda: now)
    spool.append(_record())
    file = spool.files()[0]
    size = file.stat().st_size
    import os

    os.utime(file, (now, now))
    assert not spool.remove_read(file, size)
    now += REMOVED_AFTER + 1
    assert not spool.remove_read(file, size - 1)
    assert spool.remove_read(file, size)
    assert spool.files() == []
    spool.append(_record())
    assert len(_lines(spool)) == 1


def test_one_reader_at_a_time(tmp_path: Path) -> None:
    with Spool(tmp_path).reading() as first, Spool(tmp_path).reading() as second:
        assert (first, second) == (True, False)
    with Spool(tmp_path).reading() as third:
        assert third


def test_recording_never_raises(tmp_path: Path) -> None:
    assert record(_record(), tmp_path / "new" / "folder")
    (tmp_path / "file").write_text("")
    assert not record(_record(), tmp_path / "file")
