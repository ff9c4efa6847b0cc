"""Deploying CWL documents."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Depends, HTTPException, Query
from pydantic import BaseModel

from chronos_plugin import settings
from chronos_plugin.api.authz import may_deploy
from chronos_plugin.rendering import deployment

router = APIRouter(tags=["workflows"])
MAX_ARCHIVE = 64 << 20
_NAME = r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}$"


class Deployed(BaseModel):
    """What became of a deployed document."""

    dag_id: str
    digest: str
    cwl_version: str
    process_class: str
    tasks: int
    created: bool


@router.put("/workflows/{name}", dependencies=[Depends(may_deploy)])
def deploy(
    name: str,
    archive: Annotated[bytes, Body(media_type="application/zip")],
    root: Annotated[str, Query(description="Path of the root document inside the archive")],
    fragment: Annotated[str, Query(description="Id of the process in a $graph document")] = "",
    dry_run: Annotated[bool, Query(description="Validate, and change nothing")] = False,
) -> Deployed:
    """Put a CWL document with all that it includes (a zip archive) into the DAG bundle.

    The DAG ``name`` is ready a second or two later; the same document deployed again changes nothing.
    """
    import re

    if not re.match(_NAME, name):
        raise HTTPException(422, f"name {name!r}: use letters, digits, dot, dash and underscore")
    if len(archive) > MAX_ARCHIVE:
        raise HTTPException(413, f"the archive is larger than {MAX_ARCHIVE >> 20} MiB")
    configured = settings.load()
    result = deployment.deploy(name, archive, root, fragment, configured, dry_run=dry_run)
    if not dry_run:
        deployment.request_parsing(result, configured)
    graph = result.document.graph
    return Deployed(
        dag_id=name,
        digest=result.document.digest,
        cwl_version=graph.cwl_version,
        process_class=graph.process_class,
        tasks=len(graph.tasks),
        created=result.created,
    )


@router.delete("/workflows/{name}", dependencies=[Depends(may_deploy)], status_code=204)
def withdraw(name: str) -> None:
    """Take a deployed document out of the bundle; its runs and outputs stay."""
    if not deployment.withdraw(name, settings.load()):
        raise HTTPException(404, f"no deployed workflow is named {name}")
