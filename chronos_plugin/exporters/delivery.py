"""Delivery of runs to another system: what becomes of a batch of outbox entries, as a pure function.

::

    waiting ──delivered──▶ gone
       │ ▲
       │ └──failed, tries left: later, the pauses growing──┐
       ├───────────────────────────────────────────────────┘
       └──refused, or failed too often──▶ dead ──retried by somebody──▶ waiting

Entries of one run are delivered in their order. A receiver gets each at least once, and some again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from chronos_plugin.lineage.model import Run, RunState

EXPORTERS: Mapping[str, frozenset[RunState]] = {
    "openlineage": frozenset(set(RunState) - {RunState.UNKNOWN}),
    "atlas": frozenset({RunState.COMPLETE, RunState.FAIL, RunState.ABORT}),
}
"""The exporters by name, and of which states of runs they tell."""
_LONGEST_ERROR = 1000


@dataclass(frozen=True)
class Entry:
    """One thing to tell: that a run has come to a state.

    Attributes:
        id: Counts the entries; of one run they are told in this order.
        number: Of the run, in the store.
        began: Whether nothing told of the run's beginning before.
        attempts: Failures up to now.
        due: Seconds since 1970 before which it is not told.
        dead: Whether it is told no more.
        error: Why it was not told the last time.
    """

    id: int
    number: int
    state: RunState
    began: bool = False
    attempts: int = 0
    due: float = 0.0
    dead: bool = False
    error: str = ""


@dataclass(frozen=True)
class Item:
    """An entry with what the history knows of its run now."""

    entry: Entry
    run: Run


@dataclass(frozen=True)
class Problem:
    """Why an item was not taken.

    Attributes:
        refused: Whether it will never be taken as it is.
    """

    why: str
    refused: bool = False


class Sink(Protocol):
    """Where an exporter delivers to."""

    def send(self, items: Sequence[Item]) -> Mapping[int, Problem]:
        """Deliver items, in their order.

        Returns:
            Those that were not taken, by the entry's id.

        Raises:
            ExportFailed: If the receiver is away or busy; it names those that are known to be taken.
        """
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


@dataclass(frozen=True)
class Pace:
    """When to try again.

    Attributes:
        first: Seconds after the first failure; they double with each further one.
        longest: Seconds at most.
        attempts: Failures after which an entry is dead.
    """

    first: float = 5.0
    longest: float = 3600.0
    attempts: int = 10

    def pause(self, failures: int, random: Callable[[], float]) -> float:
        """Return seconds to wait after so many failures: half of them certain, half by chance.

        Args:
            random: Gives a number of at least 0, below 1.
        """
        full = min(self.longest, self.first * 2.0 ** min(failures - 1, 60))
        return full / 2 + full / 2 * random()


@dataclass(frozen=True)
class Settled:
    """What becomes of a batch.

    Attributes:
        delivered: Ids of entries that are done with.
        changed: Entries that stay, as they are now.
    """

    delivered: tuple[int, ...]
    changed: tuple[Entry, ...]


def settle(
    entries: Sequence[Entry],
    problems: Mapping[int, Problem],
    *,
    now: float,
    pace: Pace,
    random: Callable[[], float],
) -> Settled:
    """Decide what becomes of entries that a sink was given.

    What follows a failed entry of the same run is told again after it, so that the last thing that a
    receiver hears of a run is the last that is known.

    Args:
        entries: In the order of their ids.
        problems: By id; entries without one were taken.
        now: Seconds since 1970.
    """
    delivered: list[int] = []
    changed: list[Entry] = []
    waits: dict[int, float] = {}
    for entry in entries:
        problem = problems.get(entry.id)
        if problem is not None:
            after = _after(entry, problem, now, pace, random)
            changed.append(after)
            if not after.dead:
                waits[entry.number] = max(after.due, waits.get(entry.number, 0.0))
        elif entry.number in waits:
            changed.append(replace(entry, due=waits[entry.number]))
        else:
            delivered.append(entry.id)
    return Settled(tuple(delivered), tuple(changed))


def _after(entry: Entry, problem: Problem, now: float, pace: Pace, random: Callable[[], float]) -> Entry:
    attempts = entry.attempts + 1
    dead = problem.refused or attempts >= pace.attempts
    due = entry.due if dead else now + pace.pause(attempts, random)
    return replace(entry, attempts=attempts, dead=dead, due=due, error=problem.why[:_LONGEST_ERROR])
