"""Parts of the history for exports: runs with links and facets, many at a time."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from chronos_plugin.errors import InputInvalid
from chronos_plugin.exporters.provenance import Agent, Provenance
from chronos_plugin.lineage.model import Dataset, JobKind, Run
from chronos_plugin.lineage.questions import RunFilter

if TYPE_CHECKING:
    from chronos_plugin.db.store.history import History

MOST_RUNS = 20_000
"""Runs of one export."""
_PAGE = 500
_AROUND = datetime.timedelta(minutes=5)
"""The clocks of machines differ; a part may seem to begin before the whole."""
Progress = Callable[[str], None]


def gather_run(
    history: History,
    identity: UUID | int,
    *,
    agent: Agent,
    instance: str,
    most: int = MOST_RUNS,
    progress: Progress | None = None,
) -> Provenance:
    """Return the provenance of a run: of a workflow's with all its parts, of a part with its workflow's.

    Args:
        most: Runs at most; the youngest are left out, and ``cut`` says so.

    Raises:
        InputInvalid: If there is no such run.
    """
    run = history.run(identity)
    if run.job.kind is JobKind.WORKFLOW:
        numbers, cut = _parts(history, run, most, progress)
        return _provenance(history, run, [*numbers, run.number or 0], agent, instance, cut, progress)
    whole = [run.number or 0]
    main = run
    if run.parent is not None:
        main = history.run(run.parent)
        whole.append(main.number or 0)
    return _provenance(history, main, whole, agent, instance, False, progress)


def gather_product(
    history: History,
    dataset: Dataset,
    *,
    agent: Agent,
    instance: str,
    depth: int,
    most: int = MOST_RUNS,
    progress: Progress | None = None,
) -> Provenance:
    """Return the provenance of a product: all runs that it was made by, back to ``depth``.

    Raises:
        InputInvalid: If no run is known to have made it.
    """
    lineage = history.ancestors(dataset.id or 0, depth=depth, limit=most)
    producer = history.producer(dataset.id or 0)
    if producer is None:
        raise InputInvalid(f"{dataset.location}: no run is known to have made it")
    main = history.run(producer.parent) if producer.parent is not None else producer
    numbers = {*lineage.runs, main.number or 0, producer.number or 0}
    # What is followed beyond the bounds would only be links into nowhere.
    cut = lineage.cut or bool(lineage.open)
    made = _provenance(history, main, sorted(numbers), agent, instance, cut, progress)
    return dataclasses.replace(made, product=dataset)


def _provenance(
    history: History,
    main: Run,
    numbers: Sequence[int],
    agent: Agent,
    instance: str,
    cut: bool,
    progress: Progress | None,
) -> Provenance:
    from chronos_plugin import __version__

    runs: list[Run] = []
    wanted = sorted(set(numbers))
    for start in range(0, len(wanted), _PAGE):
        if progress:
            progress(f"run {start:,} of {len(wanted):,}")
        runs += history.full_runs(wanted[start : start + _PAGE])
    runs.sort(key=lambda run: (run.started, run.number or 0))
    found = next((run for run in runs if run.id == main.id), main)
    return Provenance(found, tuple(runs), agent, instance, cut=cut, engine_version=__version__)


def _parts(history: History, run: Run, most: int, progress: Progress | None) -> tuple[list[int], bool]:
    """Return the numbers of a workflow run's parts, and whether there are more than ``most``."""
    until = run.ended + _AROUND if run.ended else None
    wanted = RunFilter(workflow=run.job.workflow, since=run.started - _AROUND, until=until)
    found: list[int] = []
    for part in _listed(history, wanted):
        if part.parent == run.id and part.number is not None:
            found.append(part.number)
            if progress and len(found) % _PAGE == 0:
                progress(f"{len(found):,} runs found")
    found.sort()
    return found[:most], len(found) > most


def _listed(history: History, wanted: RunFilter) -> Iterator[Run]:
    cursor = None
    while True:
        page = history.runs(wanted, limit=1000, cursor=cursor)
        yield from page.runs
        cursor = page.next
        if cursor is None:
            return
