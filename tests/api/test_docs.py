"""The requests in ``docs/api.md``, sent."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chronos_plugin.lineage.record import Record

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
PAGE = (Path(__file__).resolve().parents[2] / "docs" / "api.md").read_text()
FLAGS = ("-s",)
LOG = "/chronos/api/v1/dags/echo/runs/logged/tasks/first/log"


def _requests() -> Iterator[list[str]]:
    for block in re.findall(r"^```console\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE):
        for command in re.split(r"^\$ ", block.replace("\\\n", ""), flags=re.MULTILINE):
            if command.startswith("curl "):
                yield shlex.split(command.strip())[1:]


def test_each_request_is_answered(
    server: Any,
    login: Callable[[str], dict[str, str]],
    past: list[Record],
    echo: str,
    logged: Path,
) -> None:
    headers = login("admin")
    mosaic = server.get("/chronos/api/v1/search", params={"q": "mosaic.nc"}, headers=headers).json()
    known = {
        "AUTH": f"Authorization: {headers['Authorization']}",
        "CHRONOS": "/chronos",
        "LOG": LOG,
        "RUN": str(past[1].run.id),
        "OTHER": str(past[3].run.id),
        "DATASET": str(mosaic["datasets"][0]["id"]),
    }
    sent = 0
    for words in _requests():
        answer = _send(server, [_filled(word, known) for word in words])
        assert answer.status_code < 300, f"{words}: {answer.text}"
        sent += 1
    assert sent > 20


def _filled(word: str, known: dict[str, str]) -> str:
    return re.sub(r"\$(\w+)", lambda found: known[found[1]], word)


def _send(server: Any, words: list[str]) -> Any:
    """Do what curl does with these words."""
    method, path = "", ""
    headers: dict[str, str] = {}
    body: str | None = None
    form: list[tuple[str, tuple[None, str]]] = []
    left = iter(words)
    for word in left:
        if word == "-H":
            name, _, value = next(left).partition(": ")
            headers[name] = value
        elif word == "-X":
            method = next(left)
        elif word == "-d":
            body = next(left)
            json.loads(body)
        elif word == "-o":
            next(left)
        elif word == "-r":
            headers["Range"] = f"bytes={next(left)}"
        elif word == "-F":
            name, _, value = next(left).partition("=")
            form.append((name, (None, value)))
        elif word not in FLAGS:
            assert not path, word
            path = word
    method = method or ("POST" if body or form else "GET")
    return server.request(method, path, headers=headers, content=body, files=form or None)
