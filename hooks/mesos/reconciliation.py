"""When which tasks are asked for: rounds with growing pauses."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

FIRST_PAUSE = 2.0
LONGEST_PAUSE = 60.0


@dataclass
class Reconciliation:
    """Keeps which tasks the master has not spoken of yet, and when to ask again.

    Attributes:
        interval: Seconds between two rounds over all tasks.
    """

    interval: float = 600.0
    _open: set[str] = field(default_factory=set)
    _next: float = 0.0
    _pause: float = FIRST_PAUSE
    _next_round: float = 0.0

    def begin(self, task_ids: Iterable[str], now: float) -> None:
        """Begin a round: all these are to be spoken of."""
        self._open = set(task_ids)
        self._next, self._pause = now, FIRST_PAUSE
        self._next_round = now + self.interval

    def ask_for(self, task_ids: Iterable[str], now: float) -> None:
        """Ask for some tasks besides, soon."""
        self._open.update(task_ids)
        self._pause = FIRST_PAUSE
        self._next = min(self._next, now + self._pause)

    def answered(self, task_id: str) -> None:
        """The master spoke of a task."""
        self._open.discard(task_id)

    def round_due(self, now: float) -> bool:
        """Whether it is time for the next round over all tasks."""
        return now >= self._next_round

    def due(self, now: float) -> set[str]:
        """Return the tasks to ask for now, and lengthen the pause."""
        if not self._open or now < self._next:
            return set()
        self._next = now + self._pause
        self._pause = min(2 * self._pause, LONGEST_PAUSE)
        return set(self._open)
