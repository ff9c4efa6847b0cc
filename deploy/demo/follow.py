"""Following a run: what changed since the last look, in lines that a person reads."""

from __future__ import annotations

import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TextIO

# Between two looks; each costs the API server processor time that the steps need.
LOOK_SECONDS = 1.0
# Between two lines about the elements of one step, where lines cannot be replaced.
PLAIN_SECONDS = 5.0

_ENDED = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})
_STARTED = _ENDED | {"running", "deferred", "up_for_retry", "restarting"}
_WORDS = {
    "success": "done",
    "failed": "FAILED",
    "skipped": "skipped",
    "upstream_failed": "not run, since a step before it failed",
    "removed": "removed",
}


@dataclass
class Step:
    """What is known of one task of a run, all its elements together."""

    states: Counter[str] = field(default_factory=Counter)
    mapped: bool = False
    first: datetime | None = None
    last: datetime | None = None

    @property
    def count(self) -> int:
        """The number of its task instances."""
        return self.states.total()

    @property
    def ended(self) -> int:
        """How many of them ended, well or not."""
        return sum(self.states[state] for state in _ENDED)

    @property
    def started(self) -> bool:
        """Whether one of them has begun."""
        return any(self.states[state] for state in _STARTED)

    @property
    def over(self) -> bool:
        """Whether all of them ended."""
        return self.ended == self.count

    def describe(self) -> str:
        """Return the step's state in a few words, with the time it took once it is over."""
        if not self.mapped:
            words = _WORDS.get(next(iter(self.states)), "started")
        else:
            words = f"{self.states['success']}/{self.count} done"
            for state in ("failed", "skipped", "upstream_failed"):
                if self.states[state]:
                    words += f", {self.states[state]} {_WORDS[state]}"
        if self.over and self.first and self.last:
            words += f" in {(self.last - self.first).total_seconds():.1f} s"
        return words


class Progress:
    """Turns task instances, as the REST API gives them, into lines about the steps that changed.

    Args:
        order: Names of the tasks in the order in which they are shown.
        plain: Whether the lines are all there is; then lines about single elements are few.
    """

    def __init__(self, order: Iterable[str] = (), *, plain: bool = True) -> None:
        self._order = {task: index for index, task in enumerate(order)}
        self._plain = plain
        self._said: dict[str, tuple[str, float]] = {}
        self._steps: dict[str, Step] = {}
        self._width = max((len(task) for task in self._order), default=0)

    def update(self, instances: Iterable[Mapping[str, Any]], now: float | None = None) -> list[str]:
        """Take a look's task instances; return a line for each step that began, ended, or went on."""
        clock = time.monotonic() if now is None else now
        self._steps = _steps(instances)
        self._width = max(self._width, max((len(task) for task in self._steps), default=0))
        lines = []
        for task in self._in_order():
            step = self._steps[task]
            text = step.describe()
            before, at = self._said.get(task, ("", 0.0))
            if not step.started or text == before:
                continue
            # Its first line and its last are always printed.
            if step.over or not before or (self._plain and clock - at >= PLAIN_SECONDS):
                self._said[task] = (text, clock)
                lines.append(f"  {task:<{self._width}}  {text}")
        return lines

    def now(self) -> str:
        """Return what is going on in one line."""
        return ", ".join(
            f"{task} {step.describe()}" if step.mapped else task
            for task in self._in_order()
            if (step := self._steps[task]).started and not step.over
        )

    def summary(self) -> str:
        """Return how much ran."""
        total = sum(step.count for step in self._steps.values())
        return f"{len(self._steps)} steps, {total} task instances"

    def _in_order(self) -> list[str]:
        last = len(self._order)
        return sorted(self._steps, key=lambda task: (self._order.get(task, last), task))


class Screen:
    """Prints lines; on a terminal the last one is live."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self.live = self._stream.isatty()

    def show(self, lines: Iterable[str], live: str = "") -> None:
        """Print ``lines`` for good, then ``live`` in a line that the next call replaces."""
        text = "\r\x1b[K" if self.live else ""
        text += "".join(line + "\n" for line in lines)
        if self.live and live:
            # A line that wraps could not be replaced.
            text += f"  … {live}"[: shutil.get_terminal_size().columns - 1]
        if text:
            self._stream.write(text)
            self._stream.flush()


def follow(
    state: Callable[[], str],
    instances: Callable[[], Iterable[Mapping[str, Any]]],
    progress: Progress,
    screen: Screen,
    pause: Callable[[float], None] = time.sleep,
) -> str:
    """Report a run until it ends; return its last state (``success`` or ``failed``).

    Args:
        state: Gives the run's state.
        instances: Gives its task instances.
        progress: Turns them into lines.
        screen: Shows the lines.
        pause: Waits between two looks; raises when there is no point in waiting.
    """
    while True:
        # Before the instances: those of an ended run are complete.
        now = state()
        over = now in ("success", "failed")
        screen.show(progress.update(instances()), "" if over else progress.now())
        if over:
            return now
        pause(LOOK_SECONDS)


def _steps(instances: Iterable[Mapping[str, Any]]) -> dict[str, Step]:
    steps: dict[str, Step] = {}
    for instance in instances:
        step = steps.setdefault(str(instance["task_id"]), Step())
        step.states[str(instance.get("state") or "waiting")] += 1
        step.mapped = step.mapped or int(instance.get("map_index", -1)) >= 0
        if begin := _time(instance.get("start_date")):
            step.first = min(step.first or begin, begin)
        if end := _time(instance.get("end_date")):
            step.last = max(step.last or end, end)
    return steps


def _time(value: object) -> datetime | None:
    return datetime.fromisoformat(str(value)) if value else None
