"""The production centre: targets, and what was done when."""

from __future__ import annotations

import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from chronos_plugin.api.models.history import RunState


class Bounds(BaseModel):
    """What a target takes at most; null: no bound."""

    max_in_flight: int = Field(description="Jobs submitted and not ended, for each triggerer")
    max_cores: float | None = None
    max_ram: float | None = Field(default=None, description="MiB")
    submit_rate: float = Field(description="Submissions a second")


class Target(BaseModel):
    """An execution target, and how those who watch its jobs say that it does."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "hpc",
                    "kind": "toil",
                    "description": "The Slurm cluster",
                    "bounds": {"max_in_flight": 200, "submit_rate": 20.0},
                    "breaker": "closed",
                    "in_flight": 180,
                    "waiting": 1020,
                    "waiting_seconds": 840.0,
                }
            ]
        }
    )

    name: str
    kind: str
    description: str = ""
    bounds: Bounds
    breaker: Literal["", "closed", "half-open", "open"] = Field(
        default="", description="Circuit breaker, the worst of all watchers'; empty: nobody watches it now"
    )
    error: str = Field(default="", description="The last error of the target")
    in_flight: int = 0
    waiting: int = 0
    waiting_seconds: float | None = Field(default=None, description="How long the oldest one has waited")


class Targets(BaseModel):
    """All targets of the deployment."""

    targets: list[Target]


class Bucket(BaseModel):
    """What was done in a period by one job, with one end."""

    period: datetime.datetime = Field(description="Begin of the day or hour, UTC")
    workflow: str
    step: str
    state: RunState
    runs: int
    cpu_seconds: float
    duration_seconds: float
    outputs: int
    output_bytes: int


class Activity(BaseModel):
    """What was done between two moments."""

    since: datetime.datetime
    until: datetime.datetime
    by: Literal["day", "hour"]
    buckets: list[Bucket]


class Recorded(BaseModel):
    """What became of events."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"recorded": 1, "without_run": 0}]})

    recorded: int = Field(description="Handed over to the recorder")
    without_run: int = Field(description="Job and dataset events: they tell of no run, and are left out")
