"""JSON of the double's events, field by field as a Mesos 1.12.0 sends it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from chronos_plugin.hooks.mesos.double.agent import Agent, Amounts

VERSION = "1.12.0"
PORTS = {"begin": 31000, "end": 32000}
MASTER_PORT = 5050

_REQUIRED = {
    "ACCEPT": ("accept", ("offer_ids",)),
    "DECLINE": ("decline", ("offer_ids",)),
    "ACKNOWLEDGE": ("acknowledge", ("agent_id", "task_id", "uuid")),
    "KILL": ("kill", ("task_id",)),
    "RECONCILE": ("reconcile", ()),
    "REVIVE": ("", ()),
    "SUPPRESS": ("", ()),
    "TEARDOWN": ("", ()),
    "DECLINE_INVERSE_OFFERS": ("decline_inverse_offers", ("inverse_offer_ids",)),
}


def missing_field(body: Mapping[str, Any]) -> str:
    """Return the name of what a call lacks; empty if it lacks nothing."""
    kind = str(body.get("type"))
    if kind not in _REQUIRED:
        return "type"
    name, fields = _REQUIRED[kind]
    if name and not isinstance(body.get(name), Mapping):
        return name
    return next((f"{name}.{f}" for f in fields if f not in body[name]), "")


def subscribed_json(framework_id: str, master_id: str, heartbeat: float) -> dict[str, Any]:
    """Return a SUBSCRIBED event."""
    master = {
        "id": master_id,
        "ip": 16777343,
        "port": MASTER_PORT,
        "pid": f"master@127.0.0.1:{MASTER_PORT}",
        "hostname": "127.0.0.1",
        "version": VERSION,
        "address": {"hostname": "127.0.0.1", "ip": "127.0.0.1", "port": MASTER_PORT},
        "capabilities": [{"type": t} for t in ("AGENT_UPDATE", "AGENT_DRAINING", "QUOTA_V2")],
    }
    return {
        "type": "SUBSCRIBED",
        "subscribed": {
            "framework_id": {"value": framework_id},
            "heartbeat_interval_seconds": heartbeat,
            "master_info": master,
        },
    }


def offer_json(
    offer_id: str, framework_id: str, agent: Agent, resources: list[dict[str, Any]], role: str
) -> dict[str, Any]:
    """Return an ``Offer``."""
    offer: dict[str, Any] = {
        "id": {"value": offer_id},
        "framework_id": {"value": framework_id},
        "agent_id": {"value": agent.id},
        "hostname": agent.hostname,
        "url": {
            "scheme": "http",
            "address": {"hostname": agent.hostname, "ip": "127.0.0.1", "port": agent.port},
            "path": f"/slave({agent.number})",
        },
        "resources": resources,
        "allocation_info": {"role": role},
    }
    if agent.attributes:
        offer["attributes"] = [
            {"name": name, "type": "TEXT", "text": {"value": value}}
            for name, value in agent.attributes.items()
        ]
    return offer


def as_resources(amounts: Amounts, role: str) -> list[dict[str, Any]]:
    """Return ``Resource`` values."""
    found: list[dict[str, Any]] = []
    rest = {"role": "*", "allocation_info": {"role": role}}
    if amounts.get("ports"):
        found.append({"name": "ports", "type": "RANGES", "ranges": {"range": [dict(PORTS)]}, **rest})
    for name in ("cpus", "mem", "disk", "gpus"):
        if amounts.get(name):
            scalar = {"value": amounts[name] / 1000}
            found.append({"name": name, "type": "SCALAR", "scalar": scalar, **rest})
    return found


def amounts_of(resources: Iterable[Mapping[str, Any]]) -> Amounts:
    """Return what ``Resource`` values amount to."""
    amounts: Amounts = {}
    for resource in resources:
        if resource.get("type") == "SCALAR":
            part = round(resource["scalar"]["value"] * 1000)
            amounts[resource["name"]] = amounts.get(resource["name"], 0) + part
        elif resource.get("name") == "ports":
            amounts["ports"] = 1
    return amounts


def described(amounts: Amounts, role: str) -> str:
    """Return resources in Mesos's own notation."""
    parts = []
    for name in ("ports", "cpus", "mem", "disk", "gpus"):
        if amounts.get(name):
            value = "[{begin}-{end}]".format(**PORTS) if name == "ports" else f"{amounts[name] / 1000:g}"
            parts.append(f"{name}(allocated: {role}):{value}")
    return "; ".join(parts)


def status_of_master(
    task_id: str, state: str, message: str, reason: str, agent_id: str | None
) -> dict[str, Any]:
    """Return a ``TaskStatus`` that the master made: nothing to acknowledge."""
    status: dict[str, Any] = {
        "task_id": {"value": task_id},
        "state": state,
        "message": message,
        "source": "SOURCE_MASTER",
        "reason": reason,
    }
    if agent_id:
        status["agent_id"] = {"value": agent_id}
    return {**status, "timestamp": round(time.time(), 6)}
