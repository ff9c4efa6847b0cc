"""What other distributions add by entry points."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from importlib.metadata import entry_points
from typing import Any

log = logging.getLogger("chronos.lineage")


def registered(group: str) -> Iterator[Any]:
    """Yield what the entry points of a group name; one that cannot be loaded is said and left out."""
    for point in sorted(entry_points(group=group), key=lambda p: p.name):
        try:
            yield point.load()
        except Exception as error:  # noqa: BLE001 - another's code; it must not stop the recording
            log.warning("entry point %s of %s cannot be loaded: %s", point.name, group, error)
