"""What all commands share: how errors end them, and how tables look."""

from __future__ import annotations

import datetime
import functools
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence

from chronos_plugin.errors import ChronosError, CwlUnsupported, InputInvalid

UNSUPPORTED = 33
"""Exit status for a requirement that is not supported (the ``cwl-runner`` convention)."""


def plainly(command: Callable[[Namespace], int | None]) -> Callable[[Namespace], None]:
    """Turn CHRONOS's errors into one message and an exit status."""

    @functools.wraps(command)
    def run(arguments: Namespace) -> None:
        try:
            status = command(arguments) or 0
        except ChronosError as error:
            print(f"airflow chronos: {error}", file=sys.stderr)
            status = UNSUPPORTED if isinstance(error, CwlUnsupported) else 1
        except KeyboardInterrupt:
            status = 130
        if status:
            sys.exit(status)

    return run


def print_table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Print rows under their heads, in columns as wide as they need."""
    lines = [head, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def moment(text: str) -> datetime.datetime:
    """Return the moment that a word of the command line means; UTC where it names no zone.

    Raises:
        InputInvalid: If it is none.
    """
    try:
        found = datetime.datetime.fromisoformat(text)
    except ValueError as error:
        raise InputInvalid(f"{text}: write a date as 2026-03-01 or 2026-03-01T12:00:00Z") from error
    return found if found.tzinfo else found.replace(tzinfo=datetime.UTC)
