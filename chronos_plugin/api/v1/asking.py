"""What the routes that ask the history have in common."""

from __future__ import annotations

import contextlib
import datetime
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Path, Query
from pydantic import BeforeValidator, WithJsonSchema

if TYPE_CHECKING:
    from chronos_plugin.api.models.history import AirflowPlace
    from chronos_plugin.db.store.history import History
    from chronos_plugin.lineage.model import Run


def _written(value: Any) -> Any:
    """Refuse numbers, which pydantic would take for seconds or milliseconds."""
    if isinstance(value, str) and "-" not in value[1:]:
        raise ValueError("a date or a moment by ISO 8601, such as 2026-03-01T12:00:00Z")
    return value


_MOMENT = [{"type": "string", "format": "date-time"}, {"type": "string", "format": "date"}]
Moment = Annotated[datetime.datetime, BeforeValidator(_written), WithJsonSchema({"anyOf": _MOMENT})]
Limit = Annotated[int, Query(ge=1, le=1000, description="Rows at most")]
CursorText = Annotated[str | None, Query(description="`next` of the page before", max_length=200)]
Since = Annotated[Moment | None, Query(description="From this moment on; UTC where it has no zone")]
Until = Annotated[Moment | None, Query(description="Before this moment")]
DagId = Annotated[str, Path(max_length=250, pattern=r"^[\w.-]+$", description="Id of a DAG")]
TaskId = Annotated[str, Path(max_length=250, pattern=r"^[\w.-]+$", description="Id of a task")]
DagRunId = Annotated[str, Path(max_length=250, pattern=r"^[^\x00-\x1f/]+$", description="Id of a DAG run")]


@cache
def history() -> History:
    """Return the history of this process's database."""
    from chronos_plugin.db.store.history import History

    return History()


def aware(moment: datetime.datetime | None) -> datetime.datetime | None:
    """Return a moment with a zone."""
    return moment if moment is None or moment.tzinfo else moment.replace(tzinfo=datetime.UTC)


def airflow_place(run: Run) -> AirflowPlace | None:
    """Return what a run of the history was in Airflow; None where it was none of Airflow."""
    from chronos_plugin.api.models.history import AirflowPlace

    own: dict[str, Any] = run.facets.get("airflow") or {}
    task: dict[str, Any] = run.job.facets.get("task") or {}
    if own.get("dag_id"):
        return AirflowPlace(dag_id=own["dag_id"], run_id=own.get("run_id"), task_id=own.get("task_id"))
    if not task.get("dag_id"):
        return None
    whole: dict[str, Any] = {}
    if run.parent is not None:
        from chronos_plugin.errors import NotKnown

        # It may be archived.
        with contextlib.suppress(NotKnown):
            whole = history().run(run.parent).facets.get("airflow") or {}
    return AirflowPlace(
        dag_id=task["dag_id"],
        run_id=whole.get("run_id"),
        task_id=task.get("task_id"),
        map_index=run.map_index,
        try_number=run.attempt,
    )
