"""Logs of task instances, read as Airflow reads them: from files, workers, or a log service."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from chronos_plugin.api.models.workflows import Log, LogLine
from chronos_plugin.errors import NotKnown, ServiceFailed

_SOURCES = "::group::Log message source details"


def read_log(
    dag_id: str,
    run_id: str,
    task_id: str,
    map_index: int,
    try_number: int | None,
    *,
    offset: int,
    limit: int,
) -> Log:
    """Return lines of the log of a try.

    Raises:
        NotKnown: If Airflow has no such try: it may be pruned.
        ServiceFailed: If the deployment's log handler cannot read.
    """
    from airflow.models.dagbag import DBDagBag
    from airflow.utils.log.log_reader import TaskLogReader
    from airflow.utils.session import create_session

    reader = TaskLogReader()
    if not reader.supports_read:
        raise ServiceFailed("[logging] task_log_reader names a handler that cannot read logs")
    with create_session(scoped=False) as session:
        instance = _instance(session, dag_id, run_id, task_id, map_index, try_number)
        dag = DBDagBag().get_dag_for_run(instance.dag_run, session=session)
        if dag is not None and dag.has_task(task_id):
            instance.task = dag.get_task(task_id)
        number = try_number or max(instance.try_number, 1)
        whole: Any = {"download_logs": True}
        stream, _ = reader.read_log_chunks(instance, number, whole)
        lines = list(_lines(stream))
        ended = str(instance.state) in ("success", "failed", "skipped", "upstream_failed", "removed")
    return Log(
        dag_id=dag_id,
        run_id=run_id,
        task_id=task_id,
        map_index=map_index,
        try_number=number,
        lines=lines[offset : offset + limit],
        total=len(lines),
        offset=offset,
        complete=ended,
    )


def _instance(
    session: Any, dag_id: str, run_id: str, task_id: str, map_index: int, try_number: int | None
) -> Any:
    from airflow.models.taskinstance import TaskInstance
    from airflow.models.taskinstancehistory import TaskInstanceHistory
    from sqlalchemy import select
    from sqlalchemy.orm import joinedload

    for table in (TaskInstance, TaskInstanceHistory):
        wanted = (
            select(table)
            .where(
                table.dag_id == dag_id,
                table.run_id == run_id,
                table.task_id == task_id,
                table.map_index == map_index,
            )
            .options(joinedload(table.dag_run))
        )
        if try_number is not None:
            wanted = wanted.where(table.try_number == try_number)
        found = session.scalars(wanted.limit(1)).first()
        if found is not None:
            return found
    which = f"try {try_number} of " if try_number else ""
    raise NotKnown(f"Airflow knows no {which}{task_id} in run {run_id} of {dag_id}")


def _lines(stream: Iterable[Any]) -> Iterator[LogLine]:
    """Yield the lines of a log without what Airflow says of where it lies."""
    of_airflow = False
    for message in stream:
        line = _line(message)
        if line.event.startswith(_SOURCES):
            of_airflow = True
        elif line.event.startswith("::endgroup::"):
            of_airflow = False
        elif not of_airflow and not line.event.startswith("::group::"):
            yield line


def _line(message: Any) -> LogLine:
    value = message if isinstance(message, dict) else message.model_dump()
    event = str(value.get("event", ""))
    errors = value.get("error_detail") or []
    return LogLine(
        event=event,
        timestamp=value.get("timestamp"),
        level=str(value.get("level") or ""),
        logger=str(value.get("logger") or ""),
        error=[f"{one.get('exc_type')}: {one.get('exc_value')}" for one in errors if isinstance(one, dict)],
    )
