"""Lines by number from files that grow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chronos_plugin.api import logfiles, logs
from chronos_plugin.api.logfiles import LogFiles, files_below

LINES = st.lists(st.text(st.sampled_from("abX é"), max_size=30), max_size=40)


def _entry(second: int, event: str, **more: Any) -> str:
    return json.dumps({"timestamp": f"2026-03-01T12:00:{second:02d}Z", "event": event, **more}) + "\n"


def _events(files: LogFiles, offset: int = 0, limit: int = 1000) -> list[str]:
    return [json.loads(line)["event"] for line in files.lines(offset, limit, 1 << 20)]


@given(LINES, st.integers(0, 300), st.integers(0, 50), st.integers(1, 50), st.integers(1, 40))
def test_lines_are_found_by_number_as_the_file_grows(
    tmp_path_factory: pytest.TempPathFactory,
    written: list[str],
    cut: int,
    offset: int,
    limit: int,
    block: int,
) -> None:
    file = tmp_path_factory.mktemp("log") / "attempt=1.log"
    content = "".join(f"{line}\n" for line in written).encode()
    with patch.object(logfiles, "BLOCK", block):
        for there in (content[:cut], content, content + b"not ended"):
            file.write_bytes(there)
            files = LogFiles([file])
            ended = there[: there.rfind(b"\n") + 1]
            lines = ended.split(b"\n")[:-1]
            assert files.total == len(lines)
            assert list(files.lines(offset, limit, 1 << 20)) == lines[offset : offset + limit]
            assert files.size == len(ended)
            assert b"".join(files.stretch(offset, offset + limit)) == ended[offset : offset + limit]


@given(LINES, st.integers(0, 50), st.integers(30, 100), st.sampled_from(["a", "ab", "x a", "é"]))
def test_what_is_searched_is_found(
    tmp_path_factory: pytest.TempPathFactory, written: list[str], offset: int, block: int, text: str
) -> None:
    file = tmp_path_factory.mktemp("log") / "attempt=1.log"
    file.write_text("".join(f"{line}\n" for line in written))
    sought = logs.Sought(text)
    # A block is longer than a line: what is longer is searched in pieces.
    with patch.object(logfiles, "BLOCK", block * 2):
        *found, (end, nothing) = LogFiles([file]).candidates(sought.words(), offset, 1 << 20)
    assert (end, nothing) == (len(written), b"")
    assert found == [
        (n, line.encode()) for n, line in enumerate(written) if n >= offset and text.lower() in line.lower()
    ]


def test_a_search_ends_after_some_bytes_and_goes_on_there(tmp_path: Path) -> None:
    file = tmp_path / "attempt=1.log"
    file.write_text("".join(f"line {n}\n" for n in range(100)))
    found, at = [], 0
    with patch.object(logfiles, "BLOCK", 64):
        while at < 100:
            *hits, (at, _) = LogFiles([file]).candidates([b"5"], at, 100)
            found += [number for number, _ in hits]
    assert found == [n for n in range(100) if "5" in str(n)]


def test_what_triggers_wrote_stands_where_it_belongs(tmp_path: Path) -> None:
    (tmp_path / "attempt=1.log").write_text(_entry(0, "begin") + _entry(1, "defer") + _entry(9, "resume"))
    (tmp_path / "attempt=1.log.trigger.7.log").write_text(_entry(2, "wait") + _entry(5, "ready"))
    (tmp_path / "attempt=1.log.trigger.9.log").write_text(_entry(6, "collect"))
    (tmp_path / "attempt=10.log").write_text(_entry(0, "another try"))
    files = LogFiles(files_below(tmp_path, "attempt=1.log"))
    assert _events(files) == ["begin", "defer", "wait", "ready", "collect", "resume"]
    assert _events(files, 3, 2) == ["ready", "collect"]
    assert [n for n, content in files.candidates([b"re"], 0, 1 << 20) if content] == [3, 5]
    assert b"".join(files.stretch(0, files.size)).count(b"\n") == 6


def test_a_file_that_is_another_one_now_is_counted_anew(tmp_path: Path) -> None:
    file = tmp_path / "attempt=1.log"
    file.write_text("1\n2\n3\n")
    assert LogFiles([file]).total == 3
    file.write_text("1\n")
    assert LogFiles([file]).total == 1


def test_links_that_lead_out_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x\n")
    base = tmp_path / "logs"
    base.mkdir()
    (base / "attempt=1.log").symlink_to(tmp_path / "secret")
    assert files_below(base, "attempt=1.log") == []
    assert files_below(base, "../secret") == []


def test_a_line_without_an_end_in_sight_is_cut(tmp_path: Path) -> None:
    file = tmp_path / "attempt=1.log"
    file.write_bytes(b"x" * 5000 + b"\nnext\n")
    with patch.object(logfiles, "MOST_OF_A_LINE", 100):
        first, second = LogFiles([file]).lines(0, 10, 1 << 20)
    assert (len(first), second) == (100, b"next")


def test_a_level_or_worse_is_sought(tmp_path: Path) -> None:
    sought = logs.Sought(level="warning")
    lines = [logs._parsed(_entry(0, "x", level=level).encode(), 0) for level in ("info", "error", "warning")]
    assert [sought.fits(line) for line in lines] == [False, True, True]
    assert b'"critical"' in sought.words()
