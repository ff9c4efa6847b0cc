"""Workflows, their runs in Airflow, and the jobs of those on targets."""

from __future__ import annotations

import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

_WORKFLOW: dict[str, Any] = {
    "dag_id": "swot_coverage",
    "description": "Ground coverage of one SWOT cycle",
    "file": "swot_coverage.cwl",
    "bundle": "dags-folder",
    "deployed": False,
    "paused": False,
    "broken": False,
    "tags": ["cwl", "swot"],
}
_DETAIL: dict[str, Any] = {
    "version": "b87c752bd090cfd3",
    "cwl_version": "v1.2",
    "process_class": "Workflow",
    "inputs": [{"name": "cycle", "type": "int", "required": True}],
    "inputs_schema": {
        "type": "object",
        "properties": {"cycle": {"type": "integer"}},
        "required": ["cycle"],
    },
    "outputs": [{"name": "picture", "type": "File"}],
    "tasks": [{"id": "swath", "kind": "step", "step": ["swath"], "upstream": ["chronos.inputs"]}],
    "groups": [],
}


class Deployed(BaseModel):
    """What became of a deployed document."""

    dag_id: str
    digest: str
    cwl_version: str
    process_class: str
    tasks: int
    created: bool


class Workflow(BaseModel):
    """A DAG that a CWL document became."""

    model_config = ConfigDict(json_schema_extra={"examples": [_WORKFLOW]})

    dag_id: str
    description: str = Field(description="First line of its doc")
    file: str = Field(description="The document, relative to the bundle")
    bundle: str
    deployed: bool = Field(description="Whether it came through this API, and can be withdrawn")
    paused: bool = Field(description="Whether Airflow lets no run of it go on")
    broken: bool = Field(description="Whether its document had errors when it was read last")
    tags: list[str]


class WorkflowPage(BaseModel):
    """A page of workflows, by id."""

    workflows: list[Workflow]
    next: str | None = Field(description="`cursor` of the next page; null: this was the last one")


class Parameter(BaseModel):
    """An input or output of a workflow."""

    name: str
    type: Any = Field(description="CWL type, with short names")
    label: str | None = None
    doc: str | None = None
    required: bool = False
    default: Any = None


class GraphTask(BaseModel):
    """A task of the graph; its id is the Airflow task's."""

    id: str
    kind: Literal["inputs", "scatter", "step", "outputs"]
    step: list[str] = Field(description="Path of step names from the root workflow")
    group: str | None = None
    over: str | None = Field(default=None, description="The scatter task that says which elements exist")
    upstream: list[str]
    label: str | None = None
    doc: str | None = None
    runs: str = Field(default="", description="CWL class of what is run")
    target: str | None = Field(default=None, description="Target that the document wishes for")
    file: str | None = None
    line: int | None = None


class GraphGroup(BaseModel):
    """A subworkflow."""

    id: str
    step: list[str]
    parent: str | None = None
    over: str | None = None
    label: str | None = None
    doc: str | None = None


class WorkflowDetail(Workflow):
    """A workflow with its documentation, inputs, outputs and graph."""

    model_config = ConfigDict(json_schema_extra={"examples": [_WORKFLOW | _DETAIL]})

    doc: str | None = None
    label: str | None = None
    version: str = Field(description="Digest; the version that runs of it have in the history")
    cwl_version: str
    process_class: str
    inputs: list[Parameter]
    inputs_schema: dict[str, Any] = Field(description="JSON Schema of the input object")
    outputs: list[Parameter]
    tasks: list[GraphTask]
    groups: list[GraphGroup]


class Placement(BaseModel):
    """Where a step would run now, and why."""

    step: str
    target: str | None = Field(description="null: it is decided at run time")
    why: str


class Placements(BaseModel):
    """Where the steps of a workflow would run."""

    steps: list[Placement]


class Start(BaseModel):
    """A run to start."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"inputs": {"cycle": 5, "passes": [12, 13]}}]}
    )

    inputs: dict[str, Any] = Field(default_factory=dict, description="Input object, as CWL has it")
    run_id: str = Field(
        default="",
        max_length=200,
        pattern=r"^[A-Za-z0-9_.~:+-]*$",
        description="Id of the run; empty: a new one. The same one twice is a conflict, and no second run",
    )
    unpause: bool = Field(default=False, description="Let the runs of a paused workflow go on")


class DagRun(BaseModel):
    """A run of a workflow, as Airflow has it."""

    dag_id: str
    run_id: str
    id: UUID = Field(description="Of this run in the history, which knows it once it has begun")
    state: Literal["queued", "running", "success", "failed"]
    cancelled: bool = False
    paused: bool = False
    run_after: datetime.datetime
    started: datetime.datetime | None = None
    ended: datetime.datetime | None = None
    who: str = Field(default="", description="Who started it")
    inputs: dict[str, Any] = Field(default_factory=dict, description="Inputs as they were given")


class TargetJob(BaseModel):
    """A job of a run on a target, not concluded."""

    id: str
    name: str
    step: str = Field(description="STEP[@N][/STEP…]")
    target: str
    native_id: str | None = None
    state: str | None = Field(default=None, description="The last that the target said")
    native_state: str = ""
    reason: str = Field(default="", description="Why it waits or ended, in the target's words")
    node: str = ""
    wish: str | None = None


class TargetJobs(BaseModel):
    """The open jobs of a run."""

    jobs: list[TargetJob]


class Wish(BaseModel):
    """What is wanted of a run's jobs."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"wish": "hold", "steps": ["swath@3"]}]}
    )

    wish: Literal["hold", "release", "suspend", "resume"]
    steps: list[str] = Field(
        default_factory=list, max_length=1000, description="STEP[@N][/STEP…]; none: the whole run"
    )
