"""Two-line element sets: reading, checking and choosing them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from inputs import InputError

LINE_LENGTH = 69


@dataclass(frozen=True)
class ElementSet:
    """One two-line element set of one satellite.

    Attributes:
        name: Title line, empty when the file has none.
        line1: First line, 69 characters, checksum verified.
        line2: Second line, 69 characters, checksum verified.
    """

    name: str
    line1: str
    line2: str

    @property
    def catalogue_number(self) -> int:
        """NORAD catalogue number."""
        return int(self.line1[2:7])

    @property
    def epoch(self) -> datetime:
        """Epoch of the elements, UTC."""
        year = int(self.line1[18:20])
        # The two-digit year of this format turns over at 1957, the year of the first satellite.
        first = datetime(year + (1900 if year >= 57 else 2000), 1, 1, tzinfo=UTC)
        return first + timedelta(days=float(self.line1[20:32]) - 1)

    @property
    def revolutions_per_day(self) -> float:
        """Mean motion, revolutions per day."""
        return float(self.line2[52:63])

    def text(self) -> str:
        """Return the set as it stands in a file, one line each for title and elements."""
        title = f"{self.name}\n" if self.name else ""
        return f"{title}{self.line1}\n{self.line2}\n"


def read_elements(text: str) -> list[ElementSet]:
    """Read every element set of a file with two or three lines a set.

    Args:
        text: Contents of the file.

    Returns:
        The sets in the order of the file.

    Raises:
        InputError: A line is cut or has a wrong checksum, or the second line is missing or of another
            satellite.
    """
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    sets: list[ElementSet] = []
    title = ""
    position = 0
    while position < len(lines):
        line = lines[position]
        if not line.startswith("1 "):
            title = line.removeprefix("0 ").strip()
            position += 1
            continue
        if position + 1 == len(lines) or not lines[position + 1].startswith("2 "):
            raise InputError(f"no second line follows the element line '{line}'")
        following = lines[position + 1]
        for checked in (line, following):
            _check_line(checked)
        if line[2:7] != following[2:7]:
            raise InputError(f"two element lines are of different satellites: {line[2:7]}, {following[2:7]}")
        sets.append(ElementSet(title, line, following))
        title = ""
        position += 2
    return sets


def nearest(sets: list[ElementSet], catalogue_number: int, time: datetime) -> ElementSet:
    """Choose the set of one satellite whose epoch is nearest to ``time``; of two equally near the earlier.

    Raises:
        InputError: There is no set of that satellite.
    """
    own = [each for each in sets if each.catalogue_number == catalogue_number]
    if not own:
        known = sorted({each.catalogue_number for each in sets})
        raise InputError(f"no elements of satellite {catalogue_number}; the file has {known}")
    return min(own, key=lambda each: (abs(each.epoch - time), each.epoch))


def _check_line(line: str) -> None:
    """Raise ``InputError`` unless the line is whole and its last digit is the sum of the others."""
    if len(line) != LINE_LENGTH:
        raise InputError(f"an element line has {len(line)} characters instead of {LINE_LENGTH}: '{line}'")
    # The format counts a minus sign as 1 and everything else that is no digit as 0.
    total = sum(int(c) if c.isdigit() else int(c == "-") for c in line[:-1])
    if str(total % 10) != line[-1]:
        raise InputError(f"wrong checksum (should be {total % 10}) in the element line '{line}'")
