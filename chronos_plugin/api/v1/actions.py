"""Acting on many runs: retry, cancel, hold, release, with a preview."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, HTTPException

from chronos_plugin import settings
from chronos_plugin.api.authz import Readable, ReadableDep, check_steering, requires
from chronos_plugin.api.models import actions as models
from chronos_plugin.api.v1.asking import airflow_place, aware, history
from chronos_plugin.lineage.model import RunState
from chronos_plugin.lineage.questions import RunFilter
from chronos_plugin.permissions import Permission

if TYPE_CHECKING:
    from chronos_plugin.lineage.model import Run
    from chronos_plugin.rendering import actions

router = APIRouter(tags=["runs"], dependencies=[Depends(requires(Permission.HISTORY))])

_SHOWN = 100


@router.post("/runs/actions", operation_id="act_on_runs")
def act_on_runs(
    asked: models.Act, may: ReadableDep, user: Annotated[Any, Depends(requires(Permission.RUNS, "PUT"))]
) -> models.Actions:
    """Retry, cancel, hold or release the DAG runs of many runs; by default only say what that would do.

    `retry` lets what failed in a DAG run run again: all of it for a workflow run, and for an execution its
    task, with what waits for it in vain. `hold` and `release` ask the targets that have jobs of it.
    """
    from chronos_plugin.rendering.actions import act, subjects

    found, cut = _found(asked, may)
    places = list(_places(found))
    done = []
    configured = settings.load()
    for subject in subjects(places):
        refusal = _refusal(subject.dag_id, user)
        effect = (
            None
            if refusal
            else act(asked.action, subject, configured, user=user.get_name(), dry_run=asked.dry_run)
        )
        done.append(_acted(subject, effect, refusal, dry_run=asked.dry_run))
    return models.Actions(
        action=asked.action,
        dry_run=asked.dry_run,
        runs=len(found),
        cut=cut,
        elsewhere=len(found) - len(places),
        dag_runs=done,
    )


def _found(asked: models.Act, may: Readable) -> tuple[list[Run], bool]:
    """Return the runs that are asked for, and whether there are more."""
    if asked.runs is not None:
        return [may.run(history().run(run)) for run in dict.fromkeys(asked.runs)], False
    assert asked.query is not None
    query = asked.query
    wanted = RunFilter(
        state=RunState[query.state] if query.state else None,
        kind=query.kind or "",
        workflow=query.workflow,
        step=query.step,
        version=query.version,
        image=query.image,
        target=query.target,
        node=query.node,
        error=query.error,
        since=aware(query.since),
        until=aware(query.until),
        workflows=may.workflows,
    )
    page = history().runs(wanted, limit=asked.limit, counts=False)
    # A list has no facets, which say what a run was in Airflow.
    return [history().run(run.id) for run in page.runs], page.next is not None


def _places(runs: list[Run]) -> Iterator[tuple[UUID, str, str, actions.Part | None]]:
    from chronos_plugin.rendering.actions import Part

    for run in runs:
        place = airflow_place(run)
        if place is not None and place.run_id is not None:
            part = Part(place.task_id, place.map_index) if place.task_id else None
            yield run.id, place.dag_id, place.run_id, part


def _refusal(dag_id: str, user: Any) -> str:
    try:
        check_steering(dag_id, user)
    except HTTPException as error:
        return str(error.detail)
    return ""


def _acted(
    subject: actions.Subject, effect: actions.Effect | None, refusal: str, *, dry_run: bool
) -> models.Acted:
    if effect is None:
        return models.Acted(
            dag_id=subject.dag_id,
            run_id=subject.run_id,
            runs=list(subject.runs),
            result="refused",
            why=refusal,
        )
    return models.Acted(
        dag_id=subject.dag_id,
        run_id=subject.run_id,
        runs=list(subject.runs),
        result=_result(effect, dry_run=dry_run),
        tasks=[
            models.ActedTask(task_id=part.task_id, map_index=part.map_index) for part in effect.tasks[:_SHOWN]
        ],
        task_count=len(effect.tasks),
        jobs=list(effect.jobs[:_SHOWN]),
        job_count=len(effect.jobs),
        why=effect.why,
    )


def _result(effect: actions.Effect, *, dry_run: bool) -> Any:
    if effect.failed:
        return "failed"
    if not effect.anything:
        return "nothing"
    return "would be done" if dry_run else "done"
