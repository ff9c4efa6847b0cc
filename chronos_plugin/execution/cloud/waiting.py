"""Waiting for the end of a request, in a triggerer or a task."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from chronos_plugin.errors import ServiceFailed
from chronos_plugin.execution.cloud.model import Request, RequestState, RequestTable

NO_AGENT_SECONDS = 60.0
"""After so long in the queue it is said that no agent runs, if none does."""


async def wait_for(
    table: RequestTable, request_id: str, poll_interval: float, tell: Callable[[str], None]
) -> Request:
    """Return a request once it has ended.

    Args:
        table: Where it is; a table that does not answer is asked again.
        request_id: Its id.
        poll_interval: Seconds between two looks.
        tell: Told of changes, in a sentence.

    Raises:
        ServiceFailed: If there is no such request.
    """
    said: str | None = None
    since = time.monotonic()
    while True:
        try:
            request = await asyncio.to_thread(table.get, request_id)
        except ServiceFailed as error:
            sentence = str(error)
        else:
            if request is None:
                raise ServiceFailed(f"the CHRONOS database has no request {request_id}")
            if request.state.final:
                return request
            sentence = await asyncio.to_thread(_sentence, table, request, time.monotonic() - since)
        if sentence != said:
            tell(sentence)
            said = sentence
        await asyncio.sleep(poll_interval)


def _sentence(table: RequestTable, request: Request, waited: float) -> str:
    what = f"{request.verb} of {request.kind} {request.name}: {request.state}"
    if request.state is RequestState.QUEUED and waited >= NO_AGENT_SECONDS:
        leader = table.leader()
        if leader is None or leader[1] < time.time():
            return f"{what}; no cloud agent runs: start airflow chronos cloud agent"
    return what
