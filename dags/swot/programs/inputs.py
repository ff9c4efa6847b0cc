"""Reading and writing shared by the SWOT coverage programs: UTC times, JSON, and the way a program ends."""

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


class InputError(Exception):
    """Raised when an input cannot be used; the message says what to change and is all that the user sees."""


def parse_utc(text: str) -> datetime:
    """Read an ISO 8601 date or time as UTC.

    Args:
        text: For example ``2026-10-01``, ``2026-10-01T15:30:00Z``; without an offset it is taken as UTC.

    Returns:
        An aware datetime in UTC.

    Raises:
        InputError: The text is not an ISO 8601 date or time.
    """
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"'{text}' is not an ISO 8601 time such as 2026-10-01T15:30:00Z") from error
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def format_utc(time: datetime, timespec: str = "seconds") -> str:
    """Write an aware datetime as ISO 8601 with a Z, cut (not rounded) to ``timespec``."""
    return time.astimezone(UTC).replace(tzinfo=None).isoformat(timespec=timespec) + "Z"


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        InputError: The file is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path.name} is not valid JSON: {error}") from error


def write_json(path: Path, value: object, indent: int | None = 1) -> None:
    """Write JSON with keys in the order given, so that equal values make equal files."""
    path.write_text(json.dumps(value, indent=indent, allow_nan=False) + "\n", encoding="utf-8")


def run(program: str, main: Callable[[], None]) -> None:
    """Run ``main``; turn an unusable input into one line on standard error and exit status 1."""
    try:
        main()
    except (InputError, OSError) as error:
        sys.stderr.write(f"{program}: {error}\n")
        sys.exit(1)
