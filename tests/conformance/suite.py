"""Finds the conformance suite, reads its list of tests and selects from it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

INDEX = "conformance_tests.yaml"
VARIABLE = "CHRONOS_CONFORMANCE"
# Where the suite lies when it was put beside the checkout.
BESIDE = Path("../shared/conformance/cwl-v1.2")


class SuiteError(Exception):
    """The suite is not where it was said to be, or a selection names what it does not have."""


@dataclass(frozen=True)
class Case:
    """One conformance test.

    Attributes:
        number: its place in the whole suite, from 1; it stays the same whatever is selected.
        id: its short name, unique in the suite.
        tags: the features it belongs to.
        entry: the test as cwltest read it, with absolute locations and ``short_name`` set.
    """

    number: int
    id: str
    tags: tuple[str, ...]
    entry: dict[str, Any]


def locate(given: str | None, environment: Mapping[str, str], checkout: Path) -> Path | None:
    """Return the suite's folder: ``given``, else ``$CHRONOS_CONFORMANCE``, else the one beside the checkout.

    Returns:
        An absolute path, or ``None`` if nobody named a folder and there is none beside the checkout.

    Raises:
        SuiteError: the named folder holds no suite. A wrong name is a mistake, not a reason to skip.
    """
    named = given or environment.get(VARIABLE)
    folder = Path(named) if named else checkout / BESIDE
    if (folder / INDEX).is_file():
        return folder.resolve()
    if named:
        raise SuiteError(f"no {INDEX} in {named}")
    return None


def load(folder: Path) -> list[Case]:
    """Read the tests in the suite's order, those of imported lists included.

    Raises:
        SuiteError: cwltest is not installed, or two tests share a name.
    """
    try:
        from cwltest.utils import load_and_validate_tests, shortname
    except ImportError as error:
        raise SuiteError(f"the suite needs cwltest (pip install cwltest): {error}") from error
    entries, _ = load_and_validate_tests(str(folder / INDEX))
    cases = []
    for number, entry in enumerate(entries, 1):
        name = shortname(str(entry["id"]))
        entry["short_name"] = name
        cases.append(Case(number, name, tuple(entry.get("tags", ["required"])), entry))
    if len({case.id for case in cases}) != len(cases):
        raise SuiteError("two tests of the suite share a name")
    return cases


def numbers(text: str) -> set[int]:
    """Return the numbers that a text like ``1,3-6,9`` stands for.

    Raises:
        SuiteError: the text has another form.
    """
    chosen: set[int] = set()
    for part in text.split(","):
        first, _, last = part.strip().partition("-")
        try:
            chosen.update(range(int(first), int(last or first) + 1))
        except ValueError as error:
            raise SuiteError(f"{part!r} is neither a number nor a range like 3-6") from error
    return chosen


def select(
    cases: Sequence[Case], tags: str | None = None, chosen: str | None = None, names: str | None = None
) -> list[Case]:
    """Return the cases that fulfil every condition given, in the suite's order.

    Args:
        cases: the whole suite.
        tags: comma-separated; a case needs one of them.
        chosen: numbers in the whole suite, like ``1,3-6,9``; unlike cwltest's, they do not depend on tags.
        names: comma-separated test ids.

    Raises:
        SuiteError: a tag, number or id that the suite does not have.
    """
    wanted_tags = set(tags.split(",")) if tags else None
    wanted_numbers = numbers(chosen) if chosen else None
    wanted_names = set(names.split(",")) if names else None
    known_tags = {tag for case in cases for tag in case.tags}
    unknown = [
        *(f"tag {tag}" for tag in (wanted_tags or set()) - known_tags),
        *(f"test {name}" for name in (wanted_names or set()) - {case.id for case in cases}),
        *(f"test number {number}" for number in (wanted_numbers or set()) - {case.number for case in cases}),
    ]
    if unknown:
        raise SuiteError(f"the suite has no {', no '.join(sorted(unknown))}")
    return [
        case
        for case in cases
        if (wanted_tags is None or wanted_tags.intersection(case.tags))
        and (wanted_numbers is None or case.number in wanted_numbers)
        and (wanted_names is None or case.id in wanted_names)
    ]
