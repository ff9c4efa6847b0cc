"""Workflows: what is deployed, deploying CWL documents, starting runs."""

from __future__ import annotations

import re
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, HTTPException, Query, Request, Response

from chronos_plugin import settings
from chronos_plugin.api import cursors
from chronos_plugin.api.authz import (
    ReadableDep,
    may_deploy,
    may_read_workflow,
    may_start,
    may_withdraw,
    requires,
)
from chronos_plugin.api.models import workflows as models
from chronos_plugin.api.v1.asking import CursorText, DagId, Limit
from chronos_plugin.permissions import Permission
from chronos_plugin.rendering import deployment

router = APIRouter(tags=["workflows"])
MAX_ARCHIVE = 64 << 20
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}")


@router.get(
    "/workflows", operation_id="list_workflows", dependencies=[Depends(requires(Permission.WORKFLOWS))]
)
def list_workflows(
    may: ReadableDep,
    text: Annotated[str, Query(max_length=200, description="Part of the name or the description")] = "",
    limit: Limit = 100,
    cursor: CursorText = None,
) -> models.WorkflowPage:
    """List the DAGs that CWL documents became, by id."""
    from chronos_plugin.rendering import documents

    after = cursors.decoded("workflows", cursor) or ""
    found = documents.dags(containing=text, after=after, only=may.workflows, limit=limit + 1)
    following = found[limit - 1].dag_id if len(found) > limit else None
    return models.WorkflowPage(
        workflows=[_workflow(dag) for dag in found[:limit]], next=cursors.encoded("workflows", following)
    )


@router.get("/workflows/{dag_id}", operation_id="get_workflow", dependencies=[Depends(may_read_workflow)])
def get_workflow(dag_id: DagId) -> models.WorkflowDetail:
    """Return a workflow with its documentation, inputs (JSON Schema), outputs and graph."""
    from chronos_plugin.rendering import documents

    dag = documents.dag(dag_id)
    document = documents.document_of(dag_id, settings.load())
    graph = document.graph
    return models.WorkflowDetail(
        **_workflow(dag).model_dump(),
        doc=graph.doc,
        label=graph.label,
        version=document.digest[:16],
        cwl_version=graph.cwl_version,
        process_class=graph.process_class,
        inputs=[_parameter(p) for p in graph.inputs],
        inputs_schema=_schema(graph.inputs),
        outputs=[_parameter(p) for p in graph.outputs],
        tasks=[_task(task) for task in graph.tasks],
        groups=[
            models.GraphGroup(
                id=group.id,
                step=list(group.step),
                parent=group.parent,
                over=group.over,
                label=group.label,
                doc=group.doc,
            )
            for group in graph.groups
        ],
    )


@router.get(
    "/workflows/{dag_id}/placement",
    operation_id="explain_placement",
    dependencies=[Depends(may_read_workflow), Depends(requires(Permission.TARGETS))],
)
def explain_placement(dag_id: DagId) -> models.Placements:
    """Say where each step would run now, and by which rule."""
    from chronos_plugin.execution.foresight import foresee_now
    from chronos_plugin.rendering import documents

    configured = settings.load()
    document = documents.document_of(dag_id, configured)
    found = foresee_now(document, dag_id, configured.targets_file, configured.target_states)
    return models.Placements(
        steps=[models.Placement(step=one.step, target=one.target, why=one.why) for one in found]
    )


@router.put("/workflows/{dag_id}", operation_id="deploy_workflow", dependencies=[Depends(may_deploy)])
def deploy(
    dag_id: DagId,
    archive: Annotated[bytes, Body(media_type="application/zip")],
    root: Annotated[str, Query(description="Path of the root document inside the archive")],
    fragment: Annotated[str, Query(description="Id of the process in a $graph document")] = "",
    dry_run: Annotated[bool, Query(description="Validate, and change nothing")] = False,
) -> models.Deployed:
    """Put a CWL document with all that it includes (a zip archive) into the DAG bundle.

    The DAG is ready a second or two later; the same document deployed again changes nothing.
    """
    if not NAME.fullmatch(dag_id):
        raise HTTPException(422, f"name {dag_id!r}: use letters, digits, dot, dash and underscore")
    if len(archive) > MAX_ARCHIVE:
        raise HTTPException(413, f"the archive is larger than {MAX_ARCHIVE >> 20} MiB")
    configured = settings.load()
    result = deployment.deploy(dag_id, archive, root, fragment, configured, dry_run=dry_run)
    if not dry_run:
        deployment.request_parsing(result, configured)
    graph = result.document.graph
    return models.Deployed(
        dag_id=dag_id,
        digest=result.document.digest,
        cwl_version=graph.cwl_version,
        process_class=graph.process_class,
        tasks=len(graph.tasks),
        created=result.created,
    )


@router.delete(
    "/workflows/{dag_id}",
    operation_id="withdraw_workflow",
    dependencies=[Depends(may_withdraw)],
    status_code=204,
)
def withdraw(dag_id: DagId) -> None:
    """Take a deployed document out of the bundle; its runs and outputs stay."""
    if not deployment.withdraw(dag_id, settings.load()):
        raise HTTPException(404, f"no deployed workflow is named {dag_id}")


@router.post("/workflows/{dag_id}/runs", operation_id="start_run", status_code=201)
def start_run(
    dag_id: DagId,
    body: models.Start,
    request: Request,
    response: Response,
    user: Annotated[Any, Depends(may_start)],
) -> models.DagRun:
    """Start a run of a workflow."""
    from chronos_plugin.api.v1.dag_runs import run_model
    from chronos_plugin.rendering import dag_runs

    started = dag_runs.start(
        dag_id, body.inputs, run_id=body.run_id, user=user.get_name(), unpause=body.unpause
    )
    response.headers["Location"] = str(
        request.url_for("get_dag_run", dag_id=dag_id, run_id=started.run_id).path
    )
    return run_model(started)


def _workflow(dag: Any) -> models.Workflow:
    return models.Workflow(
        dag_id=dag.dag_id,
        description=dag.description,
        file=dag.file,
        bundle=dag.bundle,
        deployed=dag.deployed,
        paused=dag.paused,
        broken=dag.broken,
        tags=list(dag.tags),
    )


def _parameter(parameter: Any) -> models.Parameter:
    return models.Parameter(
        name=parameter.name,
        type=parameter.type,
        label=parameter.label,
        doc=parameter.doc,
        required=_required(parameter),
        default=parameter.default,
    )


def _required(parameter: Any) -> bool:
    types = parameter.schema.get("type", [])
    return (
        bool(types)
        and not parameter.has_default
        and "null" not in ([types] if isinstance(types, str) else types)
    )


def _schema(inputs: Any) -> dict[str, Any]:
    properties = {}
    for parameter in inputs:
        about = {"title": parameter.label, "description": parameter.doc}
        schema = {**parameter.schema, **{k: v for k, v in about.items() if v}}
        properties[parameter.name] = schema | (
            {"default": parameter.default} if parameter.has_default else {}
        )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": properties,
        "required": [parameter.name for parameter in inputs if _required(parameter)],
    }


def _task(task: Any) -> models.GraphTask:
    return models.GraphTask(
        id=task.id,
        kind=task.kind.value,
        step=list(task.step),
        group=task.group,
        over=task.over,
        upstream=list(task.upstream),
        label=task.label,
        doc=task.doc,
        runs=task.runs,
        target=task.execution.target,
        file=task.file,
        line=task.line,
    )
