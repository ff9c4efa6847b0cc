"""The reconciler: compares the history with Airflow's tables, and tells what nobody else could.

A worker that is killed tells nothing, and a workflow run that fails has no last task that would. The
history then lacks a run, or has one that never ends. Airflow's tables know how these ended.
"""

from __future__ import annotations

import datetime
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import text

from chronos_plugin.db.engine import reading, writing
from chronos_plugin.db.store import lists
from chronos_plugin.db.tables import lineage as tables
from chronos_plugin.lineage.model import Job, JobKind, Run, RunState
from chronos_plugin.lineage.record import Record, run_id

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from chronos_plugin.lineage.spool import Spool

log = logging.getLogger("chronos.reconciler")

GRACE = 120
"""Seconds after its end for which a run's own record is waited for."""
LOOK_BACK = 86_400
"""Seconds before the last look from which on tables are read again: Airflow commits late now and then."""
_AT_ONCE = 5000
_WATERMARK = "reconciled_until"
_STATES = {
    "success": RunState.COMPLETE,
    "failed": RunState.FAIL,
    "skipped": RunState.SKIPPED,
    "removed": RunState.ABORT,
}
_JOB_KIND = {JobKind.STEP: "task", JobKind.WORKFLOW: "workflow"}


@dataclass(frozen=True)
class Repaired:
    """What one comparison found.

    Attributes:
        seen: Ended task instances and workflow runs that were compared.
        runs: Executions that the history lacked.
        workflows: Workflow runs that had not ended in the history.
    """

    seen: int = 0
    runs: int = 0
    workflows: int = 0


class Reconciler:
    """Compares one history with one Airflow.

    Args:
        engine: Of the CHRONOS database.
        airflow: Of Airflow's; default: the one that this installation is configured for.
    """

    def __init__(self, engine: Engine, spool: Spool, airflow: Engine | None = None) -> None:
        self.engine = engine
        self.spool = spool
        self._airflow = airflow

    def reconcile(self, now: datetime.datetime | None = None) -> Repaired:
        """Compare what has ended since the last time; hand over what the history lacks."""
        moment = now or datetime.datetime.now(datetime.UTC)
        with reading(self.engine) as connection:
            last = lists.counter(connection, _WATERMARK)
        since = datetime.datetime.fromtimestamp(max(0, last - LOOK_BACK), datetime.UTC)
        until = moment - datetime.timedelta(seconds=GRACE)
        with self._connection() as airflow:
            ours = _chronos_dags(airflow)
            instances = list(_instances(airflow, ours, since, until))
            workflows = list(_workflows(airflow, ours, since, until))
        runs = self._lacking(instances)
        ended = self._lacking(workflows)
        for made in (*runs, *ended):
            self.spool.append(made)
        with writing(self.engine) as connection:
            _count(connection, "repaired_runs", len(runs))
            _count(connection, "repaired_workflows", len(ended))
            lists.set_counter(connection, _WATERMARK, int(until.timestamp()))
        if runs or ended:
            log.warning(
                "the history lacked %d executions and the end of %d workflow runs: repaired",
                len(runs),
                len(ended),
            )
        return Repaired(len(instances) + len(workflows), len(runs), len(ended))

    def _connection(self) -> Any:
        if self._airflow is None:
            from airflow.configuration import conf

            from chronos_plugin.db.engine import make_engine

            self._airflow = make_engine(conf.get("database", "sql_alchemy_conn"))
        return reading(self._airflow)

    def _lacking(self, records: list[Record]) -> list[Record]:
        """Return the records of runs that the history does not have, or has as not ended."""
        known: dict[UUID, RunState] = {}
        with reading(self.engine) as connection:
            for start in range(0, len(records), 500):
                ids = [r.run.id for r in records[start : start + 500]]
                known.update(_states_of(connection, ids))
        return [r for r in records if not known.get(r.run.id, RunState.UNKNOWN).final]


def _states_of(connection: Connection, ids: list[UUID]) -> Iterable[tuple[UUID, RunState]]:
    """Yield the states of the runs that are known, and of those of which parts are."""
    from sqlalchemy import select

    key, run = tables.run_key, tables.run
    statement = select(run.c.uuid, run.c.state).join(key, key.c.number == run.c.number)
    for row in connection.execute(statement.where(key.c.uuid.in_(ids))):
        yield row.uuid, RunState(row.state)


def _chronos_dags(airflow: Connection) -> list[str]:
    """Return the DAGs that were made from CWL documents."""
    rows = airflow.execute(text("SELECT dag_id FROM dag WHERE fileloc LIKE '%.cwl'"))
    return [row[0] for row in rows]


_INSTANCES = """
    SELECT ti.{identity} AS id, ti.dag_id, ti.task_id, ti.run_id, ti.map_index, ti.try_number, ti.state,
           ti.start_date, ti.end_date, ti.hostname, r.run_after
    FROM {table} ti JOIN dag_run r ON r.dag_id = ti.dag_id AND r.run_id = ti.run_id
    WHERE ti.dag_id = :dag AND ti.end_date >= :since AND ti.end_date < :until
      AND ti.state IN ('success', 'failed', 'skipped', 'removed') AND ti.operator = 'CwlStepOperator'
    ORDER BY ti.end_date LIMIT :most
"""


def _instances(
    airflow: Connection, dags: list[str], since: datetime.datetime, until: datetime.datetime
) -> Iterable[Record]:
    bounds = {"since": _bound(airflow, since), "until": _bound(airflow, until), "most": _AT_ONCE}
    for table, identity in (("task_instance", "id"), ("task_instance_history", "task_instance_id")):
        statement = text(_INSTANCES.format(table=table, identity=identity))
        for dag in dags:
            for row in airflow.execute(statement, {"dag": dag, **bounds}):
                # What was skipped with its group never began.
                if row.state == "failed" or row.start_date is not None:
                    yield _instance(row._mapping)


def _instance(row: Mapping[Any, Any]) -> Record:
    parent = run_id(_aware(row["run_after"]), "airflow", row["dag_id"], row["run_id"])
    ended = _aware(row["end_date"])
    made = Run(
        id=UUID(str(row["id"])),
        parent=parent,
        job=Job(
            "airflow",
            f"{row['dag_id']}.{row['task_id']}",
            kind=JobKind.STEP,
            workflow=row["dag_id"],
            step=str(row["task_id"]).replace(".", "/"),
        ),
        state=_STATES[row["state"]],
        started=_aware(row["start_date"]) if row["start_date"] else ended,
        ended=ended,
        attempt=row["try_number"],
        map_index=row["map_index"],
        node=row["hostname"] or "",
        error="the task ended without a word: killed, or its machine failed"
        if row["state"] == "failed"
        else "",
        facets={"reconciled": True},
    )
    return Record(made, (), ())


_WORKFLOWS = """
    SELECT dag_id, run_id, state, run_after, start_date, end_date FROM dag_run
    WHERE dag_id = :dag AND end_date >= :since AND end_date < :until AND state IN ('success', 'failed')
    ORDER BY end_date LIMIT :most
"""


def _workflows(
    airflow: Connection, dags: list[str], since: datetime.datetime, until: datetime.datetime
) -> Iterable[Record]:
    bounds = {"since": _bound(airflow, since), "until": _bound(airflow, until), "most": _AT_ONCE}
    for dag in dags:
        for row in airflow.execute(text(_WORKFLOWS), {"dag": dag, **bounds}):
            ended = _aware(row.end_date)
            made = Run(
                id=run_id(_aware(row.run_after), "airflow", row.dag_id, row.run_id),
                job=Job("airflow", row.dag_id, kind=JobKind.WORKFLOW, workflow=row.dag_id),
                state=_STATES[row.state],
                started=_aware(row.start_date) if row.start_date else ended,
                ended=ended,
                error="a step failed" if row.state == "failed" else "",
                facets={"airflow": {"dag_id": row.dag_id, "run_id": row.run_id}, "reconciled": True},
            )
            yield Record(made, (), ())


def _bound(airflow: Connection, moment: datetime.datetime) -> Any:
    # Airflow's SQLite has times as texts without a zone.
    return moment if airflow.dialect.name == "postgresql" else moment.strftime("%Y-%m-%d %H:%M:%S.%f")


def _aware(value: Any) -> datetime.datetime:
    moment = datetime.datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)


def _count(connection: Connection, name: str, more: int) -> None:
    if more:
        lists.set_counter(connection, name, lists.counter(connection, name) + more)
