"""The routes of WES 1.1."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, File, Form, HTTPException, Path, Query, Request, UploadFile

from chronos_plugin import __version__, settings
from chronos_plugin.api import cursors
from chronos_plugin.api.authz import (
    ReadableDep,
    check_deploying,
    check_reading,
    check_starting,
    check_steering,
    requires,
)
from chronos_plugin.api.v1.asking import history
from chronos_plugin.api.v1.workflows import MAX_ARCHIVE
from chronos_plugin.api.wes import looking, models, submission
from chronos_plugin.errors import NotKnown
from chronos_plugin.permissions import Permission

router = APIRouter(tags=["GA4GH WES"])

_RUN = "/runs/{run_id}"
RunId = Annotated[str, Path(max_length=1000)]
PageSize = Annotated[int, Query(ge=1, le=1000)]
PageToken = Annotated[str, Query(max_length=200)]
Text = Annotated[str, Form()]
_RESPONSE: Any = {"response_model_exclude_none": True}


@router.get(
    "/service-info",
    operation_id="GetServiceInfo",
    dependencies=[Depends(requires(Permission.WORKFLOWS))],
    **_RESPONSE,
)
def service_info(request: Request, may: ReadableDep) -> models.ServiceInfo:
    """Say what the service can do, and how many runs it has by state."""
    from chronos_plugin.rendering import dag_runs

    base = _base(request)
    counts = dag_runs.count_by_state(may.workflows)
    names = {"queued": "QUEUED", "running": "RUNNING", "success": "COMPLETE", "failed": "EXECUTOR_ERROR"}
    return models.ServiceInfo(
        id="org.chronos.wes",
        name="CHRONOS",
        description="CWL workflows on Apache Airflow",
        organization=models.Organization(name="CHRONOS", url=base),
        version=__version__,
        workflow_type_versions={
            "CWL": models.WorkflowTypeVersion(workflow_type_version=list(submission.VERSIONS))
        },
        supported_wes_versions=["1.0.0", "1.1.0"],
        supported_filesystem_protocols=["file", "http", "https", "s3", "gs", "root"],
        workflow_engine_versions={
            submission.ENGINE: models.WorkflowEngineVersion(workflow_engine_version=[__version__])
        },
        default_workflow_engine_parameters=[],
        system_state_counts={names[state]: count for state, count in counts.items() if state in names},
        auth_instructions_url=str(request.base_url.replace(path="/auth/token")),
        tags={},
    )


@router.get("/runs", operation_id="ListRuns", dependencies=[Depends(requires(Permission.RUNS))], **_RESPONSE)
def list_runs(
    may: ReadableDep, page_size: PageSize = 50, page_token: PageToken = ""
) -> models.RunListResponse:
    """List the runs of CWL workflows that Airflow has, the youngest first."""
    from chronos_plugin.rendering import dag_runs

    configured = settings.load()
    before = cursors.decoded("wes", page_token)
    runs, following = dag_runs.page(
        may.workflows, configured, limit=page_size, before=int(before) if before else None
    )
    return models.RunListResponse(
        runs=[looking.summary(run, configured) for run in runs],
        next_page_token=cursors.encoded("wes", following) or "",
    )


@router.post("/runs", operation_id="RunWorkflow")
def run_workflow(
    user: Annotated[Any, Depends(requires(Permission.WORKFLOWS, "POST"))],
    workflow_type: Annotated[str, Form(examples=["CWL"])],
    workflow_type_version: Annotated[str, Form(examples=["v1.2"])],
    workflow_url: Annotated[str, Form(examples=["main.cwl"])],
    workflow_params: Text = "{}",
    tags: Text = "{}",
    workflow_engine: Text = "",
    workflow_engine_version: Text = "",
    workflow_engine_parameters: Text = "{}",
    workflow_attachment: Annotated[list[UploadFile] | None, File()] = None,
) -> models.RunId:
    """Start a run of a workflow: an attachment, a URL, or the name of one that is deployed.

    A document that is new is a DAG first, which takes a second or two. Attachments and URLs take the right
    to deploy.
    """
    form = {
        "workflow_type": workflow_type,
        "workflow_type_version": workflow_type_version,
        "workflow_url": workflow_url,
        "workflow_params": workflow_params,
        "tags": tags,
        "workflow_engine": workflow_engine,
        "workflow_engine_version": workflow_engine_version,
        "workflow_engine_parameters": workflow_engine_parameters,
    }
    asked = submission.submission(form, _contents(workflow_attachment or []))
    if asked.deployed:
        check_starting(asked.deployed, user)
    else:
        check_deploying(user)
    started = submission.submit(asked, settings.load(), user.get_name())
    return models.RunId(run_id=submission.run_id_of(started))


@router.get(_RUN, operation_id="GetRunLog", dependencies=[Depends(requires(Permission.RUNS))], **_RESPONSE)
def run_log(run_id: RunId, request: Request, may: ReadableDep) -> models.RunLog:
    """Return all that is known of a run."""
    url = str(request.url.replace(query="", fragment=""))
    return looking.run_log(_run(run_id, may.user), settings.load(), url)


@router.get(f"{_RUN}/status", operation_id="GetRunStatus", dependencies=[Depends(requires(Permission.RUNS))])
def run_status(run_id: RunId, may: ReadableDep) -> models.RunStatus:
    """Return the state of a run."""
    return models.RunStatus(run_id=run_id, state=looking.state(_run(run_id, may.user), settings.load()))


@router.get(
    f"{_RUN}/tasks",
    operation_id="ListTasks",
    dependencies=[Depends(requires(Permission.RUNS))],
    **_RESPONSE,
)
def list_tasks(
    run_id: RunId, request: Request, may: ReadableDep, page_size: PageSize = 50, page_token: PageToken = ""
) -> models.TaskListResponse:
    """List the executions that a run consists of, once they have ended."""
    found, following = looking.tasks(
        _run(run_id, may.user),
        _base(request),
        limit=page_size,
        cursor=cursors.decoded("wes-tasks", page_token),
    )
    return models.TaskListResponse(
        task_logs=found, next_page_token=cursors.encoded("wes-tasks", following) or ""
    )


@router.get(
    f"{_RUN}/tasks/{{task_id}}",
    operation_id="GetTask",
    dependencies=[Depends(requires(Permission.RUNS))],
    **_RESPONSE,
)
def get_task(
    run_id: RunId, task_id: Annotated[str, Path(max_length=100)], request: Request, may: ReadableDep
) -> models.TaskLog:
    """Return one execution of a run, with its command."""
    run = _run(run_id, may.user)
    try:
        found = history().run(UUID(task_id))
    except ValueError as error:
        raise NotKnown(f"there is no task {task_id}") from error
    if found.parent != run.id:
        raise NotKnown(f"there is no task {task_id} in run {run_id}")
    return looking.task(run, found, _base(request))


@router.post(f"{_RUN}/cancel", operation_id="CancelRun")
def cancel(run_id: RunId, user: Annotated[Any, Depends(requires(Permission.RUNS, "PUT"))]) -> models.RunId:
    """End a run and its tools."""
    from chronos_plugin.rendering import dag_runs

    dag_id, dag_run_id = submission.ids_of(run_id)
    check_steering(dag_id, user)
    dag_runs.cancel(dag_id, dag_run_id, settings.load(), user=user.get_name())
    return models.RunId(run_id=run_id)


def _run(run_id: str, user: Any) -> Any:
    from chronos_plugin.rendering import dag_runs

    dag_id, dag_run_id = submission.ids_of(run_id)
    check_reading(dag_id, user)
    return dag_runs.look(dag_id, dag_run_id, settings.load())


def _base(request: Request) -> str:
    """Return the URL under which CHRONOS is, without a slash at its end."""
    return f"{request.url.scheme}://{request.url.netloc}{request.scope.get('root_path', '')}"


def _contents(attachments: list[UploadFile]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    room = MAX_ARCHIVE
    for one in attachments:
        name = (one.filename or "").removeprefix("./")
        if not name or name in found:
            raise HTTPException(400, "workflow_attachment: each one has a filename of its own")
        found[name] = one.file.read(room + 1)
        room -= len(found[name])
        if room < 0:
            raise HTTPException(413, f"the attachments are larger than {MAX_ARCHIVE >> 20} MiB")
    return found
