"""The queue of Mesos's tasks in the CHRONOS database."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Engine, Row, bindparam, case, delete, func, literal_column, select, update
from sqlalchemy.dialects import postgresql, sqlite

from chronos_plugin.db.engine import reading, writing
from chronos_plugin.db.tables.mesos import framework as frameworks
from chronos_plugin.db.tables.mesos import task as tasks
from chronos_plugin.hooks.mesos.messages import TaskState
from chronos_plugin.hooks.mesos.queue import FrameworkStatus, Lease, LeaseLost
from chronos_plugin.hooks.mesos.tasks import Phase, Task, TaskSpec, Wish

_AUTHORS = frozenset({"spec", "wish", "revision", "submitted_at"})
_HOLDERS = tuple(f.name for f in fields(Task) if f.name not in _AUTHORS)
_PART = 500
"""Ids in one statement; SQLite takes 32,766 parameters at most."""


class DatabaseQueue:
    """A :class:`~chronos_plugin.hooks.mesos.queue.TaskQueue` in the CHRONOS database.

    Args:
        name: Of the framework: the connection's id.
        engine: Gives the engine, asked for at each use.
    """

    def __init__(self, name: str, engine: Callable[[], Engine]) -> None:
        self.name = name
        self._engine = engine

    def submit(self, specs: Iterable[TaskSpec], *, held: bool = False) -> None:
        """See :class:`TaskQueue`."""
        now = time.time()
        wish = Wish.HOLD if held else Wish.RUN
        rows = [_new_row(self.name, Task(s, wish=wish, revision=1, submitted_at=now)) for s in specs]
        if not rows:
            return
        with writing(self._engine()) as connection:
            insert = _insert(connection)
            connection.execute(insert(frameworks).on_conflict_do_nothing(), {"name": self.name})
            connection.execute(insert(tasks).on_conflict_do_nothing(), rows)

    def get(self, task_ids: Iterable[str]) -> dict[str, Task]:
        """See :class:`TaskQueue`."""
        found: dict[str, Task] = {}
        with reading(self._engine()) as connection:
            for part in _parts(list(task_ids)):
                query = select(tasks).where(tasks.c.framework == self.name, tasks.c.id.in_(part))
                found.update((row.id, _task(row)) for row in connection.execute(query))
        return found

    def wish(self, task_ids: Iterable[str], wish: Wish) -> None:
        """See :class:`TaskQueue`."""
        with writing(self._engine()) as connection:
            for part in _parts(list(task_ids)):
                connection.execute(
                    update(tasks)
                    .where(
                        tasks.c.framework == self.name,
                        tasks.c.id.in_(part),
                        tasks.c.wish.not_in((wish.value, Wish.CANCEL.value)),
                    )
                    .values(wish=wish.value, revision=tasks.c.revision + 1, pending=True)
                )

    def status(self) -> FrameworkStatus:
        """See :class:`TaskQueue`."""
        where = tasks.c.framework == self.name
        waits = (tasks.c.phase == Phase.QUEUED.value) & (tasks.c.wish == Wish.HOLD.value)
        kind = case((waits, "held"), else_=tasks.c.phase)
        query = select(kind, func.count()).where(where, _OPEN).group_by(kind)
        with reading(self._engine()) as connection:
            counts = {row[0]: row[1] for row in connection.execute(query)}
            row = connection.execute(select(frameworks).where(frameworks.c.name == self.name)).first()
            if row is None:
                return FrameworkStatus(self.name)
            held = row.lease_until > _now(connection)
        return FrameworkStatus(
            self.name, row.framework_id, row.master_id, row.holder, held, row.epoch, row.report, counts
        )

    def acquire(self, holder: str, seconds: float) -> Lease | None:
        """See :class:`TaskQueue`."""
        with writing(self._engine()) as connection:
            connection.execute(_insert(connection)(frameworks).on_conflict_do_nothing(), {"name": self.name})
            now = _now(connection)
            taken = connection.execute(
                update(frameworks)
                .where(frameworks.c.name == self.name, frameworks.c.lease_until <= now)
                .values(holder=holder, epoch=frameworks.c.epoch + 1, lease_until=now + seconds)
            )
            if not taken.rowcount:
                return None
            row = connection.execute(select(frameworks).where(frameworks.c.name == self.name)).one()
            return Lease(row.epoch, row.framework_id, row.master_id)

    def renew(self, lease: Lease, seconds: float, report: Mapping[str, Any]) -> None:
        """See :class:`TaskQueue`."""
        with writing(self._engine()) as connection:
            until = _now(connection) + seconds
            self._as_holder(connection, lease, {"lease_until": until, "report": dict(report)})

    def release(self, lease: Lease) -> None:
        """See :class:`TaskQueue`."""
        with writing(self._engine()) as connection:
            connection.execute(
                update(frameworks)
                .where(frameworks.c.name == self.name, frameworks.c.epoch == lease.epoch)
                .values(lease_until=0.0)
            )

    def open_tasks(self) -> list[Task]:
        """See :class:`TaskQueue`."""
        return self._tasks(_OPEN)

    def changes(self, limit: int = 5000) -> list[Task]:
        """See :class:`TaskQueue`."""
        return self._tasks(tasks.c.pending, limit=limit)

    def commit(
        self,
        lease: Lease,
        *,
        framework: tuple[str | None, str] | None,
        tasks: Sequence[Task],
        taken: Mapping[str, int],
    ) -> None:
        """See :class:`TaskQueue`."""
        values = {"framework_id": framework[0], "master_id": framework[1]} if framework else {}
        with writing(self._engine()) as connection:
            self._as_holder(connection, lease, values)
            if tasks:
                rows = [{"of": task.id, **_holders_part(task)} for task in tasks]
                connection.execute(_STORE, [{"framework_name": self.name, **row} for row in rows])
            if taken:
                rows = [{"of": i, "known": revision} for i, revision in taken.items()]
                connection.execute(_TAKE, [{"framework_name": self.name, **row} for row in rows])

    def prune(self, before: float) -> int:
        """See :class:`TaskQueue`."""
        with writing(self._engine()) as connection:
            gone = connection.execute(
                delete(tasks).where(
                    tasks.c.framework == self.name,
                    tasks.c.phase == Phase.ENDED.value,
                    tasks.c.ended_at < before,
                )
            )
            return int(gone.rowcount)

    def _as_holder(self, connection: Connection, lease: Lease, values: Mapping[str, Any]) -> None:
        """Update the framework's row, and so keep others from taking it until the transaction ends."""
        changed = connection.execute(
            update(frameworks)
            .where(frameworks.c.name == self.name, frameworks.c.epoch == lease.epoch)
            .values(**(values or {"epoch": lease.epoch}))
        )
        if not changed.rowcount:
            raise LeaseLost(f"another process has taken framework {self.name} over")

    def _tasks(self, condition: Any, limit: int | None = None) -> list[Task]:
        query = select(tasks).where(tasks.c.framework == self.name, condition).limit(limit)
        with reading(self._engine()) as connection:
            return [_task(row) for row in connection.execute(query)]


# Written as in the indexes' conditions, so that they are used.
_OPEN = tasks.c.phase != literal_column("'ended'")
_OF_ONE = (tasks.c.framework == bindparam("framework_name"), tasks.c.id == bindparam("of"))
_STORE = update(tasks).where(*_OF_ONE).values({name: bindparam(f"new_{name}") for name in _HOLDERS})
_TAKE = update(tasks).where(*_OF_ONE, tasks.c.revision == bindparam("known")).values(pending=False)


def _insert(connection: Connection) -> Any:
    return postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert


def _now(connection: Connection) -> float:
    """Return the time by the clock that all processes share: the server's, or for a file this machine's."""
    if connection.dialect.name == "postgresql":
        clock = select(func.extract("epoch", func.clock_timestamp()))
        return float(connection.execute(clock).scalar_one())
    return time.time()


def _new_row(framework: str, task: Task) -> dict[str, Any]:
    row = {"framework": framework, "id": task.id, "spec": task.spec.to_json(), "pending": True}
    row |= {name: _plain(getattr(task, name)) for name in _AUTHORS - {"spec"}}
    return row | {name: _plain(getattr(task, name)) for name in _HOLDERS}


def _holders_part(task: Task) -> dict[str, Any]:
    return {f"new_{name}": _plain(getattr(task, name)) for name in _HOLDERS}


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, StrEnum) else value


def _task(row: Row[Any]) -> Task:
    values = dict(row._mapping)
    for name in ("framework", "id", "pending"):
        del values[name]
    values["spec"] = TaskSpec.from_json(values["spec"])
    values["wish"], values["phase"] = Wish(values["wish"]), Phase(values["phase"])
    values["state"] = TaskState(values["state"]) if values["state"] else None
    return Task(**values)


def _parts(values: list[str]) -> Iterator[list[str]]:
    return (values[i : i + _PART] for i in range(0, len(values), _PART))
