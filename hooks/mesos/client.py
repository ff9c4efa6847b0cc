"""Connections to Mesos masters: the leader is found and followed, the event stream read, calls sent.

The subscription holds a connection of its own; calls go over others. Nothing here decides anything: what an
event means and when to come back is said elsewhere.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx

from chronos_plugin.errors import ServiceFailed, SettingInvalid
from chronos_plugin.hooks.mesos.calls import Call, Framework, subscribe
from chronos_plugin.hooks.mesos.messages import ErrorEvent, Event, EventInvalid, Subscribed, parse_event
from chronos_plugin.hooks.mesos.recordio import Decoder

log = logging.getLogger("chronos.mesos")

SCHEDULER_API = "/api/v1/scheduler"
MISSED_HEARTBEATS = 5
_MAX_HOPS = 5
_ANSWER_SECONDS = 30.0
_TIMEOUT = httpx.Timeout(_ANSWER_SECONDS, connect=10.0)
_JSON = {"Content-Type": "application/json", "Accept": "application/json"}


class MesosFailed(ServiceFailed):
    """Raised when no master can be reached, none leads, or the connection ended."""


class CallRefused(MesosFailed):
    """Raised when a master certainly did not take a call in.

    Attributes:
        status: HTTP status; None where the call was not sent.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status

    @property
    def subscription_lost(self) -> bool:
        """Whether the master holds another subscription, or is not the one to ask: subscribe again."""
        return self.status in (307, 403) or (self.status == 400 and "stream ID" in str(self))


class NotAllowed(MesosFailed):
    """Raised when a master refuses principal or secret."""


@dataclass(frozen=True)
class Address:
    """Where the masters are, and how to log in.

    Attributes:
        masters: Base URLs; any of them may lead.
        verify: Check certificates: True, False, or a file of certificate authorities.
    """

    masters: tuple[str, ...]
    principal: str = ""
    secret: str = field(default="", repr=False)
    verify: bool | str = True

    def __post_init__(self) -> None:
        if not self.masters:
            raise SettingInvalid("no Mesos master given: write HOST:PORT, or several with commas")
        for master in self.masters:
            parts = urlsplit(master)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise SettingInvalid(
                    f"{master}: no address of a Mesos master; ZooKeeper addresses cannot be used"
                )

    def http(self) -> httpx.AsyncClient:
        """Return a client that logs in as this principal and follows no redirect by itself."""
        return httpx.AsyncClient(transport=self.transport(), headers=self.headers(), timeout=_TIMEOUT)

    def transport(self) -> httpx.AsyncHTTPTransport:
        """Return what carries requests without adding anything to them."""
        verify: bool | ssl.SSLContext = self.verify is True
        if isinstance(self.verify, str):
            verify = ssl.create_default_context(cafile=self.verify)
        limits = httpx.Limits(max_connections=64, max_keepalive_connections=32)
        return httpx.AsyncHTTPTransport(verify=verify, limits=limits, trust_env=False)

    def headers(self) -> dict[str, str]:
        """Return the headers of all requests."""
        if not self.principal:
            return dict(_JSON)
        credentials = base64.b64encode(f"{self.principal}:{self.secret}".encode()).decode()
        return {**_JSON, "Authorization": f"Basic {credentials}"}


class SchedulerClient:
    """A client of the scheduler API.

    Args:
        address: The masters.
        http: Used and not closed, where given.
        missed_heartbeats: Heartbeats without which the connection is taken for dead.
    """

    def __init__(
        self,
        address: Address,
        *,
        http: httpx.AsyncClient | None = None,
        missed_heartbeats: int = MISSED_HEARTBEATS,
    ) -> None:
        self._masters = list(address.masters)
        self._http = http or address.http()
        self._owns_http = http is None
        self._transport = address.transport()
        self._headers = address.headers()
        self._missed_heartbeats = missed_heartbeats
        self.leader: str | None = None

    async def close(self) -> None:
        """Close all connections."""
        await self._transport.aclose()
        if self._owns_http:
            await self._http.aclose()

    @asynccontextmanager
    async def subscribe(self, framework: Framework, framework_id: str | None) -> AsyncIterator[Subscription]:
        """Subscribe with the leading master; the subscription ends with the block.

        Raises:
            MesosFailed: If no master takes the subscription.
            NotAllowed: If it refuses principal or secret.
        """
        body = json.dumps(subscribe(framework, framework_id)).encode()
        response = await self._post_to_leader(SCHEDULER_API, body)
        try:
            stream_id = response.headers.get("Mesos-Stream-Id", "")
            if response.status_code != 200 or not stream_id:
                raise await _refusal(response)
            assert self.leader is not None
            headers = {**self._headers, "Mesos-Stream-Id": stream_id}
            yield Subscription(self._transport, headers, self.leader, response, self._missed_heartbeats)
        finally:
            await response.aclose()

    async def ask(self, path: str, body: Call) -> httpx.Response:
        """Post a body to the leading master and return its answer, read.

        Raises:
            MesosFailed: If no master leads.
        """
        response = await self._post_to_leader(path, json.dumps(body).encode())
        try:
            await response.aread()
        except httpx.HTTPError as error:
            raise MesosFailed(f"{response.url}: {error or type(error).__name__}") from error
        finally:
            await response.aclose()
        return response

    async def _post_to_leader(self, path: str, body: bytes) -> httpx.Response:
        """Return the answer of the master that leads, not read yet; it is remembered as the leader."""
        candidates = [
            *([self.leader] if self.leader else []),
            *(m for m in self._masters if m != self.leader),
        ]
        troubles = []
        for master in candidates:
            try:
                return await self._follow(master, path, body)
            except (httpx.HTTPError, CallRefused) as error:
                troubles.append(f"{master}: {error or type(error).__name__}")
        self.leader = None
        raise MesosFailed("no Mesos master leads: " + "; ".join(troubles))

    async def _follow(self, master: str, path: str, body: bytes) -> httpx.Response:
        for _ in range(_MAX_HOPS):
            request = self._http.build_request("POST", master + path, content=body)
            response = await self._http.send(request, stream=True)
            if response.status_code == 307:
                await response.aclose()
                master = leader_in(response.headers.get("Location", ""), master)
                continue
            if response.status_code == 503:
                await response.aclose()
                raise CallRefused("no leader at the moment (503)", 503)
            self.leader = master
            return response
        raise CallRefused(f"more than {_MAX_HOPS} redirects", 307)


class Subscription:
    """A subscription that holds: events come from it, calls belong to it."""

    def __init__(
        self,
        transport: httpx.AsyncHTTPTransport,
        headers: Mapping[str, str],
        master: str,
        response: httpx.Response,
        missed_heartbeats: int,
    ) -> None:
        self.master = master
        self._transport = transport
        self._url = httpx.URL(master + SCHEDULER_API)
        self._headers = {**headers, "Host": self._url.netloc.decode()}
        self._response = response
        self._missed_heartbeats = missed_heartbeats
        self._framework_id = ""

    async def events(self) -> AsyncIterator[Event]:
        """Yield events until the master ends the stream or is silent for too long.

        Raises:
            MesosFailed: If the connection broke, nothing came for some heartbeats, or nonsense did.
        """
        decoder = Decoder()
        pieces = self._response.aiter_raw() if _plain(self._response) else self._response.aiter_bytes()
        silence = self._missed_heartbeats * 15.0
        while True:
            try:
                async with asyncio.timeout(silence):
                    piece = await anext(pieces, None)
            except TimeoutError as error:
                raise MesosFailed(f"{self.master}: no heartbeat for {silence:g} s") from error
            except httpx.HTTPError as error:
                raise MesosFailed(f"{self.master}: {error or type(error).__name__}") from error
            if piece is None:
                return
            for record in decoder.feed(piece):
                try:
                    event = parse_event(record)
                except EventInvalid as error:
                    log.warning("%s", error)
                    continue
                if not self._framework_id and not isinstance(event, Subscribed | ErrorEvent):
                    raise MesosFailed(f"{self.master}: events without a subscription")
                if isinstance(event, Subscribed):
                    self._framework_id = event.framework_id
                    silence = self._missed_heartbeats * event.heartbeat_interval
                yield event

    async def call(self, body: Call) -> None:
        """Send a call; it is taken in when this returns, and not yet done.

        Raises:
            CallRefused: If the master certainly did not take it in.
            MesosFailed: If it is not known whether it did.
        """
        named = {**body, "framework_id": {"value": self._framework_id}}
        # The transport by itself: one call a status is the bulk of all work, and a client adds a third.
        request = httpx.Request(
            "POST",
            self._url,
            headers=self._headers,
            content=json.dumps(named).encode(),
            extensions={"timeout": _TIMEOUT.as_dict()},
        )
        try:
            response = await self._transport.handle_async_request(request)
            try:
                await response.aread()
            finally:
                await response.aclose()
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise CallRefused(f"{self.master}: {error or type(error).__name__}") from error
        except httpx.HTTPError as error:
            raise MesosFailed(f"{self.master}: {error or type(error).__name__}") from error
        if response.status_code == 202:
            return
        words = f"{self.master} answers {response.status_code}: {response.text[:500]}"
        if response.status_code >= 500 and response.status_code != 503:
            # A fault on the way, or in the midst of it.
            raise MesosFailed(words)
        raise CallRefused(words, response.status_code)


def leader_in(location: str, master: str) -> str:
    """Return the base URL in a redirect: ``//host:port/path``, ``host:port`` or a whole URL.

    The scheme stays that of ``master``: a redirect never takes the secret from TLS to plain HTTP.

    Raises:
        CallRefused: If there is none in it.
    """
    scheme = urlsplit(master).scheme
    text = location.strip()
    parts = urlsplit(text if "//" in text else f"//{text}")
    if not parts.hostname:
        raise CallRefused(f"a redirect to nowhere: {location!r}", 307)
    return f"{scheme}://{parts.netloc.rpartition('@')[2]}"


async def _refusal(response: httpx.Response) -> MesosFailed:
    try:
        text = (await response.aread()).decode(errors="replace")[:500]
    except httpx.HTTPError:
        text = ""
    where = f"{response.url} ({response.status_code}): {text}"
    if response.status_code in (401, 403):
        return NotAllowed(f"Mesos refuses principal or secret: {where}")
    return CallRefused(f"Mesos refuses the subscription: {where}", response.status_code)


def _plain(response: httpx.Response) -> bool:
    return "Content-Encoding" not in response.headers


def base_urls(hosts: str, port: int | None, scheme: str) -> tuple[str, ...]:
    """Return base URLs of masters written as ``HOST[:PORT],…``."""
    found: list[str] = []
    for host in filter(None, (part.strip() for part in hosts.split(","))):
        if "://" in host:
            found.append(host.rstrip("/"))
        else:
            bare = (host.startswith("[") and host.endswith("]")) or ":" not in host
            found.append(f"{scheme}://{host}:{port or 5050}" if bare else f"{scheme}://{host}")
    return tuple(dict.fromkeys(found))


__all__: Sequence[str] = [
    "Address",
    "CallRefused",
    "MesosFailed",
    "NotAllowed",
    "SchedulerClient",
    "Subscription",
    "base_urls",
    "leader_in",
]
