"""Logs of tasks over HTTP: pages, searching, ranges."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.api.conftest import LINES, TEXT

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
Ask = Callable[..., Any]
Login = Callable[[str], dict[str, str]]
LOG = "/dags/echo/runs/logged/tasks/first/log"


def test_lines_are_given_by_number(ask: Ask, logged: Path) -> None:
    log = ask(LOG)
    assert [line["event"] for line in log["lines"]] == [line["event"] for line in LINES]
    assert (log["complete"], log["total"], log["try_number"], log["size"]) == (
        True,
        3,
        1,
        len(TEXT.encode()),
    )
    part = ask(LOG, offset=1, limit=1, try_number=1)
    assert [(line["number"], line["level"]) for line in part["lines"]] == [(1, "error")]
    end = ask(LOG, tail=2)
    assert (end["offset"], [line["number"] for line in end["lines"]]) == (1, [1, 2])
    assert ask(LOG, tail=0, status=422)
    assert ask(LOG, try_number=5, status=404)


def test_the_server_searches(ask: Ask, logged: Path) -> None:
    assert [hit["number"] for hit in ask(f"{LOG}/search", q="THIRD")["hits"]] == [2]
    assert [hit["number"] for hit in ask(f"{LOG}/search", q='"line": é')["hits"]] == [1]
    # What stands in other fields is not in the text of the line.
    assert ask(f"{LOG}/search", q="2026")["hits"] == []
    assert [hit["number"] for hit in ask(f"{LOG}/search", level="warning")["hits"]] == [1]
    first = ask(f"{LOG}/search", q="ir", limit=1)
    assert ([hit["number"] for hit in first["hits"]], first["next"]) == ([0], 2)
    rest = ask(f"{LOG}/search", q="ir", offset=first["next"])
    assert ([hit["number"] for hit in rest["hits"]], rest["next"]) == ([2], None)
    assert "q, level" in ask(f"{LOG}/search", status=422)["detail"]


@pytest.mark.parametrize(
    ("asked", "status", "begin", "end"),
    [
        ("", 200, 0, None),
        ("bytes=5-9", 206, 5, 10),
        ("bytes=5-", 206, 5, None),
        ("bytes=-7", 206, -7, None),
        ("bytes=5-999999", 206, 5, None),
        ("bytes=1-2,4-5", 200, 0, None),
        ("lines=1-2", 200, 0, None),
    ],
)
def test_all_of_it_is_given_by_ranges(
    server: Any, login: Login, logged: Path, asked: str, status: int, begin: int, end: int | None
) -> None:
    headers = {**login("viewer"), "Range": asked}
    answer = server.get(f"/chronos/api/v1{LOG}/raw", headers=headers)
    content = TEXT.encode()
    assert (answer.status_code, answer.content) == (status, content[begin:end])
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.headers["x-content-type-options"] == "nosniff"
    if status == 206:
        first = begin % len(content)
        last = (end or len(content)) - 1
        assert answer.headers["content-range"] == f"bytes {first}-{last}/{len(content)}"


def test_a_range_beyond_the_end_is_refused(server: Any, login: Login, logged: Path) -> None:
    headers = {**login("viewer"), "Range": "bytes=99999-"}
    answer = server.get(f"/chronos/api/v1{LOG}/raw", headers=headers)
    assert (answer.status_code, answer.headers["content-range"]) == (416, f"bytes */{len(TEXT.encode())}")


def test_a_log_that_is_elsewhere_is_read_as_airflow_reads_it(
    ask: Ask, server: Any, login: Login, logged: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chronos_plugin.api import logs

    monkeypatch.setattr(logs, "_files", lambda *_: None)
    log = ask(LOG, tail=2)
    assert [(line["number"], line["event"]) for line in log["lines"]] == [
        (1, LINES[1]["event"]),
        (2, LINES[2]["event"]),
    ]
    assert (log["total"], log["size"]) == (3, None)
    found = ask(f"{LOG}/search", q="ir", limit=1)
    assert ([hit["number"] for hit in found["hits"]], found["next"]) == ([0], 2)
    raw = server.get(f"/chronos/api/v1{LOG}/raw", headers=login("viewer"))
    assert [json.loads(line)["event"] for line in raw.text.splitlines()] == [line["event"] for line in LINES]
