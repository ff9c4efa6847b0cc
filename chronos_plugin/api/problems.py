"""Errors as problem details (RFC 9457), whoever raises them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from chronos_plugin.errors import (
    AlreadyKnown,
    ChronosError,
    CwlError,
    InputInvalid,
    NotKnown,
    ServiceBusy,
    ServiceFailed,
)

if TYPE_CHECKING:
    from fastapi import FastAPI, Request

log = logging.getLogger("chronos.api")

MEDIA_TYPE = "application/problem+json"
WES_PREFIX = "/ga4gh/wes/v1"
_STATUS: tuple[tuple[type[ChronosError], int], ...] = (
    (CwlError, 422),
    (NotKnown, 404),
    (AlreadyKnown, 409),
    (InputInvalid, 422),
    (ServiceBusy, 503),
    (ServiceFailed, 502),
)
_RETRY_AFTER = "5"
_TITLES = {
    400: "Bad request",
    401: "Not logged in",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    413: "Too large",
    415: "Unsupported media type",
    422: "Invalid request",
    500: "Internal error",
}


class Wrong(BaseModel):
    """One value of a request that does not fit."""

    location: str = Field(description="Where it stands: body, query or path, and its name")
    message: str


class Problem(BaseModel):
    """Problem details by RFC 9457."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"type": "about:blank", "title": "NotKnown", "status": 404, "detail": "there is no run 17"}
            ]
        }
    )

    type: str = Field(default="about:blank", description="about:blank: the title says it")
    title: str
    status: int
    detail: str = Field(default="", description="What is wrong, and what to do")
    errors: list[Wrong] | None = Field(default=None, description="The values that do not fit")
    kind: str | None = Field(default=None, description="Of errors in CWL documents: invalid or unsupported")
    message: str | None = None
    suggestion: str | None = None
    file: str | None = None
    line: int | None = None
    column: int | None = None


RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {
        "description": text,
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    for status, text in {
        401: "Not logged in",
        403: "A right is missing; the detail says which",
        404: "There is no such thing",
        422: "The request is wrong; the detail says where",
    }.items()
}
"""What routes answer beside what they are for."""


def install(app: FastAPI) -> None:
    """Let an application answer all its errors as problems."""
    app.add_exception_handler(ChronosError, _of_chronos)
    app.add_exception_handler(HTTPException, _of_http)
    app.add_exception_handler(RequestValidationError, _of_request)
    app.add_exception_handler(Exception, _unexpected)


def answer(request: Request, status: int, title: str, detail: str, **more: Any) -> JSONResponse:
    """Return a problem; to clients of WES in its words, with those of RFC 9457 beside."""
    headers = more.pop("headers", None)
    media_type = MEDIA_TYPE
    if WES_PREFIX in request.url.path:
        status = 400 if status == 422 else status
        more = {"msg": detail or title, "status_code": status, **more}
        media_type = "application/json"
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, **more}
    return JSONResponse(body, status_code=status, headers=headers, media_type=media_type)


def status_of(error: ChronosError) -> int:
    """Return the HTTP status of an error of CHRONOS."""
    return next((code for kind, code in _STATUS if isinstance(error, kind)), 500)


def _of_chronos(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ChronosError)
    status = status_of(error)
    more: dict[str, Any] = {}
    if isinstance(error, CwlError):
        location = error.location
        more = {
            "kind": error.kind,
            "message": error.message,
            "suggestion": error.suggestion,
            "file": location.file if location else None,
            "line": location.line if location else None,
            "column": location.column if location else None,
        }
    if status == 503:
        more["headers"] = {"Retry-After": _RETRY_AFTER}
    return answer(request, status, type(error).__name__, str(error), **more)


def _of_http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    title = _TITLES.get(error.status_code, "Error")
    return answer(request, error.status_code, title, str(error.detail), headers=error.headers)


def _of_request(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    wrong = [
        {
            "location": ".".join(str(part) for part in one["loc"]),
            "message": str(one["msg"]).removeprefix("Value error, "),
        }
        for one in error.errors()
    ]
    detail = "; ".join(f"{one['location']}: {one['message']}" for one in wrong)
    return answer(request, 422, _TITLES[422], detail, errors=wrong)


def _unexpected(request: Request, error: Exception) -> JSONResponse:
    # What it says may name files and addresses of the server: that is for its log.
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return answer(request, 500, _TITLES[500], f"{type(error).__name__}; the log of the API server says more")
