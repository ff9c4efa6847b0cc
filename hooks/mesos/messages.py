"""What a Mesos master tells a scheduler: events of the v1 scheduler API, as frozen values.

Parsing is tolerant: fields that are not known are left out, an event of an unknown type or without what
makes sense of it becomes :class:`Ignored`. Only an event that is no JSON object at all is an error.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from chronos_plugin.errors import ServiceFailed


class TaskState(StrEnum):
    """Mesos's task states (with the capability ``PARTITION_AWARE``)."""

    STAGING = "TASK_STAGING"
    STARTING = "TASK_STARTING"
    RUNNING = "TASK_RUNNING"
    KILLING = "TASK_KILLING"
    FINISHED = "TASK_FINISHED"
    FAILED = "TASK_FAILED"
    KILLED = "TASK_KILLED"
    ERROR = "TASK_ERROR"
    LOST = "TASK_LOST"
    DROPPED = "TASK_DROPPED"
    UNREACHABLE = "TASK_UNREACHABLE"
    GONE = "TASK_GONE"
    GONE_BY_OPERATOR = "TASK_GONE_BY_OPERATOR"
    UNKNOWN = "TASK_UNKNOWN"


ALIVE = (TaskState.STAGING, TaskState.STARTING, TaskState.RUNNING, TaskState.KILLING)
"""In the order in which a task goes through them."""

DOUBTFUL = frozenset({TaskState.UNREACHABLE, TaskState.UNKNOWN})
"""The master cannot say; the task may come back."""

_STATES = frozenset(state.value for state in TaskState)

TERMINAL = frozenset(TaskState) - frozenset(ALIVE) - DOUBTFUL


@dataclass(frozen=True)
class Offer:
    """An agent's offer of resources.

    Attributes:
        resources: As received; what a task takes is cut from them, so that reservations stay theirs.
        agent_url: Base URL of the agent's HTTP API; empty where the offer names none.
    """

    id: str
    agent_id: str
    hostname: str = ""
    agent_url: str = ""
    resources: tuple[Mapping[str, Any], ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class TaskStatus:
    """A task's state, from an executor (with ``uuid``, to be acknowledged) or from the master.

    Attributes:
        uuid: As received (Base64); None: nothing is to be acknowledged.
        timestamp: Seconds since the epoch; None where not given.
    """

    task_id: str
    state: TaskState
    agent_id: str | None = None
    uuid: str | None = None
    message: str = ""
    reason: str = ""
    source: str = ""
    timestamp: float | None = None
    container_id: str = ""


@dataclass(frozen=True)
class Subscribed:
    """The subscription holds.

    Attributes:
        master_id: Of the master process: another one after its restart or a change of leader.
    """

    framework_id: str
    heartbeat_interval: float = 15.0
    master_id: str = ""
    master_version: str = ""


@dataclass(frozen=True)
class Heartbeat:
    """The master is alive."""


@dataclass(frozen=True)
class Offers:
    """New offers."""

    offers: tuple[Offer, ...]


@dataclass(frozen=True)
class Rescind:
    """An offer is no longer valid."""

    offer_id: str


@dataclass(frozen=True)
class InverseOffers:
    """The operator asks for resources back (maintenance)."""

    offer_ids: tuple[str, ...]


@dataclass(frozen=True)
class Update:
    """The state of a task."""

    status: TaskStatus


@dataclass(frozen=True)
class Failure:
    """An agent was removed, or with ``executor_id`` an executor ended."""

    agent_id: str
    executor_id: str | None = None


@dataclass(frozen=True)
class ErrorEvent:
    """The master ends the subscription."""

    message: str


@dataclass(frozen=True)
class Ignored:
    """An event that this client has no use for, or that lacks what it should say."""

    type: str
    why: str = ""


Event = Subscribed | Heartbeat | Offers | Rescind | InverseOffers | Update | Failure | ErrorEvent | Ignored


class EventInvalid(ServiceFailed):
    """Raised when a record is no JSON object."""


def parse_event(record: bytes) -> Event:
    """Parse a record of the event stream.

    Raises:
        EventInvalid: If it is no JSON object.
    """
    try:
        value = json.loads(record)
    except (ValueError, RecursionError) as error:
        raise EventInvalid(f"an event that is no JSON: {record[:80]!r}") from error
    if not isinstance(value, dict):
        raise EventInvalid(f"an event that is no JSON object: {record[:80]!r}")
    kind = _text(value.get("type"))
    parser = _PARSERS.get(kind)
    if parser is None:
        return Ignored(kind, "unknown type")
    event = parser(_mapping(value.get(kind.lower())))
    return Ignored(kind, "incomplete") if event is None else event


def _subscribed(body: Mapping[str, Any]) -> Event | None:
    framework_id = _id(body.get("framework_id"))
    if not framework_id:
        return None
    master = _mapping(body.get("master_info"))
    interval = _number(body.get("heartbeat_interval_seconds"))
    return Subscribed(
        framework_id,
        interval if interval and interval > 0 else 15.0,
        _text(master.get("id")),
        _text(master.get("version")),
    )


def _offers(body: Mapping[str, Any]) -> Event | None:
    return Offers(tuple(offer for raw in _sequence(body.get("offers")) if (offer := parse_offer(raw))))


def parse_offer(raw: Any) -> Offer | None:
    """Parse an ``Offer``; None if it has no id or no agent."""
    value = _mapping(raw)
    offer_id, agent_id = _id(value.get("id")), _id(value.get("agent_id"))
    if not offer_id or not agent_id:
        return None
    return Offer(
        offer_id,
        agent_id,
        _text(value.get("hostname")),
        _agent_url(_mapping(value.get("url"))),
        tuple(r for r in _sequence(value.get("resources")) if isinstance(r, Mapping)),
        dict(filter(None, map(_attribute, _sequence(value.get("attributes"))))),
    )


def _agent_url(url: Mapping[str, Any]) -> str:
    """Return scheme, host and port. The path of the offer (``/slave(1)``) is that of the old API."""
    address = _mapping(url.get("address"))
    host, port = _text(address.get("hostname")) or _text(address.get("ip")), _number(address.get("port"))
    if not host or port is None:
        return ""
    host = f"[{host}]" if ":" in host else host
    return f"{_text(url.get('scheme')) or 'http'}://{host}:{int(port)}"


def _attribute(raw: Any) -> tuple[str, str] | None:
    value = _mapping(raw)
    name = _text(value.get("name"))
    content = _mapping(value.get("text")) or _mapping(value.get("scalar"))
    return (name, str(content["value"])) if name and "value" in content else None


def _rescind(body: Mapping[str, Any]) -> Event | None:
    offer_id = _id(body.get("offer_id"))
    return Rescind(offer_id) if offer_id else None


def _inverse_offers(body: Mapping[str, Any]) -> Event | None:
    raw = _sequence(body.get("inverse_offers"))
    return InverseOffers(tuple(i for offer in raw if (i := _id(_mapping(offer).get("id")))))


def _update(body: Mapping[str, Any]) -> Event | None:
    status = parse_status(body.get("status"))
    return Update(status) if status else None


def parse_status(raw: Any) -> TaskStatus | None:
    """Parse a ``TaskStatus``; None if it lacks the task's id or a known state."""
    value = _mapping(raw)
    task_id, state = _id(value.get("task_id")), _text(value.get("state"))
    if not task_id or state not in _STATES:
        return None
    container = _mapping(_mapping(value.get("container_status")).get("container_id"))
    return TaskStatus(
        task_id,
        TaskState(state),
        _id(value.get("agent_id")) or None,
        _text(value.get("uuid")) or None,
        _text(value.get("message")),
        _text(value.get("reason")),
        _text(value.get("source")),
        _number(value.get("timestamp")),
        _text(container.get("value")),
    )


def _failure(body: Mapping[str, Any]) -> Event | None:
    agent_id = _id(body.get("agent_id"))
    return Failure(agent_id, _id(body.get("executor_id")) or None) if agent_id else None


def _error(body: Mapping[str, Any]) -> Event | None:
    return ErrorEvent(_text(body.get("message")))


_PARSERS = {
    "SUBSCRIBED": _subscribed,
    "HEARTBEAT": lambda _: Heartbeat(),
    "OFFERS": _offers,
    "RESCIND": _rescind,
    "INVERSE_OFFERS": _inverse_offers,
    "UPDATE": _update,
    "FAILURE": _failure,
    "ERROR": _error,
}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _sequence(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if abs(number) < float("inf") else None


def _id(value: Any) -> str:
    return _text(_mapping(value).get("value"))
