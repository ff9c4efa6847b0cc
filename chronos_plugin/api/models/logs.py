"""Logs of task instances."""

from __future__ import annotations

import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Level = Literal["warning", "error"]
_LINE: dict[str, Any] = {
    "number": 5117,
    "event": "pass 17: no orbit",
    "timestamp": "2026-03-01T12:00:01Z",
    "level": "error",
    "logger": "task.stderr",
    "error": [],
}


class LogLine(BaseModel):
    """A line of a task's log."""

    number: int = Field(default=0, description="Of the line in the log, from 0")
    event: str
    timestamp: datetime.datetime | None = None
    level: str = ""
    logger: str = ""
    error: list[str] = Field(default_factory=list, description="Exceptions: type and message")


class Log(BaseModel):
    """The log of one try of a task instance, or a part of it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "dag_id": "swot_coverage",
                    "run_id": "manual__2026-03-01",
                    "task_id": "swath",
                    "map_index": 3,
                    "try_number": 1,
                    "lines": [_LINE],
                    "total": 5118,
                    "offset": 5117,
                    "size": 901232,
                    "complete": True,
                }
            ]
        }
    )

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    try_number: int
    lines: list[LogLine] = Field(
        description="Fewer than `limit` where they are long: ask on from `offset` and as many as there are"
    )
    total: int = Field(description="Lines that there are; a line is there once it has ended")
    offset: int = Field(description="Where these begin")
    size: int | None = Field(default=None, description="Bytes of the log; null: it is not in files here")
    complete: bool = Field(description="Whether the task has ended, so that no lines will follow")


class LogSearch(BaseModel):
    """Lines of a log that fit."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"hits": [_LINE], "next": 5118, "total": 9000, "complete": True}]}
    )

    hits: list[LogLine]
    next: int | None = Field(description="`offset` from which to search on; null: all was searched")
    total: int = Field(description="Lines that there are")
    complete: bool = Field(description="Whether the task has ended, so that no lines will follow")
