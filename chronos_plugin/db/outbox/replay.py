"""Runs of the history that are told again, or for the first time to a new receiver."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from chronos_plugin.db.engine import writing
from chronos_plugin.db.outbox.queue import Told, fill, waiting_numbers
from chronos_plugin.exporters.delivery import EXPORTERS

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from chronos_plugin.db.store.history import History
    from chronos_plugin.lineage.model import Run
    from chronos_plugin.lineage.questions import RunFilter

_PAGE = 500


def replay(
    engine: Engine,
    history: History,
    exporter: str,
    wanted: RunFilter,
    *,
    dry_run: bool = False,
    progress: Callable[[int], None] | None = None,
) -> tuple[int, int]:
    """Put runs into the outbox again.

    Args:
        exporter: Its name; it need not be on.
        wanted: Which runs.
        progress: Told the number of runs looked at.

    Returns:
        How many were put there, and how many wait there already.
    """
    added = waiting = looked = 0
    for page in _pages(history, wanted):
        told = {
            run.number: Told(run.number, run.state, began=run.state.final)
            for run in page
            if run.number is not None and run.state in EXPORTERS[exporter]
        }
        with writing(engine) as connection:
            known = waiting_numbers(connection, exporter, list(told))
            # Oldest first, as they were recorded.
            fresh = sorted(
                (one for number, one in told.items() if number not in known), key=lambda o: o.number
            )
            if not dry_run:
                fill(connection, [exporter], fresh, time.time())
        added += len(fresh)
        waiting += len(known)
        looked += len(page)
        if progress:
            progress(looked)
    return added, waiting


def _pages(history: History, wanted: RunFilter) -> Iterator[list[Run]]:
    cursor = None
    while True:
        page = history.runs(wanted, limit=_PAGE, cursor=cursor)
        yield page.runs
        cursor = page.next
        if cursor is None:
            return
