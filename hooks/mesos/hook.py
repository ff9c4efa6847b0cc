"""The Airflow hook for connections of the type ``chronos_mesos``."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook

from chronos_plugin.errors import ChronosError
from chronos_plugin.hooks.mesos.connection import (
    CONNECTION,
    CONNECTION_TYPE,
    DEFAULT_CONNECTION,
    MesosConnection,
    understood,
)

if TYPE_CHECKING:
    from chronos_plugin.hooks.mesos.client import Address
    from chronos_plugin.hooks.mesos.queue import TaskQueue


class MesosHook(BaseHook):
    """Gives what a connection says, and the queue of its framework.

    Args:
        mesos_conn_id: Id of the connection; it is the name of the framework in the CHRONOS database too.
    """

    conn_name_attr = "mesos_conn_id"
    default_conn_name = DEFAULT_CONNECTION
    conn_type = CONNECTION_TYPE
    hook_name = str(CONNECTION["hook-name"])

    def __init__(self, mesos_conn_id: str = DEFAULT_CONNECTION, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mesos_conn_id = mesos_conn_id

    def get_conn(self) -> MesosConnection:
        """Return what the connection says.

        Raises:
            SettingInvalid: If it cannot be understood.
        """
        return understood(self.get_connection(self.mesos_conn_id))

    def queue(self) -> TaskQueue:
        """Return the queue of the framework."""
        return queue_of(self.mesos_conn_id)

    def test_connection(self) -> tuple[bool, str]:
        """Find the leading master and try principal and secret, without subscribing."""
        try:
            address = self.get_conn().address
            return True, asyncio.run(check(address))
        except ChronosError as error:
            return False, str(error)


def queue_of(mesos_conn_id: str) -> TaskQueue:
    """Return the queue, in the CHRONOS database, of the framework of a connection."""
    from chronos_plugin.db.engine import engine
    from chronos_plugin.hooks.mesos.database import DatabaseQueue

    return DatabaseQueue(mesos_conn_id, engine)


async def check(address: Address) -> str:
    """Return a sentence about the leading master; it lets the principal in.

    A call without a subscription is sent: a master that would take it answers that the stream id is missing.

    Raises:
        MesosFailed: If no master leads, or it refuses.
    """
    from contextlib import aclosing

    from chronos_plugin.hooks.mesos.client import SCHEDULER_API, MesosFailed, NotAllowed, SchedulerClient

    async with aclosing(address.http()) as http:
        client = SchedulerClient(address, http=http)
        answer = await client.ask(SCHEDULER_API, {"type": "REVIVE", "framework_id": {"value": "none"}})
        if answer.status_code in (401, 403):
            raise NotAllowed(f"{client.leader} refuses principal or secret ({answer.status_code})")
        if answer.status_code != 400 or "Mesos-Stream-Id" not in answer.text:
            text = answer.text[:200]
            raise MesosFailed(f"{client.leader} is no Mesos master: it answers {answer.status_code} {text}")
        return f"Mesos {await _version(http, client.leader)}leads at {client.leader}"


async def _version(http: Any, master: str | None) -> str:
    import httpx

    try:
        answer = await http.get(f"{master}/version")
        return f"{answer.json()['version']} "
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return ""
