"""Acting on many runs of the history: what would be done, and doing it.

Runs of the history are executions; what is acted on are the DAG runs that they belong to, once each.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args
from uuid import UUID

from chronos_plugin.errors import ChronosError, NotKnown

if TYPE_CHECKING:
    from chronos_plugin.settings import Settings

Action = Literal["retry", "cancel", "hold", "release"]
ACTIONS: tuple[str, ...] = get_args(Action)
_FAILED = ("failed", "upstream_failed")


@dataclass(frozen=True)
class Part:
    """A task instance of a DAG run."""

    task_id: str
    map_index: int = -1


@dataclass(frozen=True)
class Subject:
    """A DAG run, or some of its task instances.

    Attributes:
        parts: None: the whole run.
        runs: Ids of the runs of the history that led to it.
    """

    dag_id: str
    run_id: str
    parts: tuple[Part, ...] | None
    runs: tuple[UUID, ...]


@dataclass(frozen=True)
class Effect:
    """What an action does, or would do.

    Attributes:
        tasks: Task instances that run again, or are ended.
        jobs: Jobs on targets that are asked.
        why: Why there is nothing to do, or what failed.
    """

    tasks: tuple[Part, ...] = ()
    jobs: tuple[str, ...] = ()
    why: str = ""
    failed: bool = field(default=False)

    @property
    def anything(self) -> bool:
        """Whether there is something to do."""
        return bool(self.tasks or self.jobs)


def subjects(places: Iterable[tuple[UUID, str, str, Part | None]]) -> list[Subject]:
    """Return what is acted on, each DAG run once.

    Args:
        places: Of runs of the history: their ids, DAG, DAG run, and task instance; None: the whole DAG run.
    """
    found: dict[tuple[str, str], tuple[dict[Part | None, None], list[UUID]]] = {}
    for identity, dag_id, run_id, part in places:
        parts, runs = found.setdefault((dag_id, run_id), ({}, []))
        parts[part] = None
        runs.append(identity)
    return [
        Subject(dag_id, run_id, None if None in parts else tuple(filter(None, parts)), tuple(runs))
        for (dag_id, run_id), (parts, runs) in found.items()
    ]


def act(action: Action, subject: Subject, configured: Settings, *, user: str, dry_run: bool) -> Effect:
    """Do an action, or say what it would do."""
    try:
        if action == "retry":
            return _retry(subject, configured, dry_run=dry_run)
        if action == "cancel":
            return _cancel(subject, configured, user=user, dry_run=dry_run)
        return _wish(action, subject, configured, user=user, dry_run=dry_run)
    except ChronosError as error:
        return Effect(why=str(error), failed=not isinstance(error, NotKnown))


def _retry(subject: Subject, configured: Settings, *, dry_run: bool) -> Effect:
    from airflow.models.dagbag import DBDagBag
    from airflow.models.taskinstance import TaskInstance, clear_task_instances
    from airflow.utils.session import create_session
    from sqlalchemy import select

    from chronos_plugin.rendering import dag_runs

    with create_session(scoped=False) as session:
        row = dag_runs.row(session, subject.dag_id, subject.run_id)
        dag = DBDagBag().get_dag_for_run(row, session=session)
        if dag is None:
            return Effect(why=f"there is no workflow {subject.dag_id}")
        wanted = select(TaskInstance).where(
            TaskInstance.dag_id == subject.dag_id,
            TaskInstance.run_id == subject.run_id,
            TaskInstance.state.in_(_FAILED),
        )
        chosen = _chosen(list(session.scalars(wanted)), subject, dag)
        if not chosen:
            return Effect(why="nothing of it has failed")
        if not dry_run:
            clear_task_instances(chosen, session)
            dag_runs.forget_cancelling(configured, subject.dag_id, subject.run_id)
        return Effect(tasks=_parts(chosen))


def _chosen(failed: list[Any], subject: Subject, dag: Any) -> list[Any]:
    """Return the failed task instances that are asked for, and those that wait for them in vain."""
    if subject.parts is None:
        return failed
    asked = [i for i in failed if Part(i.task_id, i.map_index) in subject.parts and i.state == "failed"]
    after = {
        task_id
        for name in {i.task_id for i in asked}
        if dag.has_task(name)
        for task_id in dag.get_task(name).get_flat_relative_ids(upstream=False)
    }
    return asked + [i for i in failed if i.state == "upstream_failed" and i.task_id in after]


def _cancel(subject: Subject, configured: Settings, *, user: str, dry_run: bool) -> Effect:
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from airflow.utils.state import State
    from sqlalchemy import or_, select

    from chronos_plugin.rendering import dag_runs

    if subject.parts is not None:
        return Effect(why="an execution has ended when the history knows it: cancel its workflow run")
    with create_session(scoped=False) as session:
        row = dag_runs.row(session, subject.dag_id, subject.run_id)
        if row.state in ("success", "failed"):
            return Effect(why="it has ended")
        unfinished = [state for state in State.unfinished if state is not None]
        wanted = select(TaskInstance).where(
            TaskInstance.dag_id == subject.dag_id,
            TaskInstance.run_id == subject.run_id,
            or_(TaskInstance.state.is_(None), TaskInstance.state.in_(unfinished)),
        )
        tasks = _parts(session.scalars(wanted))
    if not dry_run:
        dag_runs.cancel(subject.dag_id, subject.run_id, configured, user=user)
    return Effect(tasks=tasks)


def _wish(action: str, subject: Subject, configured: Settings, *, user: str, dry_run: bool) -> Effect:
    from chronos_plugin.execution.jobs import open_jobs_of_run

    if subject.parts is not None:
        return Effect(why="an execution has ended when the history knows it: its workflow run has the jobs")
    folders = [
        folder
        for folder in open_jobs_of_run(configured.work_root, subject.dag_id, subject.run_id)
        if folder.exit() is None
    ]
    if not folders:
        return Effect(why="no target has a job of it")
    if not dry_run:
        for folder in folders:
            folder.write_wish(action, user)
    return Effect(jobs=tuple(folder.job()[0].name for folder in folders))


def _parts(instances: Iterable[Any]) -> tuple[Part, ...]:
    found = (Part(i.task_id, i.map_index) for i in instances)
    return tuple(sorted(found, key=lambda part: (part.task_id, part.map_index)))
