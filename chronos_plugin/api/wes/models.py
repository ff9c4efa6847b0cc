"""The messages of WES 1.1."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

State = Literal[
    "UNKNOWN",
    "QUEUED",
    "INITIALIZING",
    "RUNNING",
    "PAUSED",
    "COMPLETE",
    "EXECUTOR_ERROR",
    "SYSTEM_ERROR",
    "CANCELED",
    "CANCELING",
    "PREEMPTED",
]


class ErrorResponse(BaseModel):
    """An error; beside what WES has, the members of RFC 9457's problem details."""

    model_config = ConfigDict(extra="allow")

    msg: str
    status_code: int


class ServiceType(BaseModel):
    """What the service is."""

    group: str = "org.ga4gh"
    artifact: str = "wes"
    version: str = "1.1.0"


class Organization(BaseModel):
    """Who provides the service."""

    name: str
    url: str


class WorkflowTypeVersion(BaseModel):
    """Versions of a language."""

    workflow_type_version: list[str]


class WorkflowEngineVersion(BaseModel):
    """Versions of an engine."""

    workflow_engine_version: list[str]


class DefaultWorkflowEngineParameter(BaseModel):
    """A parameter of an engine, and its default."""

    name: str
    type: str
    default_value: str


class ServiceInfo(BaseModel):
    """What the service can do."""

    id: str
    name: str
    type: ServiceType = Field(default_factory=ServiceType)
    description: str
    organization: Organization
    version: str
    workflow_type_versions: dict[str, WorkflowTypeVersion]
    supported_wes_versions: list[str]
    supported_filesystem_protocols: list[str]
    workflow_engine_versions: dict[str, WorkflowEngineVersion]
    default_workflow_engine_parameters: list[DefaultWorkflowEngineParameter]
    system_state_counts: dict[str, int]
    auth_instructions_url: str
    tags: dict[str, str]


class RunId(BaseModel):
    """The id of a run."""

    run_id: str


class RunStatus(RunId):
    """The state of a run."""

    state: State


class RunSummary(RunStatus):
    """A run in a list."""

    start_time: str | None = None
    end_time: str | None = None
    tags: dict[str, str]


class RunListResponse(BaseModel):
    """A page of runs, the youngest first."""

    runs: list[RunSummary]
    next_page_token: str = Field(description="Empty: this was the last page")


class RunRequest(BaseModel):
    """What was asked for."""

    workflow_params: dict[str, Any] = Field(default_factory=dict)
    workflow_type: str
    workflow_type_version: str
    tags: dict[str, str] = Field(default_factory=dict)
    workflow_engine_parameters: dict[str, str] = Field(default_factory=dict)
    workflow_engine: str | None = None
    workflow_engine_version: str | None = None
    workflow_url: str


class Log(BaseModel):
    """What is known of a run or task."""

    name: str
    cmd: list[str] | None = None
    start_time: str | None = None
    end_time: str | None = None
    stdout: str | None = Field(default=None, description="URL of the log: both streams, as JSON")
    stderr: str | None = None
    exit_code: int | None = None
    system_logs: list[str] | None = None


class TaskLog(Log):
    """What is known of a task."""

    id: str


class TaskListResponse(BaseModel):
    """A page of tasks."""

    task_logs: list[TaskLog]
    next_page_token: str = Field(description="Empty: this was the last page")


class RunLog(BaseModel):
    """All that is known of a run."""

    run_id: str
    request: RunRequest
    state: State
    run_log: Log
    task_logs_url: str
    outputs: dict[str, Any] | None = None
