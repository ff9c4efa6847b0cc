"""Following a run: what changed since the last look, in lines that a person reads."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TextIO

ENDED = ("success", "failed", "skipped", "upstream_failed", "removed")
_WORDS = {
    "success": "done",
    "failed": "FAILED",
    "skipped": "skipped",
    "upstream_failed": "not run: a step before it failed",
    "removed": "removed",
}


@dataclass
class Step:
    """What is known of one task of a run, all its elements together."""

    states: Counter[str] = field(default_factory=Counter)
    mapped: bool = False
    reported: str = ""

    @property
    def count(self) -> int:
        """The number of its task instances."""
        return sum(self.states.values())

    @property
    def ended(self) -> int:
        """How many of them ended, well or not."""
        return sum(self.states[state] for state in ENDED)


class Progress:
    """Turns task instances, as the REST API gives them, into lines: one when a step changes.

    Args:
        order: Names of the tasks in the order in which they are shown.
    """

    def __init__(self, order: Iterable[str] = ()) -> None:
        self._order = {task: index for index, task in enumerate(order)}
        self._reported: dict[str, str] = {}
        self.steps: dict[str, Step] = {}

    def update(self, instances: Iterable[Mapping[str, Any]]) -> list[str]:
        """Take a look's task instances; return a line for each step that changed."""
        self.steps = {}
        for instance in instances:
            step = self.steps.setdefault(str(instance["task_id"]), Step())
            step.states[str(instance.get("state") or "waiting")] += 1
            step.mapped = step.mapped or int(instance.get("map_index", -1)) >= 0
        lines = []
        for task in sorted(self.steps, key=lambda t: (self._order.get(t, len(self._order)), t)):
            text = _describe(self.steps[task])
            if text and self._reported.get(task) != text:
                self._reported[task] = text
                lines.append(f"  {task:<32} {text}")
        return lines

    def summary(self) -> str:
        """Return one line about the whole run."""
        total = sum(step.count for step in self.steps.values())
        ended = sum(step.ended for step in self.steps.values())
        running = sum(step.states["running"] for step in self.steps.values())
        return f"{ended}/{total} task instances ended, {running} running"


def _describe(step: Step) -> str:
    bad = step.states["failed"]
    if step.mapped:
        if not step.ended and not step.states["running"]:
            return ""
        text = f"{step.states['success']}/{step.count} done"
        if step.states["skipped"]:
            text += f", {step.states['skipped']} skipped"
        return text + (f", {bad} FAILED" if bad else "")
    state = next(iter(step.states))
    return _WORDS.get(state, "running" if state == "running" else "")


class Screen:
    """Prints lines; on a terminal the last one is a live summary."""

    def __init__(self, stream: TextIO = sys.stdout) -> None:
        self._stream = stream
        self._live = stream.isatty()
        self._shown = False

    def lines(self, lines: Iterable[str], summary: str = "") -> None:
        """Print ``lines`` for good, then ``summary`` in a line that the next call replaces."""
        if self._shown:
            self._stream.write("\r\x1b[K")
            self._shown = False
        for line in lines:
            self._stream.write(line + "\n")
        if self._live and summary:
            self._stream.write(f"  … {summary}")
            self._shown = True
        self._stream.flush()


def follow(
    state: Callable[[], str],
    instances: Callable[[], Iterable[Mapping[str, Any]]],
    progress: Progress,
    screen: Screen,
    *,
    check: Callable[[], None] = lambda: None,
    pause: float = 0.5,
) -> str:
    """Report a run until it ends; return its last state (``success`` or ``failed``).

    Args:
        state: Gives the run's state.
        instances: Gives its task instances.
        check: Called at every look; raises when there is no point in waiting.
    """
    while True:
        check()
        now = state()
        screen.lines(progress.update(instances()), progress.summary())
        if now in ("success", "failed"):
            screen.lines([])
            return now
        time.sleep(pause)
