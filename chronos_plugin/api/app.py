"""The FastAPI application under ``/chronos``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import Depends, FastAPI, Request

from chronos_plugin import __version__
from chronos_plugin.api import problems, schema
from chronos_plugin.api.authz import logged_in
from chronos_plugin.api.etags import EntityTags
from chronos_plugin.api.v1 import (
    actions,
    centre,
    dag_runs,
    datasets,
    export,
    lineage,
    logs,
    openlineage,
    run_files,
    runs,
    workflows,
)
from chronos_plugin.api.wes import routes as wes
from chronos_plugin.rendering import preload

PREFIX = "/api/v1"
_PRELOAD_AFTER = 0.5
"""Seconds after the start: Airflow's server is ready by then, and answers the first health checks."""
# Paths of words before those with an id in their place.
_ROUTERS = (
    actions,
    export,
    runs,
    datasets,
    lineage,
    openlineage,
    workflows,
    dag_runs,
    run_files,
    logs,
    centre,
)


def create_app() -> FastAPI:
    """Build the application; every route refuses the anonymous."""
    app = FastAPI(
        title="CHRONOS",
        version=__version__,
        description=schema.DESCRIPTION,
        openapi_tags=schema.TAGS,
        # Airflow mounts plugins' applications unguarded, and FastAPI's own pages know no dependencies.
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        dependencies=[Depends(logged_in)],
        lifespan=_lifespan,
        responses=problems.RESPONSES,
    )
    for module in _ROUTERS:
        app.include_router(module.router, prefix=PREFIX)
    app.include_router(wes.router, prefix=problems.WES_PREFIX)
    problems.install(app)
    app.add_middleware(EntityTags)

    @app.get(f"{PREFIX}/openapi.json", include_in_schema=False)
    def openapi(request: Request) -> dict[str, Any]:
        return schema.of(app, request.scope.get("root_path", ""))

    @app.get(f"{PREFIX}/version", operation_id="get_version", tags=["version"])
    def version() -> dict[str, str]:
        """Return the version of CHRONOS."""
        return {"version": __version__}

    return app


@asynccontextmanager
async def _lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Prepare for the first deployment once the server is up (Airflow enters plugins' lifespans)."""
    pending = asyncio.get_running_loop().call_later(_PRELOAD_AFTER, preload.in_background)
    try:
        yield
    finally:
        pending.cancel()
