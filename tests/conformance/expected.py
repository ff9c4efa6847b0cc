"""The committed numbers that a run must reach, and the comparison with them.

``expected.json`` maps a mode (``with_engine``, ``without_engine``) to the counts of the last accepted whole
run and to the tests that may fail, each with the reason that was seen.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.conformance.results import Outcome, Status, by_tag, tally

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

WITH_ENGINE = "with_engine"
WITHOUT_ENGINE = "without_engine"


@dataclass(frozen=True)
class Expectation:
    """What one mode must reach.

    Attributes:
        passed: how many tests of the whole suite pass.
        total: how many tests the whole suite has.
        tags: how many pass, by tag.
        not_passing: the ids that may fail or be unsupported, with the reason.
    """

    passed: int
    total: int
    tags: dict[str, int]
    not_passing: dict[str, str]


@dataclass(frozen=True)
class Comparison:
    """What differs from the expectation: ``worse`` fails a check, ``better`` asks for an update."""

    worse: list[str]
    better: list[str]


def of(outcomes: Sequence[Outcome]) -> Expectation:
    """Return the expectation that a whole run fulfils exactly."""
    return Expectation(
        passed=tally(outcomes).passed,
        total=len(outcomes),
        tags={tag: row.passed for tag, row in by_tag(outcomes).items()},
        not_passing={o.id: f"{o.status}: {o.reason}" for o in outcomes if o.status is not Status.PASSED},
    )


def read(path: Path, mode: str) -> Expectation | None:
    """Return what ``path`` expects of ``mode``; ``None`` if it has no such entry."""
    entry = json.loads(path.read_text(encoding="utf-8")).get(mode) if path.exists() else None
    if entry is None:
        return None
    return Expectation(entry["passed"], entry["total"], entry["tags"], entry["not_passing"])


def write(path: Path, mode: str, expectation: Expectation) -> None:
    """Replace the entry of ``mode`` in ``path``, and nothing else there."""
    known: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    known[mode] = {
        "passed": expectation.passed,
        "total": expectation.total,
        "tags": expectation.tags,
        "not_passing": expectation.not_passing,
    }
    path.write_text(json.dumps(known, indent=2, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")


def compare(outcomes: Sequence[Outcome], expectation: Expectation, whole: bool) -> Comparison:
    """Compare a run with what is expected of it.

    A selection is compared test by test; the counts only mean something for the ``whole`` suite.
    """
    worse = [
        f"{o.id} ({o.status}): {o.reason}"
        for o in outcomes
        if o.status is not Status.PASSED and o.id not in expectation.not_passing
    ]
    better = [
        f"{o.id} passes now; it was expected to be {expectation.not_passing[o.id]}"
        for o in outcomes
        if o.status is Status.PASSED and o.id in expectation.not_passing
    ]
    if whole:
        worse += _fewer("tests in the suite", len(outcomes), expectation.total)
        worse += _fewer("passed in all", tally(outcomes).passed, expectation.passed)
        rows = by_tag(outcomes)
        for tag, passed in expectation.tags.items():
            worse += _fewer(f"passed with tag {tag}", rows[tag].passed if tag in rows else 0, passed)
    return Comparison(worse, better)


def _fewer(what: str, found: int, wanted: int) -> list[str]:
    return [f"{found} {what}, expected {wanted}"] if found < wanted else []
