"""The Airflow hook: questions to a SafeScale service at once, changes through the cloud agent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from airflow.sdk import BaseHook

from chronos_plugin.errors import ChronosError
from chronos_plugin.execution.cloud.model import CommandResult, Request, Resource
from chronos_plugin.hooks.safescale.connection import CONNECTION_TYPE, DEFAULT_CONNECTION, endpoint_of
from chronos_plugin.hooks.safescale.kinds import check_spec, verb_of

if TYPE_CHECKING:
    from chronos_plugin.db.cloud import Requests
    from chronos_plugin.hooks.safescale.client import Endpoint
    from chronos_plugin.hooks.safescale.cloud import SafeScaleCloud

_T = TypeVar("_T")

MARGIN = 600.0
"""Seconds that a request may take beyond its call: waiting for the agent, for a rollback, for a retry."""


class SafeScaleHook(BaseHook):
    """Access to one tenant of a SafeScale service.

    What it returns holds no private keys and no passwords: they never leave the client.

    Args:
        safescale_conn_id: Id of a connection of type ``chronos_safescale``.
    """

    conn_name_attr = "safescale_conn_id"
    default_conn_name = DEFAULT_CONNECTION
    conn_type = CONNECTION_TYPE
    hook_name = "SafeScale (CHRONOS)"

    def __init__(self, safescale_conn_id: str = DEFAULT_CONNECTION) -> None:
        super().__init__()
        self.safescale_conn_id = safescale_conn_id

    def endpoint(self) -> Endpoint:
        """Return where the service is; errors as in :func:`endpoint_of`."""
        return endpoint_of(self.get_connection(self.safescale_conn_id))

    def test_connection(self) -> tuple[bool, str]:
        """Try the connection (the Test button): reflection, the tenant, one question to its cloud."""
        try:
            return True, self._ask(_try)
        except ChronosError as error:
            return False, str(error)

    def inspect(self, kind: str, name: str, spec: Mapping[str, Any] | None = None) -> Resource | None:
        """Return a resource, None if there is none."""
        return self._ask(lambda cloud: cloud.inspect(kind, name, spec))

    def list(self, kind: str) -> Sequence[Resource]:
        """Return the resources of a kind."""
        return self._ask(lambda cloud: cloud.list(kind))

    def match(self, sizing: str) -> Sequence[Mapping[str, Any]]:
        """Return the templates that a sizing fits."""
        return self._ask(lambda cloud: cloud.match(sizing))

    def check(self, kind: str, verb: str, name: str, spec: Mapping[str, Any]) -> None:
        """Check a specification, and that templates fit its sizings, before anything is made.

        Raises:
            InputInvalid, CloudFailed: As :meth:`SafeScaleCloud.check`.
        """
        self._ask(lambda cloud: cloud.check(kind, verb, name, spec))

    def run(self, host: str, command: str) -> CommandResult:
        """Run a short command, which may be run twice, on a host; 150 seconds at most."""
        return self._ask(lambda cloud: cloud.run(host, command))

    def submit(
        self,
        kind: str,
        verb: str,
        name: str,
        spec: Mapping[str, Any],
        *,
        request_id: str,
        owner: str,
        seconds: float | None = None,
        lifetime: float | None = None,
    ) -> Request:
        """Ask the cloud agent for a change; the same id is the same request, however often it is asked.

        Args:
            kind, verb, name, spec: What to do; of a command: ``host``, ``run``, the host's name.
            request_id: Unique for what is asked.
            owner: Whom a created resource belongs to.
            seconds: Deadline from now; default: the verb's, and some more.
            lifetime: Seconds after which a created resource may be reaped.

        Raises:
            InputInvalid: If the specification is wrong.
            ServiceFailed: If the CHRONOS database does not answer.
        """
        if verb in ("run", "copy"):
            usual = 3600.0
        else:
            check_spec(kind, verb, name, spec)
            usual = verb_of(kind, verb).seconds + MARGIN
        now = time.time()
        return self.requests().submit(
            Request(
                id=request_id,
                connection=self.safescale_conn_id,
                kind=kind,
                verb=verb,
                name=name,
                spec=dict(spec),
                owner=owner,
                deadline=now + (seconds or usual),
                expires=now + lifetime if lifetime else None,
                created=now,
            )
        )

    @staticmethod
    def requests() -> Requests:
        """Return the table of requests in the CHRONOS database."""
        from chronos_plugin.db.cloud import Requests

        return Requests()

    def _ask(self, question: Callable[[SafeScaleCloud], Awaitable[_T]]) -> _T:
        return asyncio.run(ask(self.endpoint(), question))


async def ask(endpoint: Endpoint, question: Callable[[SafeScaleCloud], Awaitable[_T]]) -> _T:
    """Open a client, put one question, close it."""
    from chronos_plugin.hooks.safescale.client import SafeScaleClient
    from chronos_plugin.hooks.safescale.cloud import SafeScaleCloud

    async with SafeScaleClient(endpoint) as client:
        return await question(SafeScaleCloud(client))


async def _try(cloud: SafeScaleCloud) -> str:
    tenant = cloud.client.endpoint.tenant
    listed = await cloud.client.call("TenantService", "List")
    tenants = [str(one.get("name")) for one in listed.get("tenants", ())]
    if tenant not in tenants:
        from chronos_plugin.errors import CloudFailed

        raise CloudFailed(f"no tenant {tenant!r}; the service has {', '.join(tenants)}", reason="tenant")
    hosts = await cloud.list("host")
    return f"tenant {tenant}: {len(hosts)} hosts"
