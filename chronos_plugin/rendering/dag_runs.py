"""Runs of CWL workflows in Airflow: starting, looking, cancelling.

The same as Airflow's own REST API does, without a way over the network: for processes that have access to
Airflow's database.
"""

from __future__ import annotations

import datetime
import logging
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from chronos_plugin.errors import AlreadyKnown, InputInvalid, NotKnown
from chronos_plugin.execution.store import read_json, run_folder, write_json
from chronos_plugin.operators.records import NAMESPACE, workflow_id
from chronos_plugin.rendering.dag import TAG

if TYPE_CHECKING:
    from chronos_plugin.settings import Settings

log = logging.getLogger("chronos.runs")

CANCELLED = "cancelled.json"
"""In the folder of a run that somebody cancelled: who, and when."""


@dataclass(frozen=True)
class StartedRun:
    """A DAG run.

    Attributes:
        id: Of the workflow run in the history, which knows it once it has begun.
        state: Airflow's: ``queued``, ``running``, ``success``, ``failed``.
        cancelled: Whether somebody cancelled it.
        conf: Inputs and ``cwl:requirements``, as they were given.
    """

    dag_id: str
    run_id: str
    id: UUID
    state: str
    run_after: datetime.datetime
    started: datetime.datetime | None = None
    ended: datetime.datetime | None = None
    cancelled: bool = False
    who: str = ""
    paused: bool = False
    conf: Mapping[str, Any] = field(default_factory=dict)


def start(
    dag_id: str, conf: Mapping[str, Any], *, run_id: str = "", user: str = "", unpause: bool = False
) -> StartedRun:
    """Start a run of a workflow.

    Args:
        conf: Inputs by name; ``cwl:requirements`` and other keys with a colon go along.
        run_id: Default: a new one.
        user: Who asks.
        unpause: Let the runs of a paused DAG go on.

    Raises:
        NotKnown: If there is no such workflow.
        InputInvalid: If the inputs do not fit, or the run's id is none.
        AlreadyKnown: If there is a run of this id.
    """
    from airflow.models.dag import DagModel
    from airflow.models.dagbag import DBDagBag
    from airflow.models.dagrun import DagRun
    from airflow.sdk.exceptions import AirflowException, ParamValidationError
    from airflow.utils.session import create_session
    from airflow.utils.state import DagRunState
    from airflow.utils.types import DagRunTriggeredByType, DagRunType
    from sqlalchemy import select
    from sqlalchemy.exc import IntegrityError

    moment = datetime.datetime.now(datetime.UTC)
    run_id = (
        run_id or f"api__{time.strftime('%Y-%m-%dT%H:%M:%SZ', moment.timetuple())}_{secrets.token_hex(4)}"
    )
    with create_session(scoped=False) as session:
        model = session.get(DagModel, dag_id)
        if model is None or model.is_stale:
            raise NotKnown(f"there is no workflow {dag_id}")
        if model.has_import_errors:
            raise InputInvalid(f"the document of {dag_id} has errors: see its import errors")
        dag = DBDagBag().get_latest_version_of_dag(dag_id, session=session)
        if dag is None:
            raise NotKnown(f"there is no workflow {dag_id}")
        known = select(DagRun.id).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id)
        if session.scalar(known) is not None:
            raise AlreadyKnown(f"there is a run {run_id} of {dag_id}")
        try:
            made = dag.create_dagrun(
                run_id=run_id,
                logical_date=None,
                data_interval=None,
                run_after=moment,
                conf=dict(conf),
                run_type=DagRunType.MANUAL,
                triggered_by=DagRunTriggeredByType.REST_API,
                triggering_user_name=user or None,
                state=DagRunState.QUEUED,
                session=session,
            )
            if unpause and model.is_paused:
                model.is_paused = False
            session.flush()
        except IntegrityError as error:
            raise AlreadyKnown(f"there is a run {run_id} of {dag_id}") from error
        except (ParamValidationError, ValueError, AirflowException) as error:
            raise InputInvalid(str(error)) from error
        return _seen(made, cancelled=False, paused=bool(model.is_paused))


def look(dag_id: str, run_id: str, configured: Settings) -> StartedRun:
    """Return a run.

    Raises:
        NotKnown: If there is none.
    """
    from airflow.models.dag import DagModel
    from airflow.utils.session import create_session

    with create_session(scoped=False) as session:
        found = row(session, dag_id, run_id)
        model = session.get(DagModel, dag_id)
        return _seen(
            found,
            cancelled=_was_cancelled(configured, dag_id, run_id),
            paused=bool(model and model.is_paused),
        )


def page(
    only: frozenset[str] | None, configured: Settings, *, limit: int, before: int | None = None
) -> tuple[list[StartedRun], str | None]:
    """Return runs of CWL workflows, the youngest first, and where the next page begins.

    Args:
        only: Of these DAGs; None: of all.
        before: Where the page before ended.
    """
    from airflow.models.dag import DagModel, DagTag
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import select

    wanted = (
        select(DagRun, DagModel.is_paused)
        .join(DagTag, DagTag.dag_id == DagRun.dag_id)
        .join(DagModel, DagModel.dag_id == DagRun.dag_id)
        .where(DagTag.name == TAG)
        .order_by(DagRun.id.desc())
        .limit(limit + 1)
    )
    if only is not None:
        wanted = wanted.where(DagRun.dag_id.in_(only))
    if before is not None:
        wanted = wanted.where(DagRun.id < before)
    with create_session(scoped=False) as session:
        rows = session.execute(wanted).all()
        runs = [
            _seen(row, cancelled=_was_cancelled(configured, row.dag_id, row.run_id), paused=bool(paused))
            for row, paused in rows[:limit]
        ]
        return runs, str(rows[limit - 1][0].id) if len(rows) > limit else None


def count_by_state(only: frozenset[str] | None) -> dict[str, int]:
    """Return how many runs of CWL workflows Airflow has, by its states.

    Args:
        only: Of these DAGs; None: of all.
    """
    from airflow.models.dag import DagTag
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import func, select

    wanted = (
        select(DagRun.state, func.count())
        .join(DagTag, DagTag.dag_id == DagRun.dag_id)
        .where(DagTag.name == TAG)
        .group_by(DagRun.state)
    )
    if only is not None:
        wanted = wanted.where(DagRun.dag_id.in_(only))
    with create_session(scoped=False) as session:
        return {str(state): count for state, count in session.execute(wanted)}


def cancel(dag_id: str, run_id: str, configured: Settings, *, user: str = "") -> StartedRun:
    """End a run and its tools; a run that has ended stays as it is.

    Raises:
        NotKnown: If there is none.
    """
    from airflow.api.common.mark_tasks import set_dag_run_state_to_failed
    from airflow.models.dagbag import DBDagBag
    from airflow.utils.session import create_session

    with create_session(scoped=False) as session:
        found = row(session, dag_id, run_id)
        if found.state in ("success", "failed"):
            return _seen(found, cancelled=_was_cancelled(configured, dag_id, run_id))
        dag = DBDagBag().get_dag_for_run(found, session=session)
        if dag is None:
            raise NotKnown(f"there is no workflow {dag_id}")
        folder = run_folder(configured.work_root, dag_id, run_id)
        write_json(folder / CANCELLED, {"who": user, "at": time.time()})
        set_dag_run_state_to_failed(dag=dag, run_id=run_id, commit=True, session=session)
        session.flush()
        session.refresh(found)
        ended = _seen(found, cancelled=True)
    _record(ended, configured, user)
    return ended


def _record(run: StartedRun, configured: Settings, user: str) -> None:
    """Tell the history, which else would hear of a failure from the reconciler."""
    from chronos_plugin.lineage.model import Job, JobKind, Run, RunState
    from chronos_plugin.lineage.record import Record
    from chronos_plugin.lineage.recording import record

    kept = read_json(run_folder(configured.work_root, run.dag_id, run.run_id) / "run.json") or {}
    made = Run(
        id=run.id,
        job=Job(
            NAMESPACE,
            run.dag_id,
            version=str(kept.get("document", ""))[:16],
            kind=JobKind.WORKFLOW,
            workflow=run.dag_id,
        ),
        state=RunState.ABORT,
        started=run.started or run.run_after,
        ended=datetime.datetime.now(datetime.UTC),
        facets={"airflow": {"dag_id": run.dag_id, "run_id": run.run_id}},
        error=f"cancelled by {user}" if user else "cancelled",
    )
    record(Record(made, (), ()), configured.spool_root)


def row(session: Any, dag_id: str, run_id: str) -> Any:
    """Return Airflow's row of a run.

    Raises:
        NotKnown: If there is none.
    """
    from airflow.models.dagrun import DagRun
    from sqlalchemy import select

    wanted = select(DagRun).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id)
    found = session.scalar(wanted)
    if found is None:
        raise NotKnown(f"there is no run {run_id} of {dag_id}")
    return found


def forget_cancelling(configured: Settings, dag_id: str, run_id: str) -> None:
    """Let a run that was cancelled be one that was not: it goes on."""
    (run_folder(configured.work_root, dag_id, run_id) / CANCELLED).unlink(missing_ok=True)


def _was_cancelled(configured: Settings, dag_id: str, run_id: str) -> bool:
    return (run_folder(configured.work_root, dag_id, run_id) / CANCELLED).exists()


def _seen(row: Any, *, cancelled: bool, paused: bool = False) -> StartedRun:
    return StartedRun(
        dag_id=row.dag_id,
        run_id=row.run_id,
        id=workflow_id(row.run_after, row.dag_id, row.run_id),
        state=str(row.state),
        run_after=row.run_after,
        started=row.start_date,
        ended=row.end_date,
        cancelled=cancelled,
        who=str(row.triggering_user_name or ""),
        paused=paused,
        conf=row.conf if isinstance(row.conf, dict) else {},
    )
