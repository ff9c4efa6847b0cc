"""The cloud agent over the CHRONOS database and SafeScale's clients (``airflow chronos cloud agent``)."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chronos_plugin.db.cloud import Pools, Requests
from chronos_plugin.execution.cloud.agent import Agent, Reached, pass_by
from chronos_plugin.execution.cloud.keeper import PoolKeeper
from chronos_plugin.execution.cloud.pursuit import Timing
from chronos_plugin.hooks.safescale.client import Endpoint, SafeScaleClient
from chronos_plugin.hooks.safescale.cloud import SafeScaleCloud

if TYPE_CHECKING:
    from sqlalchemy import Engine

FRESH_SECONDS = 30.0
"""How long an Airflow connection is taken for unchanged."""

KEEP_SECONDS = 90 * 86400.0
"""How long the rows of requests and jobs stay after their end."""

log = logging.getLogger("chronos.cloud")


@dataclass
class Connections:
    """Clients of the services, one a connection, opened when they are first needed.

    Attributes:
        find: Gives the endpoint of a connection's id; called in a thread, now and then: it may have changed.
    """

    find: Callable[[str], Endpoint]
    _clients: dict[str, SafeScaleClient] = field(default_factory=dict)
    _found: dict[str, tuple[float, Endpoint]] = field(default_factory=dict)

    async def connect(self, connection: str) -> SafeScaleCloud:
        """Return the cloud of a connection; ChronosError if there is none."""
        since, endpoint = self._found.get(connection, (-FRESH_SECONDS, None))
        if endpoint is None or time.monotonic() - since >= FRESH_SECONDS:
            endpoint = await asyncio.to_thread(self.find, connection)
            self._found[connection] = (time.monotonic(), endpoint)
        known = self._clients.get(connection)
        if known is None or known.endpoint != endpoint:
            # Calls in flight keep the old client, which their end lets go.
            known = self._clients[connection] = SafeScaleClient(endpoint)
        return SafeScaleCloud(known)

    async def close(self) -> None:
        """Close all clients."""
        for client in self._clients.values():
            await client.close()


@dataclass
class Housekeeper:
    """Removes rows of what ended long ago, now and then."""

    requests: Requests
    pools: Pools
    _next: float = 0.0

    async def round(self) -> None:
        """Remove them, once an hour."""
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + 3600
            before = time.time() - KEEP_SECONDS
            await asyncio.to_thread(self.requests.prune, before)
            await asyncio.to_thread(self.pools.prune, before)


async def serve(
    find: Callable[[str], Endpoint],
    *,
    engine: Engine | None = None,
    timing: Timing | None = None,
    reached: Reached = pass_by,
) -> None:
    """Run the agent until SIGTERM or SIGINT; a second signal drops the calls in flight.

    Args:
        find: Gives the endpoint of a connection's id.
        engine: Of the CHRONOS database; default: this installation's.
        timing: Pauses and limits.
        reached: Told of points that requests pass.
    """
    timing = timing or Timing()
    requests, pools, connections = Requests(engine), Pools(engine), Connections(find)
    keeper = PoolKeeper(pools, requests, connections.connect, pause=timing.poll)
    duties = (keeper, Housekeeper(requests, pools))
    holder = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
    agent = Agent(requests, connections.connect, holder, timing, duties=duties, reached=reached)
    stop = asyncio.Event()
    work = asyncio.ensure_future(agent.run(stop))

    def ask_to_stop() -> None:
        if stop.is_set():
            log.warning("dropping the calls in flight: the cloud rolls back what is half made")
            work.cancel()
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ask_to_stop)
    try:
        await work
    except asyncio.CancelledError:
        log.warning("the agent ends at once")
    finally:
        await connections.close()
