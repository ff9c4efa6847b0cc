"""Lineage: what was made from what; and the search that finds where to begin."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from chronos_plugin.api.authz import Readable, ReadableDep, requires
from chronos_plugin.api.models import history as history_models
from chronos_plugin.api.models import lineage as models
from chronos_plugin.api.v1.asking import history
from chronos_plugin.api.v1.datasets import MOST_ID, shown
from chronos_plugin.errors import InputInvalid, NotKnown
from chronos_plugin.lineage.model import Dataset, Direction, Run
from chronos_plugin.lineage.questions import DatasetFilter, Lineage
from chronos_plugin.permissions import Permission

router = APIRouter(tags=["lineage"], dependencies=[Depends(requires(Permission.HISTORY))])

_MOST_STARTS = 100


@router.get("/lineage", operation_id="get_lineage")
def get_lineage(
    may: ReadableDep,
    dataset: Annotated[
        list[Annotated[int, Query(ge=1, le=MOST_ID)]] | None,
        Query(description="Where to begin; may be repeated", max_length=_MOST_STARTS),
    ] = None,
    run: Annotated[UUID | None, Query(description="Or a run: from its inputs and outputs")] = None,
    direction: Literal["upstream", "downstream", "both"] = "both",
    depth: Annotated[int, Query(ge=1, le=100, description="Runs to follow")] = 5,
    limit: Annotated[int, Query(ge=1, le=10_000, description="Runs and datasets at most")] = 1000,
) -> models.Lineage:
    """Follow datasets back to what they were made from, on to what was made from them, or both.

    The answer is bounded and says so; ask on from the datasets in `open`.
    """
    if (run is None) == (not dataset):
        raise InputInvalid("say where to begin: dataset=ID (several times), or run=ID")
    begun = may.run(history().run(run)) if run is not None else None
    starts = _starts(begun, dataset or [], direction)
    parts = [
        _cleared(follow(*ids, depth=depth, limit=limit), ids, may)
        for follow, ids in (
            (history().ancestors, starts.upstream),
            (history().descendants, starts.downstream),
        )
        if ids
    ]
    return _answer(_joined(parts, begun), direction, depth)


@router.get("/search", operation_id="search", tags=["search"])
def search(
    may: ReadableDep,
    q: Annotated[str, Query(min_length=1, max_length=1000, description="A name, words of it, a path, an id")],
    limit: Annotated[int, Query(ge=1, le=100, description="Of each kind at most")] = 10,
) -> models.SearchResult:
    """Find products, runs and workflows by what people copy from somewhere."""
    q = q.strip()
    found = _at(q, limit) if q else []
    more = False
    if not found and q:
        page = history().datasets(DatasetFilter(text=q), limit=limit)
        found, more = page.datasets, page.next is not None
    return models.SearchResult(
        datasets=shown(found[:limit], may),
        runs=[history_models.Run.of(r) for r in _runs(q) if may.allows(r.job.workflow)],
        workflows=_workflows(q, may, limit),
        more=more or len(found) > limit,
    )


# -- where to begin --------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class _Starts:
    upstream: tuple[int, ...] = ()
    downstream: tuple[int, ...] = ()


def _starts(run: Run | None, datasets: list[int], direction: str) -> _Starts:
    up, down = tuple(datasets), tuple(datasets)
    if run is not None:
        up, down = (
            tuple(d.id for d in run.datasets(side) if d.id is not None)
            for side in (Direction.INPUT, Direction.OUTPUT)
        )
    return _Starts(
        up if direction in ("upstream", "both") else (), down if direction in ("downstream", "both") else ()
    )


# -- what may be seen ------------------------------------------------------------------------------


def _cleared(found: Lineage, starts: Iterable[int], may: Readable) -> Lineage:
    """Return a lineage without what may not be read, and without what is only reached through it."""
    if may.workflows is None:
        return found
    runs = {n for n, run in found.runs.items() if may.allows(run.job.workflow)}
    datasets = may.datasets(found.datasets, history().workflows_of)
    if not datasets.issuperset(starts):
        raise NotKnown("there is no such dataset that you may read")
    reads = [(d, r) for d, r in found.reads if d in datasets and r in runs]
    writes = [(r, d) for r, d in found.writes if d in datasets and r in runs]
    kept = _reached(starts, reads, writes)
    reads = [(d, r) for d, r in reads if ("d", d) in kept]
    writes = [(r, d) for r, d in writes if ("d", d) in kept]
    datasets = {d for d in datasets if ("d", d) in kept}
    runs = {r for r in runs if ("r", r) in kept}
    hidden = found.shown - len(datasets) - len(runs)
    return Lineage(
        datasets={d: found.datasets[d] for d in datasets},
        runs={r: found.runs[r] for r in runs},
        reads=tuple(reads),
        writes=tuple(writes),
        shown=len(datasets) + len(runs),
        at_least=found.at_least - hidden,
        cut=found.cut,
        open=tuple(d for d in found.open if d in datasets),
    )


def _reached(
    starts: Iterable[int], reads: list[tuple[int, int]], writes: list[tuple[int, int]]
) -> set[tuple[str, int]]:
    beside: dict[tuple[str, int], list[tuple[str, int]]] = {}
    for dataset, run in (*reads, *((d, r) for r, d in writes)):
        beside.setdefault(("d", dataset), []).append(("r", run))
        beside.setdefault(("r", run), []).append(("d", dataset))
    front = [("d", d) for d in starts]
    kept = set(front)
    while front:
        for node in beside.get(front.pop(), ()):
            if node not in kept:
                kept.add(node)
                front.append(node)
    return kept


# -- the answer ------------------------------------------------------------------------------------


def _joined(parts: list[Lineage], begun: Run | None) -> Lineage:
    datasets = {i: d for part in parts for i, d in part.datasets.items()}
    runs = {n: r for part in parts for n, r in part.runs.items()}
    reads = {edge for part in parts for edge in part.reads}
    writes = {edge for part in parts for edge in part.writes}
    if begun is not None and begun.number is not None:
        runs[begun.number] = begun
        for link in begun.links or ():
            if link.dataset.id in datasets:
                if link.direction is Direction.INPUT:
                    reads.add((link.dataset.id, begun.number))
                else:
                    writes.add((begun.number, link.dataset.id))
    shown_nodes = len(datasets) + len(runs)
    return Lineage(
        datasets=datasets,
        runs=runs,
        reads=tuple(sorted(reads)),
        writes=tuple(sorted(writes)),
        shown=shown_nodes,
        at_least=shown_nodes + sum(part.at_least - part.shown for part in parts),
        cut=any(part.cut for part in parts),
        open=tuple(sorted({i for part in parts for i in part.open})),
    )


def _answer(
    found: Lineage, direction: Literal["upstream", "downstream", "both"], depth: int
) -> models.Lineage:
    ids = {number: run.id for number, run in found.runs.items()}
    summary = f"first {found.shown:,} of {found.at_least:,} or more" if found.cut else f"all {found.shown:,}"
    return models.Lineage(
        direction=direction,
        depth=depth,
        datasets=[history_models.Dataset.of(d) for _, d in sorted(found.datasets.items())],
        runs=[history_models.Run.of(r) for _, r in sorted(found.runs.items())],
        reads=[models.Read(dataset=d, run=ids[r]) for d, r in found.reads],
        writes=[models.Write(run=ids[r], dataset=d) for r, d in found.writes],
        shown=found.shown,
        at_least=found.at_least,
        cut=found.cut,
        summary=summary,
        open=list(found.open),
    )


def _at(text: str, limit: int) -> list[Dataset]:
    """Return what lies at a path or URI, or ends with it, or has exactly a name."""
    if "/" not in text:
        return history().named(text, limit=limit)
    name = text.rstrip("/").rpartition("/")[2]
    return history().datasets_at(text) or [
        found for found in history().named(name, limit=limit) if found.location.endswith(text)
    ]


def _runs(text: str) -> list[Run]:
    try:
        return [history().run(UUID(text))]
    except (ValueError, NotKnown):
        return []


def _workflows(text: str, may: Readable, limit: int) -> list[models.WorkflowHit]:
    from chronos_plugin.rendering.documents import dags

    found = [dag for dag in dags(containing=text, limit=1000) if may.allows(dag.dag_id)]
    return [models.WorkflowHit(dag_id=dag.dag_id, description=dag.description) for dag in found[:limit]]
