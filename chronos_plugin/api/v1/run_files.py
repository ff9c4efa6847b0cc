"""What the files of a run say: its inputs, the executions of a task instance, its products' content.

The source that the steps of a workflow stand in is here as well.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import unquote, urlsplit

from fastapi import APIRouter, Depends, Query
from fastapi.responses import FileResponse
from pydantic import BaseModel, Field

from chronos_plugin import settings
from chronos_plugin.api.authz import may_read_dag, may_read_workflow
from chronos_plugin.errors import InputInvalid, NotKnown
from chronos_plugin.execution.store import RESULT, Key, RunStore, read_json, run_folder

router = APIRouter(tags=["DAG runs"])

_PATH = "/dags/{dag_id}/runs/{run_id}"
MOST = 200
"""Executions of one task instance (a batch) that are given at once."""
MAX_SHOWN = 1 << 20
"""Bytes of a document that are given."""
MAX_PREVIEW = 32 << 20
_HARMLESS = frozenset(
    {"image/png", "image/jpeg", "image/gif", "image/webp", "application/json", "text/csv", "text/plain"}
)


class Source(BaseModel):
    """The text of a CWL document."""

    file: str
    files: list[str] = Field(description="All documents that steps of the workflow stand in")
    text: str
    cut: bool = Field(description="Whether the text is longer")


class KeyPart(BaseModel):
    """A step on the way to an execution."""

    step: str
    element: int | None = Field(description="Of its scatter; null: not scattered")


class Execution(BaseModel):
    """One execution that a task instance carries."""

    key: list[KeyPart]
    result: dict[str, Any] | None = Field(
        description="status, inputs, outputs, command, exit_code, usage, work; null while it has not ended"
    )


@router.get(
    "/workflows/{dag_id}/source",
    operation_id="get_source",
    tags=["workflows"],
    dependencies=[Depends(may_read_workflow)],
)
def source(
    dag_id: str,
    file: Annotated[
        str, Query(max_length=4096, description="As a task of the graph names it; empty: the root document")
    ] = "",
) -> Source:
    """Return the text of a workflow's document, or of one that its steps stand in."""
    from chronos_plugin.rendering import documents

    document = documents.document_of(dag_id, settings.load())
    root = document.file.name
    named = {root, *(task.file for task in document.graph.tasks if task.file)}
    if file and file not in named:
        raise NotKnown(f"no step of {dag_id} stands in {file!r}")
    with (document.file.parent / file if file else document.file).open("rb") as stream:
        text = stream.read(MAX_SHOWN + 1)
    return Source(
        file=file or root,
        files=sorted(named),
        text=text[:MAX_SHOWN].decode("utf-8", "replace"),
        cut=len(text) > MAX_SHOWN,
    )


@router.get(f"{_PATH}/inputs", operation_id="get_inputs", dependencies=[Depends(may_read_dag)])
def inputs(dag_id: str, run_id: str) -> dict[str, Any]:
    """Return the checked input object of a run; 404 while it has none."""
    value = read_json(_store(dag_id, run_id).root / "inputs.json")
    if value is None:
        raise NotKnown(f"run {run_id} of {dag_id} has no checked inputs")
    return dict(value)


@router.get(
    f"{_PATH}/tasks/{{task_id}}/executions",
    operation_id="list_task_executions",
    dependencies=[Depends(may_read_dag)],
)
def executions(
    dag_id: str,
    run_id: str,
    task_id: str,
    over: Annotated[
        str, Query(max_length=4096, description="The scatter task that it is mapped over, from the graph")
    ] = "",
    map_index: Annotated[int, Query(ge=-1, description="Of a mapped task instance")] = -1,
) -> list[Execution]:
    """Return what is kept of the executions of a task instance: command, exit code, usage, values."""
    store = _store(dag_id, run_id)
    return [
        Execution(
            key=[KeyPart(step=name, element=element) for name, element in key],
            result=store.read(key, RESULT),
        )
        for key in _keys(store, task_id, over, map_index)[:MOST]
    ]


@router.get(
    f"{_PATH}/file",
    operation_id="get_file",
    dependencies=[Depends(may_read_dag)],
    response_class=FileResponse,
    responses={200: {"content": {"application/octet-stream": {}}, "description": "The content"}},
)
def file(
    dag_id: str,
    run_id: str,
    location: Annotated[str, Query(max_length=4096, description="As an input or output of the run has it")],
) -> FileResponse:
    """Return a file that the run's inputs or outputs name, to be looked at.

    What a browser could run is sent as bytes; nothing is sent with the rights of this site.
    """
    root = _store(dag_id, run_id).root
    if not any(location == each.get("location") for each in _named(root)):
        raise NotKnown(f"neither an input nor an output of the run is {location}")
    address = urlsplit(location)
    if address.scheme != "file":
        raise InputInvalid(f"{location} is not on this site's file system")
    path = Path(unquote(address.path))
    if not path.is_file():
        raise NotKnown(f"{path} is not there any more")
    if path.stat().st_size > MAX_PREVIEW:
        raise InputInvalid(f"{path.name} is larger than {MAX_PREVIEW >> 20} MiB: read it where it lies")
    kind = mimetypes.guess_type(path.name)[0]
    return FileResponse(
        path,
        media_type=kind if kind in _HARMLESS else "application/octet-stream",
        headers={
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "private, max-age=60",
        },
    )


def _store(dag_id: str, run_id: str) -> RunStore:
    return RunStore(run_folder(settings.load().work_root, dag_id, run_id))


def _keys(store: RunStore, task_id: str, over: str, map_index: int) -> list[Key]:
    """Return the executions of a task instance; those of a scattered one were laid out."""
    if map_index < 0 or not over:
        return [tuple((name, None) for name in task_id.split("."))]
    # A scatter task's id is a file's name in the run's folder.
    if "/" in over or over.startswith("."):
        return []
    try:
        return store.batch(over, map_index)
    except (FileNotFoundError, IndexError, ValueError):
        return []


def _named(root: Path) -> Iterator[dict[str, Any]]:
    for name in ("inputs.json", "outputs.json"):
        yield from _files(read_json(root / name))


def _files(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if value.get("class") == "File":
            yield value
        for inner in value.values():
            yield from _files(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _files(inner)
