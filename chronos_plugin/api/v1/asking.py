"""What the routes that ask the history have in common."""

from __future__ import annotations

import contextlib
import datetime
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Query

if TYPE_CHECKING:
    from chronos_plugin.api.models.history import AirflowPlace
    from chronos_plugin.db.store.history import History
    from chronos_plugin.lineage.model import Run

Limit = Annotated[int, Query(ge=1, le=1000, description="Rows at most")]
CursorText = Annotated[str | None, Query(description="`next` of the page before", max_length=200)]
Since = Annotated[
    datetime.datetime | None, Query(description="From this moment on; UTC where it has no zone")
]
Until = Annotated[datetime.datetime | None, Query(description="Before this moment")]


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
