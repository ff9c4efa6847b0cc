"""The FastAPI application under ``/chronos``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse

from chronos_plugin import __version__
from chronos_plugin.api import runs, workflows
from chronos_plugin.api.authz import logged_in
from chronos_plugin.errors import (
    ChronosError,
    CwlError,
    CwlUnsupported,
    InputInvalid,
    ServiceBusy,
    ServiceFailed,
)
from chronos_plugin.rendering import preload

PREFIX = "/api/v1"
_PRELOAD_AFTER = 0.5
"""Seconds after the start: Airflow's server is ready by then, and answers the first health checks."""
_STATUS = (
    (CwlUnsupported, 422),
    (CwlError, 422),
    (InputInvalid, 422),
    (ServiceBusy, 503),
    (ServiceFailed, 502),
)
_RETRY_AFTER = "5"


def create_app() -> FastAPI:
    """Build the application; every route refuses the anonymous."""
    app = FastAPI(
        title="CHRONOS",
        version=__version__,
        # Airflow mounts plugins' applications unguarded, and FastAPI's own pages know no dependencies.
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        dependencies=[Depends(logged_in)],
        lifespan=_lifespan,
    )
    app.include_router(workflows.router, prefix=PREFIX)
    app.include_router(runs.router, prefix=PREFIX)
    app.add_exception_handler(ChronosError, _problem)

    @app.get(f"{PREFIX}/openapi.json", include_in_schema=False)
    def openapi() -> dict[str, object]:
        return app.openapi()

    @app.get(f"{PREFIX}/version")
    def version() -> dict[str, str]:
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


def _problem(_: Request, error: Exception) -> JSONResponse:
    """Answer an error as RFC 9457 problem details."""
    status = next((code for kind, code in _STATUS if isinstance(error, kind)), 500)
    body: dict[str, object] = {
        "type": "about:blank",
        "title": type(error).__name__,
        "status": status,
        "detail": str(error),
    }
    if isinstance(error, CwlError):
        location = error.location
        body.update(
            kind=error.kind,
            message=error.message,
            suggestion=error.suggestion,
            file=location.file if location else None,
            line=location.line if location else None,
            column=location.column if location else None,
        )
    headers = {"Retry-After": _RETRY_AFTER} if status == 503 else None
    return JSONResponse(body, status_code=status, headers=headers, media_type="application/problem+json")
