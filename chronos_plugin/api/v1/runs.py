"""Runs: lists with counts, one run, its parts, context and log, and why two differ."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from chronos_plugin.api import cursors
from chronos_plugin.api.authz import ReadableDep, requires
from chronos_plugin.api.models import history as models
from chronos_plugin.api.v1.asking import CursorText, Limit, Since, Until, airflow_place, aware, history
from chronos_plugin.lineage.model import RunState
from chronos_plugin.lineage.questions import RunFilter
from chronos_plugin.permissions import Permission

router = APIRouter(tags=["runs"], dependencies=[Depends(requires(Permission.HISTORY))])

KIND = "runs"
State = Literal["UNKNOWN", "RUNNING", "COMPLETE", "FAIL", "ABORT", "SKIPPED"]
Text = Annotated[str, Query(max_length=4096)]


def wanted(
    state: State | None = None,
    kind: models.JobKind | None = None,
    workflow: Annotated[str, Query(max_length=4096, description="Name of the workflow (DAG)")] = "",
    step: Text = "",
    version: Annotated[str, Query(max_length=4096, description="Version of the workflow or step")] = "",
    image: Text = "",
    target: Text = "",
    node: Text = "",
    error: Annotated[str, Query(max_length=4096, description="Error signature, as in the counts")] = "",
    since: Since = None,
    until: Until = None,
) -> RunFilter:
    """Return what a query asks for."""
    return RunFilter(
        state=RunState[state] if state else None,
        kind=kind or "",
        workflow=workflow,
        step=step,
        version=version,
        image=image,
        target=target,
        node=node,
        error=error,
        since=aware(since),
        until=aware(until),
    )


Wanted = Annotated[RunFilter, Depends(wanted)]


@router.get("/runs", operation_id="list_runs")
def list_runs(
    asked: Wanted,
    may: ReadableDep,
    limit: Limit = 50,
    cursor: CursorText = None,
    counts: Annotated[bool, Query(description="Count by facet, with the first page")] = False,
) -> models.RunPage:
    """List runs that fit all that is asked for, the youngest first."""
    asked = dataclasses.replace(asked, workflows=may.workflows)
    page = history().runs(asked, limit=limit, cursor=cursors.decoded(KIND, cursor), counts=counts)
    return models.RunPage(
        runs=[models.Run.of(run) for run in page.runs],
        next=cursors.encoded(KIND, page.next),
        counts=page.counts,
    )


@router.get("/runs/facets", operation_id="count_runs")
def count_runs(asked: Wanted, may: ReadableDep) -> models.RunCounts:
    """Count ended runs that fit, by facet and value: state, workflow, step, target, node, error, day."""
    counts = history().run_counts(dataclasses.replace(asked, workflows=may.workflows))
    return models.RunCounts(counts=counts)


@router.get("/runs/{run}", operation_id="get_run")
def get_run(run: UUID, may: ReadableDep) -> models.RunDetail:
    """Return a run with its inputs, outputs and facets."""
    found = may.run(history().run(run))
    return models.RunDetail.detailed(found, airflow_place(found))


@router.get("/runs/{run}/executions", operation_id="list_executions")
def list_executions(
    run: UUID, asked: Wanted, may: ReadableDep, limit: Limit = 50, cursor: CursorText = None
) -> models.RunPage:
    """List the parts of a workflow run: its steps' executions, the youngest first."""
    may.run(history().run(run))
    asked = dataclasses.replace(asked, parent=run, workflows=may.workflows)
    page = history().runs(asked, limit=limit, cursor=cursors.decoded(KIND, cursor), counts=False)
    return models.RunPage(
        runs=[models.Run.of(part) for part in page.runs], next=cursors.encoded(KIND, page.next)
    )


@router.get("/runs/{run}/parts", operation_id="count_executions")
def count_executions(run: UUID, may: ReadableDep) -> models.Parts:
    """Count the parts of a workflow run, by job and state."""
    may.run(history().run(run))
    return models.Parts(
        parts=[models.PartCount.of(part) for part in history().parts(run) if may.allows(part.job.workflow)]
    )


@router.get("/runs/{run}/diff/{other}", operation_id="diff_runs")
def diff_runs(run: UUID, other: UUID, may: ReadableDep) -> models.Differences:
    """Say why two runs differ: version, image, target, inputs, parameters, then results."""
    from chronos_plugin.lineage.compare import compare

    first, second = may.run(history().run(run)), may.run(history().run(other))
    found = [models.Difference(what=d.what, first=d.first, second=d.second) for d in compare(first, second)]
    return models.Differences(first=run, second=other, differences=found)


@router.get("/runs/{run}/context", operation_id="get_run_context")
def get_run_context(run: UUID, may: ReadableDep) -> dict[str, Any]:
    """Return with what an execution ran: command, environment, work directory, parameters, native id.

    Contexts of successful runs are kept for `context_days` days.
    """
    from chronos_plugin.errors import NotKnown

    found = may.run(history().run(run))
    context = found.facets.get("context")
    if not isinstance(context, dict):
        raise NotKnown(
            f"the history has no context of run {run}: it is dropped after some days, or never was"
        )
    return context


@router.get("/jobs", operation_id="list_jobs", tags=["jobs"])
def list_jobs(
    may: ReadableDep,
    workflow: Annotated[str, Query(max_length=4096, description="Of this workflow only")] = "",
    limit: Limit = 50,
    cursor: CursorText = None,
) -> models.JobPage:
    """List jobs, each version one, the newest first."""
    chosen = may.workflows
    if workflow:
        chosen = frozenset({workflow} if may.allows(workflow) else ())
    page = history().jobs(chosen, limit=limit, cursor=cursors.decoded("jobs", cursor))
    return models.JobPage(
        jobs=[models.JobDetail.of(job) for job in page.jobs], next=cursors.encoded("jobs", page.next)
    )
