"""The questions that the store answers: the Python interface of the history."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import select

from chronos_plugin.db.engine import engine as default_engine
from chronos_plugin.db.engine import reading
from chronos_plugin.db.store import assemble, graph, listing, paths, read, search
from chronos_plugin.db.store.dictionaries import Dictionaries
from chronos_plugin.db.store.graph import DEPTH, LIMIT, Walk
from chronos_plugin.db.store.listing import Cursor
from chronos_plugin.db.tables import lineage as tables
from chronos_plugin.errors import InputInvalid, NotKnown
from chronos_plugin.lineage.compare import Difference, compare
from chronos_plugin.lineage.model import Dataset, Run, split_location
from chronos_plugin.lineage.product_types import ProductTypes, load_product_types
from chronos_plugin.lineage.questions import (
    Bucket,
    DatasetFilter,
    DatasetPage,
    JobPage,
    Lineage,
    Part,
    RunFilter,
    RunPage,
)

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

_MOST = 1000


class History:
    """Asks one database; may be shared by threads.

    Args:
        engine: Default: this installation's.
        types: Rules of product types; default: this installation's.
    """

    def __init__(self, engine: Engine | None = None, types: ProductTypes | None = None) -> None:
        self._engine = engine
        self._types = types

    # -- lineage -------------------------------------------------------------------------------

    def ancestors(self, *ids: int, depth: int = DEPTH, limit: int = LIMIT) -> Lineage:
        """Return what datasets were made from, with the runs between.

        Args:
            ids: Of datasets.
            depth: Runs to go back.
            limit: Nodes at most.

        Raises:
            NotKnown: If a dataset is not known.
            InputInvalid: If a bound is out of range.
        """
        return self._walk(graph.ancestors, ids, depth, limit)

    def descendants(self, *ids: int, depth: int = DEPTH, limit: int = LIMIT) -> Lineage:
        """Return what was made from datasets; all as in :meth:`ancestors`."""
        return self._walk(graph.descendants, ids, depth, limit)

    def producer(self, dataset: int) -> Run | None:
        """Return the run that made a dataset; None: none that is known."""
        with self._asking() as (connection, dictionaries):
            row = read.datasets(connection, [dataset]).get(dataset)
            if row is None:
                raise NotKnown(f"there is no dataset {dataset}")
            made = read.runs(connection, [row.made_by])
            found = assemble.runs_of(connection, list(made.values()), dictionaries)
            return found[0] if found else None

    # -- single things -------------------------------------------------------------------------

    def run(self, identity: UUID | int) -> Run:
        """Return a run with its links and facets.

        Args:
            identity: Its id, or its number in the store.

        Raises:
            NotKnown: If there is none.
        """
        with self._asking() as (connection, dictionaries):
            number = identity if isinstance(identity, int) else _number_of(connection, identity)
            row = read.runs(connection, [number]).get(number) if number else None
            if row is None:
                raise NotKnown(f"there is no run {identity}")
            return assemble.full_runs(connection, [row], dictionaries)[0]

    def full_runs(self, numbers: Collection[int]) -> list[Run]:
        """Return runs by number with links and facets; archived and unknown ones are left out."""
        with self._asking() as (connection, dictionaries):
            rows = list(read.runs(connection, numbers).values())
            return assemble.full_runs(connection, rows, dictionaries)

    def dataset(self, identity: int) -> Dataset:
        """Return a dataset with its facets, version and copies.

        Raises:
            NotKnown: If there is none.
        """
        with self._asking() as (connection, dictionaries):
            row = read.datasets(connection, [identity]).get(identity)
            if row is None:
                raise NotKnown(f"there is no dataset {identity}")
            dataset = assemble.dataset_of(row, dictionaries)
            key = (dataset.namespace, dataset.path)
            versions = [v.id for v in paths.find(connection, dictionaries, [key]).get(key, [])]
            return dataclasses.replace(
                dataset,
                facets=read.facets_of_dataset(connection, identity),
                version=versions.index(identity) + 1 if identity in versions else None,
                locations=tuple(_copies(connection, dictionaries, identity)),
            )

    def datasets_at(self, location: str) -> list[Dataset]:
        """Return the datasets that lie, or lay, at a URI or an absolute path; the youngest first."""
        key = split_location(location)
        with self._asking() as (connection, dictionaries):
            versions = paths.find(connection, dictionaries, [key]).get(key, [])
            rows = read.datasets(connection, [v.id for v in versions])
            found = [
                dataclasses.replace(assemble.dataset_of(rows[v.id], dictionaries), version=number)
                for number, v in enumerate(versions, start=1)
                if v.id in rows
            ]
            return found[::-1]

    def named(self, name: str, *, limit: int = 50) -> list[Dataset]:
        """Return datasets whose name (the last part of the path) is exactly this; the youngest first."""
        with self._asking() as (connection, dictionaries):
            rows = search.by_name(connection, dictionaries, name, limit)
            return [assemble.dataset_of(row, dictionaries) for row in rows]

    # -- lists ---------------------------------------------------------------------------------

    def datasets(self, wanted: DatasetFilter, *, limit: int = 50, cursor: str | None = None) -> DatasetPage:
        """Return a page of datasets, the youngest first.

        Raises:
            InputInvalid: If nothing is asked for, or the cursor is none.
        """
        search.check_filter(wanted)
        before = search.as_cursor(cursor)
        with self._asking() as (connection, dictionaries):
            found = search.Search(connection, dictionaries, wanted).page(_bounded(limit), before)
            page = [assemble.dataset_of(row, dictionaries) for row in found.rows]
            return DatasetPage(page, None if found.next is None else str(found.next))

    def runs(
        self,
        wanted: RunFilter | None = None,
        *,
        limit: int = 50,
        cursor: str | None = None,
        counts: bool = True,
    ) -> RunPage:
        """Return a page of runs, the youngest first, and with the first page how many fit by facet.

        Args:
            counts: Whether to count; parts of one run never are: see :meth:`parts`.

        Raises:
            InputInvalid: If the cursor is none.
            NotKnown: If the parts of a run are asked for that there is not.
        """
        after = _run_cursor(cursor)
        with self._asking() as (connection, dictionaries):
            asked = _listing(connection, dictionaries, wanted or RunFilter())
            rows, following = asked.page(_bounded(limit), after)
            return RunPage(
                runs=assemble.runs_of(connection, rows, dictionaries),
                next=f"{following.started}.{following.number}" if following else None,
                counts=asked.counts() if counts and after is None and not asked.parent else None,
            )

    def run_counts(self, wanted: RunFilter) -> dict[str, dict[str, int]]:
        """Return how many ended runs fit, by facet and value."""
        with self._asking() as (connection, dictionaries):
            return listing.Listing(connection, dictionaries, wanted).counts()

    def parts(self, parent: UUID) -> list[Part]:
        """Return how many parts of a run there are, by job and state.

        Raises:
            NotKnown: If there is no such run.
        """
        with self._asking() as (connection, dictionaries):
            return _listing(connection, dictionaries, RunFilter(parent=parent)).parts()

    def jobs(
        self, workflows: Collection[str] | None = None, *, limit: int = 50, cursor: str | None = None
    ) -> JobPage:
        """Return a page of jobs, each version one, the newest first.

        Args:
            workflows: Of these only; None: of all.

        Raises:
            InputInvalid: If the cursor is none.
        """
        before = search.as_cursor(cursor)
        with self._asking() as (_, dictionaries):
            entries = sorted(
                (
                    entry
                    for entry in dictionaries.jobs()
                    if (workflows is None or entry.job.workflow in workflows)
                    and (before is None or entry.id < before)
                ),
                key=lambda entry: -entry.id,
            )
            page = entries[: _bounded(limit)]
            following = str(page[-1].id) if len(entries) > len(page) else None
            return JobPage([entry.job for entry in page], following)

    def workflows_of(self, datasets: Collection[int]) -> dict[int, str]:
        """Return the workflows whose runs made datasets; without those that no known run has made."""
        with self._asking() as (connection, dictionaries):
            makers = {i: row.made_by for i, row in read.datasets(connection, datasets).items() if row.made_by}
            rows = read.runs(connection, set(makers.values()))
            return {i: dictionaries.job(rows[n].job).job.workflow for i, n in makers.items() if n in rows}

    def activity(
        self, since: datetime.datetime, until: datetime.datetime, *, by_hour: bool = False
    ) -> list[Bucket]:
        """Return what was done between two moments, by day (or hour) of the start, job and end."""
        with self._asking() as (connection, dictionaries):
            return listing.activity(connection, dictionaries, since, until, by_hour=by_hour)

    def compare(self, first: UUID | int, second: UUID | int) -> list[Difference]:
        """Return why two runs differ."""
        return compare(self.run(first), self.run(second))

    # -- inside --------------------------------------------------------------------------------

    @contextmanager
    def _asking(self) -> Iterator[tuple[Connection, Dictionaries]]:
        on = self._engine = self._engine or default_engine()
        if self._types is None:
            from chronos_plugin import settings

            self._types = load_product_types(settings.load().product_types)
        with reading(on) as connection:
            # Each connection follows the dictionaries by itself: no lock between threads.
            dictionaries = connection.info.get("chronos_dictionaries")
            if dictionaries is None or dictionaries.types is not self._types:
                dictionaries = connection.info["chronos_dictionaries"] = Dictionaries(self._types)
            dictionaries.follow(connection)
            yield connection, dictionaries

    def _walk(self, follow: object, ids: tuple[int, ...], depth: int, limit: int) -> Lineage:
        if not 1 <= depth <= 100 or not 1 <= limit <= 100_000:
            raise InputInvalid("a depth is 1 to 100, a limit 1 to 100,000")
        with self._asking() as (connection, dictionaries):
            walk: Walk = follow(connection, ids, depth=depth, limit=limit)  # type: ignore[operator]
            missing = [i for i in ids if i not in walk.datasets]
            if missing:
                raise NotKnown(f"there is no dataset {missing[0]}")
            runs = assemble.runs_of(connection, list(walk.runs.values()), dictionaries)
            return Lineage(
                datasets={i: assemble.dataset_of(row, dictionaries) for i, row in walk.datasets.items()},
                runs={run.number: run for run in runs if run.number is not None},
                reads=tuple(sorted(walk.reads)),
                writes=tuple(sorted(walk.writes)),
                shown=walk.size,
                at_least=walk.at_least,
                cut=walk.cut,
                open=tuple(sorted(walk.open)),
            )


def _number_of(connection: Connection, identity: UUID) -> int | None:
    key, run = tables.run_key, tables.run
    young = connection.execute(select(key.c.number).where(key.c.uuid == identity)).scalar()
    if young is not None:
        return int(young)
    paths.plan_summaries(connection)
    return connection.execute(select(run.c.number).where(run.c.uuid == identity)).scalar()


def _listing(connection: Connection, dictionaries: Dictionaries, wanted: RunFilter) -> listing.Listing:
    """Return the list that is asked for, the parent's row found."""
    if wanted.parent is None:
        return listing.Listing(connection, dictionaries, wanted)
    number = _number_of(connection, wanted.parent)
    row = read.runs(connection, [number]).get(number) if number else None
    if row is None:
        raise NotKnown(f"there is no run {wanted.parent}")
    return listing.Listing(connection, dictionaries, wanted, row)


def _copies(connection: Connection, dictionaries: Dictionaries, identity: int) -> Iterator[str]:
    from chronos_plugin.lineage import names
    from chronos_plugin.lineage.model import location_of

    table = tables.location
    for row in connection.execute(select(table).where(table.c.dataset == identity)):
        namespace, template, _ = dictionaries.template(row.template)
        yield location_of(namespace, names.decode(template, row.numbers))


def _run_cursor(cursor: str | None) -> Cursor | None:
    if not cursor:
        return None
    started, _, number = cursor.partition(".")
    if not (started.lstrip("-").isdigit() and number.isdigit()):
        raise InputInvalid(f"{cursor!r} is no cursor: take it from the page before")
    return Cursor(int(started), int(number))


def _bounded(limit: int) -> int:
    if not 1 <= limit <= _MOST:
        raise InputInvalid(f"a page has 1 to {_MOST} rows")
    return limit
