"""Records into rows: who made what, which dataset an input is, and what has been recorded before.

One loader works at a time, holding the row of ``counter`` from which numbers are given; so whatever it
looks up cannot change under it, and numbers are given in the order of commits.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, select

from chronos_plugin.db.engine import writing
from chronos_plugin.db.outbox.queue import Told, fill
from chronos_plugin.db.store import partitions, paths
from chronos_plugin.db.store.datasets import Datasets
from chronos_plugin.db.store.dictionaries import Dictionaries, JobEntry
from chronos_plugin.db.store.packing import LinkEntry, pack_links
from chronos_plugin.db.store.rows import NO_EXIT_CODE, NOT_MEASURED, Rows, write
from chronos_plugin.db.tables import lineage as tables
from chronos_plugin.db.tables.lineage import OUTPUTS_PER_NUMBER
from chronos_plugin.lineage.facets import check_facets
from chronos_plugin.lineage.model import Job, RunState
from chronos_plugin.lineage.product_types import ProductTypes
from chronos_plugin.lineage.record import Record
from chronos_plugin.lineage.signature import signature

_REMEMBERED = 400_000
_LARGEST = (1 << 31) - 1
_KEYS_ARE_KEPT = 36 * 3600
"""Seconds; less than maintenance keeps them."""
_UNKNOWN_JOB = Job("chronos", "unknown")


@dataclass(frozen=True)
class Loaded:
    """What became of a batch.

    Attributes:
        new: Runs recorded for the first time.
        changed: Runs that were known, and are known better now.
        same: Records that told nothing new.
    """

    new: int = 0
    changed: int = 0
    same: int = 0


@dataclass
class _Known:
    """A run that is in the database or will be."""

    number: int
    state: RunState
    stored: bool
    row: Any = None


class Loader:
    """Loads batches of records into one database.

    Args:
        types: Rules by which product types are recognised.
        clock: Seconds since 1970; decides the partition.
        exporters: Names of those whose outbox is filled.
    """

    def __init__(
        self,
        engine: Engine,
        types: ProductTypes,
        *,
        clock: Callable[[], float] = time.time,
        exporters: Sequence[str] = (),
    ) -> None:
        self.engine = engine
        self.exporters = tuple(exporters)
        self.dictionaries = Dictionaries(types)
        self.clock = clock
        self._last_number = -1
        self._newest: dict[paths.Path, paths.Version] = {}

    def load(self, records: Sequence[Record], *, positions: Mapping[str, int] | None = None) -> Loaded:
        """Load a batch in one transaction.

        Args:
            records: In the order in which they were recorded.
            positions: How far the spool files are then loaded; kept in the same transaction.
        """
        try:
            with writing(self.engine) as connection:
                batch = _Batch(self, connection, records)
                loaded = batch.load()
                _keep_positions(connection, positions or {})
        except BaseException:
            self.forget()
            raise
        self._last_number = batch.next_number
        return loaded

    def forget(self) -> None:
        """Read everything anew: what was remembered may not be in the database."""
        self.dictionaries.forget()
        self._newest.clear()
        self._last_number = -1

    def take_numbers(self, connection: Connection, count: int) -> int:
        """Take the lock on the numbers, and some numbers; return the first.

        What was remembered is forgotten if somebody else has taken numbers since.
        """
        counter = tables.counter
        taken: int = connection.execute(
            counter.update()
            .where(counter.c.name == "number")
            .values(value=counter.c.value + count)
            .returning(counter.c.value)
        ).scalar_one()
        first = taken - count
        if first != self._last_number:
            self._newest.clear()
        self.dictionaries.follow(connection)
        current = next(reversed(partitions.spans(connection)), None)
        part = partitions.place(connection, current, first, count, int(self.clock() * 1000))
        if part.first > first:
            first = part.first
            connection.execute(counter.update().where(counter.c.name == "number").values(value=first + count))
        return first

    def newest(self, connection: Connection, wanted: Iterable[paths.Path]) -> dict[paths.Path, paths.Version]:
        """Return the newest dataset at each path."""
        found, unknown = {}, []
        for path in dict.fromkeys(wanted):
            if (version := self._newest.get(path)) is not None:
                found[path] = version
            else:
                unknown.append(path)
        for path, versions in paths.find(connection, self.dictionaries, unknown).items():
            found[path] = versions[-1]
        return found

    def remember(self, versions: Mapping[paths.Path, paths.Version]) -> None:
        """Keep what lies at paths now, for the next batches."""
        if len(self._newest) > _REMEMBERED:
            for path in list(self._newest)[: _REMEMBERED // 2]:
                del self._newest[path]
        self._newest.update(versions)


class _Batch:
    """One batch on its way."""

    def __init__(self, loader: Loader, connection: Connection, records: Sequence[Record]) -> None:
        self.loader = loader
        self.connection = connection
        self.dictionaries = loader.dictionaries
        self.rows = Rows()
        self.records = _latest(records)
        outputs = sum(len(r.outputs) for r in self.records)
        inputs = sum(len(r.inputs) for r in self.records)
        # Enough for every run and its parent, and for all that nobody is known to have made.
        self.needed = 2 * len(self.records) + (outputs + inputs) // OUTPUTS_PER_NUMBER + 2
        self.next_number = 0
        self.told: list[Told] = []

    def load(self) -> Loaded:
        first = self.loader.take_numbers(self.connection, self.needed)
        self.next_number = first + self.needed
        self._numbers = iter(range(first, self.next_number))
        known = self._known()
        places = (p for r in self.records for p in _paths_of(r))
        now = self.loader.newest(self.connection, places)
        before = dict(now)
        self._datasets = Datasets(self.connection, self.dictionaries, self.rows, self._numbers, now)
        counts = {"new": 0, "changed": 0, "same": 0}
        updates: list[tuple[Any, ...]] = []
        for record in self.records:
            counts[self._one(record, known, updates)] += 1
        for run in known.values():
            if not run.stored and run.state is RunState.UNKNOWN:
                self._placeholder(run)
        write(self.connection, self.rows)
        self._update(updates)
        if self.told:
            fill(self.connection, self.loader.exporters, self.told, self.loader.clock())
        self.loader.remember({k: v for k, v in now.items() if before.get(k) != v})
        return Loaded(**counts)

    # -- runs ----------------------------------------------------------------------------------

    def _known(self) -> dict[UUID, _Known]:
        ids = {r.run.id for r in self.records} | {r.run.parent for r in self.records if r.run.parent}
        key, run = tables.run_key, tables.run
        found = self._stored(select(run).join(key, run.c.number == key.c.number), key.c.uuid, ids)
        # Ids of runs that ended days ago are not in that table any more.
        horizon = self.loader.clock() - _KEYS_ARE_KEPT
        old = {r.run.id for r in self.records if r.run.started.timestamp() < horizon}
        old |= {identity for identity in ids if (_moment(identity) or horizon) < horizon}
        lacking = old - found.keys()
        if lacking:
            paths.plan_summaries(self.connection)
        return found | self._stored(select(run), run.c.uuid, lacking)

    def _stored(self, statement: Any, column: Any, ids: Iterable[UUID]) -> dict[UUID, _Known]:
        found, ordered = {}, list(ids)
        for start in range(0, len(ordered), 500):
            for row in self.connection.execute(statement.where(column.in_(ordered[start : start + 500]))):
                found[row.uuid] = _Known(row.number, RunState(row.state), True, row)
        return found

    def _number_of(self, identity: UUID | None, known: dict[UUID, _Known]) -> int:
        if identity is None:
            return 0
        if identity not in known:
            known[identity] = _Known(next(self._numbers), RunState.UNKNOWN, False)
            known[identity].row = identity
        return known[identity].number

    def _one(self, record: Record, known: dict[UUID, _Known], updates: list[tuple[Any, ...]]) -> str:
        run = record.run
        before = known.get(run.id)
        if before and (before.state.final or before.state > run.state):
            return "same"
        parent = self._number_of(run.parent, known)
        stored = before is not None and before.stored
        if before is not None and before.stored:
            record = self._with_what_is_known(record, before.row)
        if before is None:
            before = known[run.id] = _Known(next(self._numbers), run.state, False)
        if self.loader.exporters:
            first = not stored or before.state is RunState.UNKNOWN
            self.told.append(Told(before.number, run.state, first and run.state.final))
        before.state = run.state
        number = before.number
        links = self._datasets.links(record, self._job(record), number, before.row if stored else None)
        row = self._run_row(record, number, parent, links)
        if stored:
            updates.append(row)
        else:
            self.rows.runs.append(row)
            self.rows.run_keys.append((run.id, number))
        self._facets(record, number, stored)
        return "changed" if stored else "new"

    def _with_what_is_known(self, record: Record, row: Any) -> Record:
        """Return a record with what its teller could not know: the start, and the version of the job."""
        run = record.run
        known = self.dictionaries.job(row.job).job
        if not run.job.version and (known.namespace, known.name) == (run.job.namespace, run.job.name):
            run = replace(run, job=known)
        if row.state != RunState.UNKNOWN:
            started = datetime.datetime.fromtimestamp(row.started / 1000, datetime.UTC)
            run = replace(run, started=min(run.started, started))
        return record._replace(run=run)

    def _run_row(self, record: Record, number: int, parent: int, links: list[LinkEntry]) -> tuple[Any, ...]:
        run, need = record.run, self.dictionaries.need_label
        target = need(self.connection, "target", run.target)
        node = need(self.connection, "node", run.node)
        error = need(self.connection, "error", signature(run.error)) if run.error else 0
        started = _milliseconds(run.started)
        duration = NOT_MEASURED if run.duration is None else _bounded(run.duration * 1000)
        cpu = _measured(run.usage.cpu_seconds, 1000)
        if run.state.final:
            outputs = [p.dataset for p in record.outputs]
            self.rows.count(
                started=started,
                job=self._job(record).id,
                state=run.state,
                target=target,
                node=node,
                error=error,
                cpu=cpu,
                duration=duration,
                outputs=len(outputs),
                output_bytes=sum(d.size or 0 for d in outputs),
            )
        return (
            number,
            parent,
            started,
            run.id,
            self._job(record).id,
            duration,
            node,
            error,
            run.map_index,
            cpu,
            _measured(run.usage.max_rss_bytes, 1 / 1024),
            _measured(run.usage.wait_seconds, 1000),
            target,
            NO_EXIT_CODE if run.exit_code is None else run.exit_code,
            int(run.state),
            min(run.attempt, 32767),
            pack_links(number, links),
        )

    def _job(self, record: Record) -> JobEntry:
        return self.dictionaries.need_job(
            self.connection,
            record.run.job,
            [p.port for p in record.inputs],
            [p.port for p in record.outputs],
        )

    def _facets(self, record: Record, number: int, stored: bool) -> None:
        facets = dict(record.run.facets)
        if record.run.element:
            facets["element"] = record.run.element
        if record.run.error:
            facets["error"] = record.run.error
        check_facets("run", facets)
        if stored and facets:
            table = tables.run_facet
            self.connection.execute(
                table.delete().where(table.c.number == number, table.c.name.in_(list(facets)))
            )
        self.rows.run_facets += [(number, name, value) for name, value in facets.items()]

    def _placeholder(self, run: _Known) -> None:
        """Keep the number of a parent whose own record has not come."""
        job = self.dictionaries.need_job(self.connection, _UNKNOWN_JOB, (), ())
        started = int(self.loader.clock() * 1000)
        rest = (NOT_MEASURED, 0, 0, -1, NOT_MEASURED, NOT_MEASURED, NOT_MEASURED, 0, NO_EXIT_CODE)
        self.rows.runs.append((run.number, 0, started, run.row, job.id, *rest, int(RunState.UNKNOWN), 1, b""))
        self.rows.run_keys.append((run.row, run.number))

    def _update(self, rows: Sequence[tuple[Any, ...]]) -> None:
        table = tables.run
        names_of = [column.name for column in table.columns]
        for row in rows:
            values = dict(zip(names_of, row, strict=True))
            self.connection.execute(
                table.update().where(table.c.number == values.pop("number")).values(**values)
            )


def _latest(records: Iterable[Record]) -> list[Record]:
    """Return the records of runs, each run's best known state once and in the place of its first."""
    latest: dict[UUID, Record] = {}
    for record in records:
        before = latest.get(record.run.id)
        if before is None or (not before.run.state.final and record.run.state >= before.run.state):
            latest[record.run.id] = _joined(before, record) if before else record
    return list(latest.values())


def _joined(before: Record, record: Record) -> Record:
    """Return a record with what one before it told: the end of a run does not tell all of its begin again."""
    run = replace(
        record.run,
        started=min(before.run.started, record.run.started),
        parent=record.run.parent or before.run.parent,
        facets={**before.run.facets, **record.run.facets},
    )
    return Record(run, record.inputs or before.inputs, record.outputs or before.outputs)


def _paths_of(record: Record) -> Iterable[paths.Path]:
    for product in (*record.inputs, *record.outputs):
        yield product.dataset.namespace, product.dataset.path
        if product.was:
            yield product.dataset.namespace, product.was


def _milliseconds(moment: datetime.datetime) -> int:
    return round(moment.timestamp() * 1000)


def _moment(identity: UUID) -> float | None:
    """Return when an id of version 7 was given, in seconds since 1970."""
    return (identity.int >> 80) / 1000 if identity.version == 7 else None


def _measured(value: float | None, factor: float) -> int:
    return NOT_MEASURED if value is None else _bounded(value * factor)


def _bounded(value: float) -> int:
    return max(0, min(round(value), _LARGEST))


def _keep_positions(connection: Connection, positions: Mapping[str, int]) -> None:
    table = tables.spool_position
    for file, position in positions.items():
        changed = connection.execute(table.update().where(table.c.file == file).values(position=position))
        if not changed.rowcount:
            connection.execute(table.insert().values(file=file, position=position))
