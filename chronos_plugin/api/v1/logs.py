"""Logs of task instances: pages of lines, searching, and all of it by ranges of bytes."""

from __future__ import annotations

import re
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from fastapi.responses import StreamingResponse

from chronos_plugin.api import logs
from chronos_plugin.api.authz import may_read_logs
from chronos_plugin.api.logfiles import LogFiles
from chronos_plugin.api.models import logs as models
from chronos_plugin.api.v1.asking import DagId, DagRunId, TaskId
from chronos_plugin.errors import InputInvalid

router = APIRouter(tags=["logs"], dependencies=[Depends(may_read_logs)])

_PATH = "/dags/{dag_id}/runs/{run_id}/tasks/{task_id}/log"
_MOST = (1 << 31) - 1
"""The largest number that Airflow's tables take."""
_MOST_LINES = (1 << 53) - 1
_RAW: dict[int | str, dict[str, Any]] = {
    200: {"description": "All of it", "content": {"text/plain": {"schema": {"type": "string"}}}},
    206: {"description": "The range", "content": {"text/plain": {"schema": {"type": "string"}}}},
    416: {"description": "The log is shorter; `Content-Range` says how long it is"},
}


def _place(
    dag_id: DagId,
    run_id: DagRunId,
    task_id: TaskId,
    map_index: Annotated[int, Query(ge=-1, le=_MOST, description="Of a mapped task instance")] = -1,
    try_number: Annotated[int | None, Query(ge=1, le=_MOST, description="Default: the last try")] = None,
) -> logs.Place:
    return logs.Place(dag_id, run_id, task_id, map_index, try_number)


Place = Annotated[logs.Place, Depends(_place)]
Offset = Annotated[int, Query(ge=0, le=_MOST_LINES, description="Lines to leave out")]


@router.get(_PATH, operation_id="get_log")
def get_log(
    place: Place,
    offset: Offset = 0,
    limit: Annotated[int, Query(ge=1, le=100_000, description="Lines at most")] = 10_000,
    tail: Annotated[
        int | None, Query(ge=1, le=100_000, description="The last so many lines, instead of `offset`")
    ] = None,
) -> models.Log:
    """Return lines of the log of a try of a task instance, from wherever Airflow keeps it.

    To follow a log, ask on from where the answer before ended until it is `complete`.
    """
    return logs.read_log(place, offset=offset, limit=limit, tail=tail)


@router.get(f"{_PATH}/search", operation_id="search_log")
def search_log(
    place: Place,
    q: Annotated[
        str, Query(max_length=200, description="Text that lines contain; A to Z in either case")
    ] = "",
    level: Annotated[models.Level | None, Query(description="Of this level or a worse one")] = None,
    offset: Offset = 0,
    limit: Annotated[int, Query(ge=1, le=1000, description="Lines at most")] = 100,
) -> models.LogSearch:
    """Search a log, however large: for a text, a level, or both."""
    if not q and level is None:
        raise InputInvalid("say what to search for: q, level, or both")
    return logs.search_log(place, logs.Sought(q, level), offset=offset, limit=limit)


@router.get(f"{_PATH}/raw", operation_id="get_raw_log", responses=_RAW, response_class=Response)
def get_raw_log(request: Request, place: Place) -> Response:
    """Return the log as Airflow wrote it, JSON lines; `Range` asks for a part of it, in bytes."""
    found = logs.raw_log(place)
    name = re.sub(r"[^\w.-]", "_", f"{place.dag_id}-{place.run_id}-{place.task_id}")
    headers = {
        "Content-Disposition": f'attachment; filename="{name.encode("ascii", "replace").decode()}.log"',
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private, no-cache",
    }
    if not isinstance(found, LogFiles):
        return StreamingResponse(found, media_type="text/plain", headers=headers)
    begin, end, status = _range(request.headers.get("range", ""), found.size)
    headers |= {"Accept-Ranges": "bytes", "Content-Length": str(end - begin)}
    if status == 206:
        headers["Content-Range"] = f"bytes {begin}-{end - 1}/{found.size}"
    content = found.stretch(begin, end)
    return StreamingResponse(content, status, media_type="text/plain", headers=headers)


def _range(text: str, size: int) -> tuple[int, int, int]:
    """Return the first byte, the one after the last, and the status; what is no single range asks for all."""
    found = re.fullmatch(r"bytes=(\d{0,18})-(\d{0,18})", text.strip())
    if found is None or not (found[1] or found[2]):
        return 0, size, 200
    if found[1]:
        begin, end = int(found[1]), min(int(found[2]) + 1, size) if found[2] else size
    else:
        begin, end = max(size - int(found[2]), 0), size
    if begin >= end:
        raise HTTPException(416, f"the log has {size} bytes", headers={"Content-Range": f"bytes */{size}"})
    return begin, end, 206
