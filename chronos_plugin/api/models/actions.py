"""Acting on many runs."""

from __future__ import annotations

import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from chronos_plugin.api.models.history import RUN_ID, JobKind, RunState

MOST = 1000


class RunQuery(BaseModel):
    """What runs must have, all of it, as in the list of runs."""

    model_config = ConfigDict(extra="forbid")

    state: RunState | None = None
    kind: JobKind | None = None
    workflow: str = Field(default="", max_length=4096)
    step: str = Field(default="", max_length=4096)
    version: str = Field(default="", max_length=4096)
    image: str = Field(default="", max_length=4096)
    target: str = Field(default="", max_length=4096)
    node: str = Field(default="", max_length=4096)
    error: str = Field(default="", max_length=4096)
    since: datetime.datetime | None = None
    until: datetime.datetime | None = None


class Act(BaseModel):
    """What to do with which runs: those named, or those that a query finds."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"action": "retry", "runs": [RUN_ID]},
                {"action": "retry", "query": {"state": "FAIL", "target": "hpc"}, "dry_run": False},
            ]
        },
    )

    action: Literal["retry", "cancel", "hold", "release"]
    runs: list[UUID] | None = Field(default=None, max_length=MOST, description="Ids of runs of the history")
    query: RunQuery | None = Field(default=None, description="Instead of ids")
    limit: int = Field(default=MOST, ge=1, le=MOST, description="Runs of the query at most, the youngest")
    dry_run: bool = Field(default=True, description="Only say what would be done")

    @model_validator(mode="after")
    def _one_of_both(self) -> Act:
        if (self.runs is None) == (self.query is None):
            raise ValueError("say which runs: runs, or query")
        return self


class ActedTask(BaseModel):
    """A task instance."""

    task_id: str
    map_index: int


class Acted(BaseModel):
    """What is done with a DAG run."""

    dag_id: str
    run_id: str
    runs: list[UUID] = Field(description="Runs of the history that led to it")
    result: Literal["done", "would be done", "nothing", "refused", "failed"]
    tasks: list[ActedTask] = Field(
        default_factory=list, description="Task instances that run again, or end; the first 100"
    )
    task_count: int = 0
    jobs: list[str] = Field(default_factory=list, description="Jobs on targets; the first 100")
    job_count: int = 0
    why: str = Field(default="", description="Why nothing is done")


class Actions(BaseModel):
    """What is done, or would be done."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "action": "retry",
                    "dry_run": True,
                    "runs": 1,
                    "cut": False,
                    "elsewhere": 0,
                    "dag_runs": [
                        {
                            "dag_id": "swot_coverage",
                            "run_id": "manual__2026-03-01",
                            "runs": [RUN_ID],
                            "result": "would be done",
                            "tasks": [{"task_id": "swath", "map_index": 3}],
                            "task_count": 1,
                        }
                    ],
                }
            ]
        }
    )

    action: str
    dry_run: bool
    runs: int = Field(description="Runs of the history that were asked for")
    cut: bool = Field(description="Whether the query finds more: ask again when these are done")
    elsewhere: int = Field(description="Runs of the history that are no runs of Airflow, or of none it has")
    dag_runs: list[Acted]
