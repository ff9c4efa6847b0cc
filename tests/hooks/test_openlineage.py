"""Sinks of OpenLineage events: HTTP with its answers, files; the connection."""

from __future__ import annotations

import datetime
import json
import logging
import threading
from pathlib import Path
from typing import Any

import pytest

from chronos_plugin.errors import ExportFailed, SettingInvalid
from chronos_plugin.exporters.delivery import Entry, Item
from chronos_plugin.hooks.atlas.double.server import answering
from chronos_plugin.hooks.openlineage.hook import OpenLineageHook
from chronos_plugin.hooks.openlineage.sinks import FileSink, HttpSink
from chronos_plugin.hooks.receiver import Receiver, receiver_of
from chronos_plugin.lineage.model import Job, Run, RunState
from chronos_plugin.lineage.record import run_id

NOON = datetime.datetime(2026, 3, 1, 12, tzinfo=datetime.UTC)


def _item(number: int, run: int = 0) -> Item:
    made = Run(
        run_id(NOON, run or number), Job("airflow", "a.b"), RunState.COMPLETE, NOON, number=run or number
    )
    return Item(Entry(number, run or number, RunState.COMPLETE), made)


class Served:
    def __init__(self, *answers: int) -> None:
        self.answers = list(answers)
        self.got: list[tuple[str, dict[str, str], Any]] = []

    def __call__(self, method: str, path: str, headers: dict[str, str], body: Any) -> tuple[int, Any]:
        self.got.append((f"{method} {path}", headers, body))
        return (self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]), {"why": "so"}


def test_events_are_posted(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    served = Served(201)
    with answering(served) as url:
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        sink = HttpSink(Receiver(url, token="k3y"), "/lineage")
        assert sink.send([_item(1), _item(2)]) == {}
        sink.close()
    assert [request for request, _, _ in served.got] == ["POST /lineage"] * 2
    assert served.got[0][1]["Authorization"] == "Bearer k3y"
    assert served.got[0][2]["run"]["runId"] == str(run_id(NOON, 1))
    assert "k3y" not in caplog.text + repr(Receiver(url, token="k3y"))


@pytest.mark.parametrize(("status", "refused"), [(400, True), (422, True), (500, False)])
def test_answers_about_an_event(status: int, refused: bool) -> None:
    served = Served(status, 200)
    with answering(served) as url:
        sink = HttpSink(Receiver(url))
        problems = sink.send([_item(1, run=7), _item(2), _item(3, run=7)])
        sink.close()
    assert problems[1].refused is refused
    assert "so" in problems[1].why
    told = [body["run"]["runId"] for _, _, body in served.got]
    # What follows a failed one of its run waits for it.
    assert told.count(str(run_id(NOON, 7))) == (2 if refused else 1)


@pytest.mark.parametrize("status", [401, 403, 404, 429, 503, 0])
def test_answers_about_the_receiver(status: int) -> None:
    with answering(Served(200, status)) as url:
        sink = HttpSink(Receiver(url, timeout=5))
        with pytest.raises(ExportFailed) as caught:
            sink.send([_item(1), _item(2), _item(3)])
        sink.close()
    assert caught.value.taken == {1}


def test_nobody_there() -> None:
    with pytest.raises(ExportFailed, match="ConnectError"):
        HttpSink(Receiver("http://127.0.0.1:9")).send([_item(1)])


def test_a_file_has_whole_lines(tmp_path: Path) -> None:
    file = tmp_path / "new" / "events.jsonl"
    FileSink(file).send([_item(1)])
    with open(file, "a") as stream:
        stream.write('{"half')
    threads = [
        threading.Thread(target=FileSink(file).send, args=([_item(n), _item(n + 1)],))
        for n in range(2, 20, 2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = [line for line in file.read_text().splitlines() if line != '{"half']
    assert len({json.loads(line)["run"]["runId"] for line in lines}) == 19
    with pytest.raises(ExportFailed):
        FileSink(tmp_path).send([_item(1)])


class Connection:
    def __init__(self, **values: Any) -> None:
        self.conn_id, self.schema, self.port, self.login, self.password = "c", None, None, None, None
        self.host, self.extra_dejson = "h", {}
        self.__dict__.update(values)


def test_what_a_connection_says() -> None:
    made = receiver_of(Connection(host="h", port=5000, schema="https", password="k"))
    assert (made.url, made.token, made.verify) == ("https://h:5000", "k", True)
    made = receiver_of(
        Connection(host="http://g/path/", login="u", password="k", extra_dejson={"verify": "False"})
    )
    assert (made.url, made.login, made.password, made.token, made.verify) == (
        "http://g/path",
        "u",
        "k",
        "",
        False,
    )
    for wrong in (
        Connection(host=""),
        Connection(schema="ftp"),
        Connection(extra_dejson={"timeout": "long"}),
    ):
        with pytest.raises(SettingInvalid, match="connection c"):
            receiver_of(wrong)


def test_the_test_button(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(Served(400)) as url:
        monkeypatch.setattr(OpenLineageHook, "get_connection", lambda *_: Connection(host=url))
        assert OpenLineageHook().test_connection()[0]
    assert not OpenLineageHook().test_connection()[0]
