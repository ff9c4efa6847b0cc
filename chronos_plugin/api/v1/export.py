"""The list of runs as a file: CSV or JSON, sent as it is read."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import StreamingResponse

from chronos_plugin.api import cursors
from chronos_plugin.api.authz import ReadableDep, requires
from chronos_plugin.api.models.history import Run
from chronos_plugin.api.v1.asking import CursorText, history
from chronos_plugin.api.v1.runs import KIND, Wanted
from chronos_plugin.lineage.questions import RunFilter, RunPage
from chronos_plugin.permissions import Permission

router = APIRouter(tags=["runs"], dependencies=[Depends(requires(Permission.HISTORY))])

COLUMNS = (
    "id", "workflow", "step", "version", "image", "state", "started", "ended", "duration_seconds", "parent",
    "attempt", "map_index", "target", "node", "exit_code", "cpu_seconds", "max_rss_bytes", "wait_seconds",
    "error",
)  # fmt: skip
_PAGE = 1000
_FORMULAS = ("=", "+", "-", "@", "\t", "\r")
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The runs",
        "content": {
            "text/csv": {"schema": {"type": "string"}, "example": ",".join(COLUMNS)},
            "application/json": {"schema": {"$ref": "#/components/schemas/RunPage"}},
        },
    }
}


@router.get("/runs/export", operation_id="export_runs", responses=_ANSWERS, response_class=Response)
def export_runs(
    asked: Wanted,
    may: ReadableDep,
    format: Annotated[Literal["csv", "json"], Query(description="Of the file")] = "csv",
    limit: Annotated[int, Query(ge=1, le=1_000_000, description="Runs at most")] = 100_000,
    cursor: CursorText = None,
) -> Response:
    """Return runs that fit all that is asked for as a file, the youngest first.

    JSON ends with `next`, as a page of the list does; a CSV file of `limit` lines may be cut.
    """
    asked = dataclasses.replace(asked, workflows=may.workflows)
    pages = _pages(asked, limit, history().runs(
        asked, limit=min(limit, _PAGE), cursor=cursors.decoded(KIND, cursor), counts=False
    ))  # fmt: skip
    content = _csv(pages) if format == "csv" else _json(pages)
    return StreamingResponse(
        content,
        media_type="text/csv" if format == "csv" else "application/json",
        headers={
            "Content-Disposition": f'attachment; filename="runs.{format}"',
            "Cache-Control": "private, no-cache",
        },
    )


def _pages(asked: RunFilter, limit: int, page: RunPage) -> Iterator[RunPage]:
    """Yield the first page, which was asked for before anything is sent, and what follows it."""
    yield page
    left = limit - len(page.runs)
    while page.next and left > 0:
        page = history().runs(asked, limit=min(left, _PAGE), cursor=page.next, counts=False)
        left -= len(page.runs)
        yield page


def _csv(pages: Iterator[RunPage]) -> Iterator[bytes]:
    buffer = io.StringIO()
    lines = csv.writer(buffer, lineterminator="\r\n")
    lines.writerow(COLUMNS)
    for page in pages:
        for run in page.runs:
            value = Run.of(run).model_dump(mode="json")
            fields = {**value.pop("job"), **value}
            lines.writerow([_cell(fields[name]) for name in COLUMNS])
        yield buffer.getvalue().encode()
        buffer.seek(0)
        buffer.truncate()


def _cell(value: Any) -> Any:
    """Return a value that no spreadsheet takes for a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULAS) else value


def _json(pages: Iterator[RunPage]) -> Iterator[bytes]:
    following, separator = None, b""
    yield b'{"runs":['
    for page in pages:
        following = page.next
        for run in page.runs:
            yield separator + Run.of(run).model_dump_json().encode()
            separator = b","
    word = cursors.encoded(KIND, following)
    yield b'],"next":' + (f'"{word}"' if word else "null").encode() + b',"counts":null}'
