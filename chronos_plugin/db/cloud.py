"""The tables of the cloud agent, as the protocols of :mod:`chronos_plugin.execution.cloud` want them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Engine, Table, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError, OperationalError

from chronos_plugin.db import engine as database
from chronos_plugin.db.tables import cloud as tables
from chronos_plugin.errors import ServiceFailed
from chronos_plugin.execution.cloud.model import OPEN, Request, RequestState
from chronos_plugin.execution.cloud.pool import Pool, PoolJob
from chronos_plugin.execution.targets.base import JobState

_FINAL_JOBS = tuple(state.value for state in JobState if state.final)


class _Rows:
    """Access to the database; without an engine, this process's."""

    def __init__(self, engine: Engine | None = None) -> None:
        self._engine = engine

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with _plain_errors(), database.reading(self._engine) as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with _plain_errors(), database.writing(self._engine) as connection:
            yield connection

    def _insert(self, table: Table, values: Mapping[str, Any]) -> bool:
        """Insert a row unless its key is there; return whether it was not."""
        try:
            with self._writing() as connection:
                connection.execute(insert(table).values(**values))
        except IntegrityError:
            return False
        return True

    def leader(self) -> tuple[str, float] | None:
        """Return which agent leads until when, or None."""
        with self._reading() as connection:
            row = connection.execute(select(tables.leader.c.holder, tables.leader.c.until)).first()
        return (row.holder, row.until) if row else None


class Requests(_Rows):
    """The table of requests; follows :class:`~chronos_plugin.execution.cloud.model.RequestTable`."""

    def submit(self, request: Request) -> Request:
        """Store a request unless one of its id is there; return what is stored."""
        self._insert(tables.request, {**asdict(request), "created": request.created or time.time()})
        stored = self.get(request.id)
        if stored is None:
            raise ServiceFailed(f"request {request.id} was not stored")
        return stored

    def get(self, request_id: str) -> Request | None:
        """Return a request, or None."""
        with self._reading() as connection:
            row = connection.execute(select(tables.request).where(tables.request.c.id == request_id)).first()
        return _request(row) if row else None

    def select(
        self, *, states: Sequence[RequestState] = (), name: str = "", verb: str = "", limit: int = 1000
    ) -> list[Request]:
        """Return requests, the oldest first, by state, resource name and verb where these are given."""
        query = select(tables.request).order_by(tables.request.c.created, tables.request.c.id).limit(limit)
        if states:
            query = query.where(tables.request.c.state.in_(states))
        if name:
            query = query.where(tables.request.c.name == name)
        if verb:
            query = query.where(tables.request.c.verb == verb)
        with self._reading() as connection:
            return [_request(row) for row in connection.execute(query)]

    def change(self, request_id: str, expected: Sequence[RequestState], **values: Any) -> bool:
        """Set fields if the state is one of ``expected``; return whether it was."""
        table = tables.request
        statement = (
            update(table).where(table.c.id == request_id, table.c.state.in_(expected)).values(**values)
        )
        with self._writing() as connection:
            return connection.execute(statement).rowcount == 1

    def prune(self, before: float) -> int:
        """Remove what ended before a moment; return how many.

        Requests that made something stay: they tell whose it is.
        """
        table = tables.request
        made = (table.c.verb == "create") & (table.c.state == RequestState.SUCCEEDED)
        with self._writing() as connection:
            return int(connection.execute(delete(table).where(table.c.ended < before, ~made)).rowcount)

    def cancel(self, request_id: str) -> bool:
        """Ask for the end of a request; return whether it had not ended."""
        ended = {"state": RequestState.CANCELLED, "ended": time.time()}
        if self.change(request_id, (RequestState.QUEUED,), **ended):
            return True
        return self.change(request_id, tuple(OPEN), state=RequestState.CANCELLING)

    def lead(self, holder: str, until: float, now: float) -> bool:
        """Take or keep the one leadership until a time; False while another agent holds it."""
        table = tables.leader
        mine_or_over = (table.c.holder == holder) | (table.c.until < now)
        statement = update(table).where(table.c.number == 1, mine_or_over).values(holder=holder, until=until)
        with self._writing() as connection:
            if connection.execute(statement).rowcount == 1:
                return True
        return self.leader() is None and self._insert(table, {"number": 1, "holder": holder, "until": until})

    def resign(self, holder: str) -> None:
        """Give the leadership back."""
        table = tables.leader
        with self._writing() as connection:
            connection.execute(update(table).where(table.c.holder == holder).values(until=0.0))


class Pools(_Rows):
    """The tables of pools and jobs; follows :class:`~chronos_plugin.execution.cloud.pool.PoolTable`."""

    def put_pool(self, target: str, options: Mapping[str, Any]) -> None:
        """Make a target known, or its options new."""
        table = tables.pool
        if not self._insert(table, asdict(Pool(target, dict(options)))):
            changed = update(table).where(table.c.target == target).values(options=dict(options))
            with self._writing() as connection:
                connection.execute(changed)

    def pools(self) -> list[Pool]:
        """Return all targets that were ever used."""
        with self._reading() as connection:
            rows = connection.execute(select(tables.pool).order_by(tables.pool.c.target))
            return [Pool(**row._mapping) for row in rows]

    def change_pool(self, target: str, **values: Any) -> None:
        """Set fields of a pool."""
        with self._writing() as connection:
            connection.execute(update(tables.pool).where(tables.pool.c.target == target).values(**values))

    def add_job(self, job: PoolJob) -> None:
        """Store a job unless one of its id is there."""
        self._insert(tables.job, asdict(job))

    def jobs(self, ids: Sequence[str]) -> list[PoolJob]:
        """Return jobs by id."""
        found: list[PoolJob] = []
        with self._reading() as connection:
            for start in range(0, len(ids), 500):
                query = select(tables.job).where(tables.job.c.id.in_(ids[start : start + 500]))
                found += [_job(row) for row in connection.execute(query)]
        return found

    def open_jobs(self, target: str) -> list[PoolJob]:
        """Return the jobs of a target that have not ended, the oldest first."""
        table = tables.job
        query = select(table).where(table.c.target == target, table.c.state.not_in(_FINAL_JOBS))
        with self._reading() as connection:
            rows = connection.execute(query.order_by(table.c.created, table.c.id))
            return [_job(row) for row in rows]

    def prune(self, before: float) -> int:
        """Remove jobs that ended before a moment; return how many."""
        with self._writing() as connection:
            return int(connection.execute(delete(tables.job).where(tables.job.c.ended < before)).rowcount)

    def newest_waiting(self, target: str) -> float | None:
        """Return when the last of the jobs that wait for a node came, None if none waits."""
        table = tables.job
        query = select(func.max(table.c.created)).where(
            table.c.target == target, table.c.state == JobState.QUEUED, table.c.node == ""
        )
        with self._reading() as connection:
            return connection.execute(query).scalar()

    def change_job(
        self, job_id: str, expected: Sequence[JobState], *, unless_node: bool = False, **values: Any
    ) -> bool:
        """Set fields if the state is one of ``expected``, and, with ``unless_node``, no node has it yet.

        Returns:
            Whether it was so.
        """
        table = tables.job
        statement = update(table).where(table.c.id == job_id, table.c.state.in_(expected)).values(**values)
        if unless_node:
            statement = statement.where(table.c.node == "")
        with self._writing() as connection:
            return connection.execute(statement).rowcount == 1


def _request(row: Any) -> Request:
    values = dict(row._mapping)
    return Request(**{**values, "state": RequestState(values["state"])})


def _job(row: Any) -> PoolJob:
    values = dict(row._mapping)
    return PoolJob(**{**values, "state": JobState(values["state"])})


@contextmanager
def _plain_errors() -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        raise ServiceFailed(f"the CHRONOS database: {str(error.orig).strip()}") from error
