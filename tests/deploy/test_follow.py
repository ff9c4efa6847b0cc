"""Progress of a run, from task instances as the REST API answered during a real run of swot_coverage."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from deploy.demo.errors import ComponentDied
from deploy.demo.follow import PLAIN_SECONDS, Progress, Screen, follow

RECORDED = json.loads((Path(__file__).parent / "recorded" / "swot_coverage.json").read_text())
LOOKS: list[list[dict[str, Any]]] = [
    [dict(zip(RECORDED["fields"], row, strict=True)) for row in look["task_instances"]]
    for look in RECORDED["looks"]
]


def instance(task: str, state: str | None, index: int = -1, seconds: float | None = None) -> dict[str, Any]:
    end = f"2026-11-23T10:00:{seconds:09.6f}Z" if seconds is not None else None
    start = "2026-11-23T10:00:00.000000Z" if state not in (None, "scheduled", "queued") else None
    return {"task_id": task, "state": state, "map_index": index, "start_date": start, "end_date": end}


def test_each_step_of_a_recorded_run_is_said_to_be_done_once() -> None:
    progress = Progress(RECORDED["tasks"])
    lines = [line for number, look in enumerate(LOOKS) for line in progress.update(look, now=10.0 * number)]
    ends = [line.split()[0] for line in lines if " in " in line]
    assert sorted(ends) == sorted(RECORDED["tasks"])
    assert len(lines) == len(set(lines))
    (swath,) = (line for line in lines if line.split()[0] == "swath" and " in " in line)
    assert "37/37 done in " in swath
    assert progress.now() == ""
    assert progress.summary() == "13 steps, 49 task instances"


def test_steps_are_shown_in_the_order_of_the_dag() -> None:
    lines = Progress(RECORDED["tasks"]).update(LOOKS[-1])
    order = [line.split()[0] for line in lines]
    assert order == RECORDED["tasks"]


def test_a_step_begins_and_ends() -> None:
    progress = Progress(["plan"])
    assert progress.update([instance("plan", None)]) == []
    assert progress.update([instance("plan", "queued")]) == []
    assert progress.update([instance("plan", "running")]) == ["  plan  started"]
    assert progress.update([instance("plan", "running")]) == []
    assert progress.update([instance("plan", "success", seconds=2.5)]) == ["  plan  done in 2.5 s"]


def test_elements_are_counted_now_and_then_where_lines_cannot_be_replaced() -> None:
    def look(done: int) -> list[dict[str, Any]]:
        return [instance("swath", "success" if i < done else "running", i, 1.0) for i in range(45)]

    progress = Progress(["swath"])
    assert progress.update(look(0), now=0) == ["  swath  0/45 done"]
    assert progress.update(look(5), now=1) == []
    assert progress.update(look(12), now=PLAIN_SECONDS) == ["  swath  12/45 done"]
    assert progress.now() == "swath 12/45 done"
    assert progress.update(look(45), now=PLAIN_SECONDS + 1) == ["  swath  45/45 done in 1.0 s"]


def test_elements_are_in_the_live_line_on_a_terminal() -> None:
    progress = Progress(["swath"], plain=False)
    progress.update([instance("swath", "running", 0), instance("swath", None, 1)], now=0)
    later = [instance("swath", "success", 0, 1.0), instance("swath", "running", 1)]
    assert progress.update(later, now=100) == []
    assert progress.now() == "swath 1/2 done"


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("failed", "FAILED in 1.0 s"),
        ("skipped", "skipped in 1.0 s"),
        ("upstream_failed", "not run, since a step before it failed in 1.0 s"),
    ],
)
def test_other_ends(state: str, words: str) -> None:
    assert Progress(["a"]).update([instance("a", state, seconds=1.0)]) == [f"  a  {words}"]


def test_failed_elements_are_counted() -> None:
    states = ["success", "failed", "skipped"]
    (line,) = Progress().update([instance("a", state, i, 3.0) for i, state in enumerate(states)])
    assert line == "  a  1/3 done, 1 FAILED, 1 skipped in 3.0 s"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_plain_stream_gets_lines_only() -> None:
    stream = io.StringIO()
    screen = Screen(stream)
    screen.show(["one"], "live")
    screen.show([], "live")
    assert stream.getvalue() == "one\n"


def test_a_terminal_gets_a_live_line_that_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    stream = Terminal()
    screen = Screen(stream)
    screen.show(["one"], "x" * 50)
    assert stream.getvalue() == "\r\x1b[Kone\n  … " + "x" * 15
    screen.show([])
    assert stream.getvalue().endswith("\r\x1b[K")


def test_follow_ends_with_the_run() -> None:
    states = iter(["queued", "running", "success"])
    looks = iter([LOOKS[0], LOOKS[1], LOOKS[-1]])
    pauses: list[float] = []
    stream = io.StringIO()
    progress = Progress(RECORDED["tasks"])
    end = follow(lambda: next(states), lambda: next(looks), progress, Screen(stream), pauses.append)
    assert end == "success"
    assert len(pauses) == 2
    assert stream.getvalue().splitlines()[-1].split()[0] in RECORDED["tasks"]


def test_follow_stops_when_waiting_makes_no_sense() -> None:
    def pause(_seconds: float) -> None:
        raise ComponentDied("The scheduler ended")

    with pytest.raises(ComponentDied):
        follow(lambda: "running", list, Progress(), Screen(io.StringIO()), pause)
