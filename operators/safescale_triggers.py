"""What the triggerer does while the cloud agent works on a request: it watches the request's row."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from chronos_plugin.errors import ServiceFailed


class SafeScaleRequestTrigger(BaseTrigger):
    """Fires when a request has ended.

    Args:
        request_id: Id of the request.
        poll_interval: Seconds between two looks.
    """

    def __init__(self, request_id: str, poll_interval: float = 5.0) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.request_id = request_id
        self.poll_interval = poll_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class's name and its arguments."""
        name = f"{type(self).__module__}.{type(self).__name__}"
        return name, {"request_id": self.request_id, "poll_interval": self.poll_interval}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event, with the request's id and last state."""
        from chronos_plugin.db.cloud import Requests
        from chronos_plugin.execution.cloud.waiting import wait_for

        def tell(text: str) -> None:
            self.log.info(text)

        request = await wait_for(Requests(), self.request_id, self.poll_interval, tell)
        yield TriggerEvent({"request_id": self.request_id, "state": str(request.state)})

    async def on_kill(self) -> None:
        """Ask the agent to end the request: what is half made is removed."""
        from chronos_plugin.db.cloud import Requests

        try:
            await asyncio.to_thread(Requests().cancel, self.request_id)
        except ServiceFailed as error:
            self.log.error("request %s was not cancelled: %s", self.request_id, error)
