"""The receiver of OpenLineage events: of Airflow's provider, Spark, dbt.

Their HTTP transport sends to ``URL/api/v1/lineage``: with the URL ``https://SERVER/chronos`` that is here.
"""

from __future__ import annotations

import asyncio
import json
import zlib
from typing import Any

from fastapi import APIRouter, Depends, HTTPException, Request

from chronos_plugin import settings
from chronos_plugin.api.authz import requires
from chronos_plugin.api.models.centre import Recorded
from chronos_plugin.errors import InputInvalid, ServiceBusy
from chronos_plugin.permissions import Permission

router = APIRouter(tags=["OpenLineage"], dependencies=[Depends(requires(Permission.HISTORY, "POST"))])

MAX_BODY = 16 << 20
"""Bytes of a request, unpacked."""
_EVENT = {
    "eventType": "COMPLETE",
    "eventTime": "2026-03-01T12:03:20Z",
    "run": {"runId": "01a210f5-d4fd-7a6d-a38b-7e8060278f18"},
    "job": {"namespace": "spark", "name": "mosaic"},
    "inputs": [{"namespace": "file", "name": "/data/tile_0017.nc"}],
    "outputs": [{"namespace": "s3://products", "name": "mosaic/2026-03-01.nc"}],
    "producer": "https://example.org/mosaic",
    "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
}
_JOB = {
    "type": "object",
    "required": ["namespace", "name"],
    "properties": {"namespace": {"type": "string"}, "name": {"type": "string"}},
}
_DATASETS = {"type": ["array", "null"], "items": _JOB}
_SCHEMA = {
    "type": "object",
    "description": "An event by the OpenLineage specification; this is what is read of it, with its facets",
    "required": ["eventTime", "run", "job"],
    "properties": {
        "eventType": {"enum": ["START", "RUNNING", "OTHER", "COMPLETE", "FAIL", "ABORT"]},
        "eventTime": {"type": "string", "format": "date-time"},
        "run": {
            "type": "object",
            "required": ["runId"],
            "properties": {"runId": {"type": "string", "format": "uuid"}},
        },
        "job": _JOB,
        "inputs": _DATASETS,
        "outputs": _DATASETS,
    },
}
_BODY = {
    "requestBody": {
        "required": True,
        "description": "One event or a list; `Content-Encoding: gzip` is understood",
        "content": {
            "application/json": {
                "schema": {"oneOf": [_SCHEMA, {"type": "array", "items": _SCHEMA}]},
                "examples": {"complete": {"value": _EVENT}},
            }
        },
    }
}


@router.post("/lineage", operation_id="receive_openlineage", status_code=201, openapi_extra=_BODY)
@router.post("/lineage/openlineage", operation_id="record_openlineage", status_code=201, openapi_extra=_BODY)
async def receive(request: Request) -> Recorded:
    """Record OpenLineage run events; an event that comes again changes nothing.

    They are in the history when the recorder has loaded them, a moment later. Of a list, none is recorded
    if one is wrong.
    """
    body = await _body(request)
    return await asyncio.to_thread(_record, body)


def _record(body: bytes) -> Recorded:
    from chronos_plugin.lineage.openlineage import record_of_event
    from chronos_plugin.lineage.recording import record

    events = _events(body)
    records = [record_of_event(event) for event in events]
    spool = settings.load().spool_root
    told = [made for made in records if made is not None]
    if not all(record(made, spool) for made in told):
        raise ServiceBusy("the spool of the recorder cannot be written: send the events again")
    return Recorded(recorded=len(told), without_run=len(records) - len(told))


def _events(body: bytes) -> list[dict[str, Any]]:
    try:
        value = json.loads(body)
    except ValueError as error:
        raise InputInvalid(f"not JSON: {error}") from error
    events = value if isinstance(value, list) else [value]
    for event in events:
        if not isinstance(event, dict):
            raise InputInvalid("an OpenLineage event is a JSON object")
    return events


async def _body(request: Request) -> bytes:
    packed = request.headers.get("content-encoding", "identity").lower()
    if packed not in ("identity", "gzip"):
        raise HTTPException(415, "of content encodings, gzip is understood")
    unpack = zlib.decompressobj(wbits=31) if packed == "gzip" else None
    body = bytearray()
    async for chunk in request.stream():
        try:
            body += unpack.decompress(chunk, MAX_BODY + 1 - len(body)) if unpack else chunk
        except zlib.error as error:
            raise InputInvalid(f"not gzip: {error}") from error
        if len(body) > MAX_BODY:
            raise HTTPException(413, f"the events are larger than {MAX_BODY >> 20} MiB")
    return bytes(body)
