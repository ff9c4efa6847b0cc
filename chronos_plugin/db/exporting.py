"""Parts of the history for exports: runs with links and facets, many at a time."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import select

from chronos_plugin.db.store import assemble, read
from chronos_plugin.db.store.packing import unpack_links
from chronos_plugin.db.tables import lineage as tables
from chronos_plugin.errors import InputInvalid
from chronos_plugin.exporters.provenance import Agent, Provenance
from chronos_plugin.lineage.facets import full_context
from chronos_plugin.lineage.model import Dataset, JobKind, Run
from chronos_plugin.lineage.questions import RunFilter

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from chronos_plugin.db.store.dictionaries import Dictionaries
    from chronos_plugin.db.store.history import History

MOST_RUNS = 20_000
"""Runs of one export."""
_PAGE = 500
_AROUND = datetime.timedelta(minutes=5)
"""The clocks of machines differ; a part may seem to begin before the whole."""
Progress = Callable[[str], None]


def full_runs(connection: Connection, rows: Collection[read.RunRow], dictionaries: Dictionaries) -> list[Run]:
    """Return the runs of rows with links and facets, in a few statements for all of them."""
    entries = {row.number: unpack_links(row.number, row.links) for row in rows}
    wanted = {entry.dataset for listed in entries.values() for entry in listed}
    datasets = {
        identity: assemble.dataset_of(row, dictionaries)
        for identity, row in read.datasets(connection, wanted).items()
    }
    facets = _facets(connection, list(entries))
    jobs = {row.number: dictionaries.job(row.job) for row in rows}
    found = []
    for run in assemble.runs_of(connection, rows, dictionaries):
        number = run.number or 0
        own = facets.get(number, {})
        links = assemble.links_of(entries[number], jobs[number], datasets)
        found.append(_complete(run, own, links))
    return found


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


def _facets(connection: Connection, numbers: Sequence[int]) -> dict[int, dict[str, object]]:
    table = tables.run_facet
    found: dict[int, dict[str, object]] = {}
    for start in range(0, len(numbers), _PAGE):
        some = numbers[start : start + _PAGE]
        for row in connection.execute(select(table).where(table.c.number.in_(some))):
            found.setdefault(row.number, {})[row.name] = row.value
    return found


def _complete(run: Run, facets: dict[str, object], links: Iterable[object]) -> Run:
    if "context" in facets:
        facets["context"] = full_context(facets["context"])
    return dataclasses.replace(
        run,
        facets={k: v for k, v in facets.items() if k not in ("element", "error")},
        element=str(facets.get("element", "")),
        error=str(facets.get("error", run.error)),
        links=tuple(links),  # type: ignore[arg-type]
    )
