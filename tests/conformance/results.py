"""What a run of the suite gave: outcomes, counts by tag, the printed table and the JSON file."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ALL = "all"
LONGEST_REASON = 200
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class RunnerGoneError(Exception):
    """The runner cannot be started any more: what fails then says nothing about it."""


class Status(StrEnum):
    """How one test ended."""

    PASSED = "passed"
    FAILED = "failed"
    UNSUPPORTED = "unsupported"


@dataclass(frozen=True)
class Outcome:
    """One test's result; ``reason`` is one line, empty for a test that passed."""

    number: int
    id: str
    tags: tuple[str, ...]
    status: Status
    seconds: float
    reason: str = ""


@dataclass(frozen=True)
class Tally:
    """How many tests ended which way."""

    passed: int = 0
    failed: int = 0
    unsupported: int = 0

    @property
    def total(self) -> int:
        """All that ran."""
        return self.passed + self.failed + self.unsupported


def one_line(text: str) -> str:
    """Return ``text`` without colours and line ends, cut to a length that a terminal shows."""
    line = " ".join(_COLOUR.sub("", text).split())
    return line if len(line) <= LONGEST_REASON else line[: LONGEST_REASON - 1] + "…"


def last_line(text: str) -> str:
    """Return the last line of ``text`` that says anything: a runner's last word is its reason."""
    lines = [line for line in _COLOUR.sub("", text).splitlines() if line.strip()]
    return one_line(lines[-1]) if lines else ""


def tally(outcomes: Iterable[Outcome]) -> Tally:
    """Count ``outcomes``."""
    counts = dict.fromkeys(Status, 0)
    for outcome in outcomes:
        counts[outcome.status] += 1
    return Tally(counts[Status.PASSED], counts[Status.FAILED], counts[Status.UNSUPPORTED])


def by_tag(outcomes: Sequence[Outcome]) -> dict[str, Tally]:
    """Count per tag, "required" first, then by name; tags overlap, so their sum is not the total."""
    names = {tag for outcome in outcomes for tag in outcome.tags}
    ordered = sorted(names, key=lambda tag: (tag != "required", tag))
    return {tag: tally(outcome for outcome in outcomes if tag in outcome.tags) for tag in ordered}


def table(outcomes: Sequence[Outcome]) -> str:
    """Return the counts by tag and in all, then one line for each test that did not pass."""
    rows = [*by_tag(outcomes).items(), (ALL, tally(outcomes))]
    width = max(len(tag) for tag, _ in rows)
    lines = [f"{'tag':<{width}}  passed  failed  unsupported  total"]
    lines += [
        f"{tag:<{width}}  {row.passed:>6}  {row.failed:>6}  {row.unsupported:>11}  {row.total:>5}"
        for tag, row in rows
    ]
    rest = [outcome for outcome in outcomes if outcome.status is not Status.PASSED]
    if rest:
        lines += ["", "not passed:"]
        lines += [f"  {o.number:>3} {o.id} ({o.status}): {o.reason}" for o in rest]
    return "\n".join(lines)


def document(outcomes: Sequence[Outcome], mode: str, seconds: float) -> dict[str, Any]:
    """Return the run as a value for JSON; ``mode`` is the baseline's name (see expected.py)."""
    return {
        "mode": mode,
        "seconds": round(seconds, 1),
        "totals": _counts(tally(outcomes)),
        "tags": {tag: _counts(row) for tag, row in by_tag(outcomes).items()},
        "tests": [asdict(outcome) for outcome in outcomes],
    }


def _counts(row: Tally) -> dict[str, int]:
    return {**asdict(row), "total": row.total}
