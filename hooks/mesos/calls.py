"""What a scheduler sends: the bodies of the calls of the v1 scheduler API."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

Call = dict[str, Any]

CAPABILITIES = ("MULTI_ROLE", "PARTITION_AWARE", "TASK_KILLING_STATE")
LONG_REFUSAL = 86400.0
"""Seconds; REVIVE ends it."""
SHORT_REFUSAL = 5.0


@dataclass(frozen=True)
class Framework:
    """How the framework presents itself; ``user`` and ``checkpoint`` cannot be changed afterwards.

    Attributes:
        failover_timeout: Seconds for which Mesos keeps the tasks of a framework that has gone away.
        gpus: Ask for the offers of agents that have GPUs.
    """

    name: str = "chronos"
    user: str = "root"
    principal: str = ""
    roles: tuple[str, ...] = ("*",)
    failover_timeout: float = 604800.0
    webui_url: str = ""
    gpus: bool = False

    def info(self, framework_id: str | None) -> dict[str, Any]:
        """Return the ``FrameworkInfo``."""
        capabilities = (*CAPABILITIES, *(("GPU_RESOURCES",) if self.gpus else ()))
        info: dict[str, Any] = {
            "user": self.user,
            "name": self.name,
            "roles": list(self.roles),
            "failover_timeout": self.failover_timeout,
            # Tasks outlive a restart of the agent's process.
            "checkpoint": True,
            "capabilities": [{"type": name} for name in capabilities],
        }
        if self.principal:
            info["principal"] = self.principal
        if self.webui_url:
            info["webui_url"] = self.webui_url
        if framework_id:
            info["id"] = {"value": framework_id}
        return info


def subscribe(framework: Framework, framework_id: str | None) -> Call:
    """Subscribe; with an id, again. The id stands in both places."""
    call: Call = {"type": "SUBSCRIBE", "subscribe": {"framework_info": framework.info(framework_id)}}
    if framework_id:
        call["framework_id"] = {"value": framework_id}
    return call


def accept(offer_ids: Iterable[str], task_infos: Sequence[Any], refuse_seconds: float) -> Call:
    """Launch tasks with offers of one agent; what they leave over is declined."""
    return {
        "type": "ACCEPT",
        "accept": {
            "offer_ids": _ids(offer_ids),
            "operations": [{"type": "LAUNCH", "launch": {"task_infos": list(task_infos)}}],
            "filters": {"refuse_seconds": refuse_seconds},
        },
    }


def decline(offer_ids: Iterable[str], refuse_seconds: float) -> Call:
    """Decline offers; their resources are not offered for some seconds."""
    return {
        "type": "DECLINE",
        "decline": {"offer_ids": _ids(offer_ids), "filters": {"refuse_seconds": refuse_seconds}},
    }


def decline_inverse(offer_ids: Iterable[str]) -> Call:
    """Say that resources cannot be given back before the tasks on them have ended."""
    return {
        "type": "DECLINE_INVERSE_OFFERS",
        "decline_inverse_offers": {"inverse_offer_ids": _ids(offer_ids)},
    }


def suppress() -> Call:
    """Ask for no more offers."""
    return {"type": "SUPPRESS"}


def revive() -> Call:
    """Ask for offers, and drop all filters."""
    return {"type": "REVIVE"}


def acknowledge(task_id: str, agent_id: str, uuid: str) -> Call:
    """Acknowledge a status update that has been stored."""
    body = {"agent_id": {"value": agent_id}, "task_id": {"value": task_id}, "uuid": uuid}
    return {"type": "ACKNOWLEDGE", "acknowledge": body}


def kill(task_id: str, agent_id: str | None) -> Call:
    """Kill a task; its grace period is in its ``kill_policy``."""
    return {"type": "KILL", "kill": _task(task_id, agent_id)}


def reconcile(tasks: Iterable[tuple[str, str | None]] = ()) -> Call:
    """Ask for the states of tasks (id, agent); of all that the master knows, if there are none."""
    return {"type": "RECONCILE", "reconcile": {"tasks": [_task(*task) for task in tasks]}}


def teardown() -> Call:
    """Kill all tasks and end the framework for good."""
    return {"type": "TEARDOWN"}


def _ids(values: Iterable[str]) -> list[dict[str, str]]:
    return [{"value": value} for value in values]


def _task(task_id: str, agent_id: str | None) -> dict[str, Any]:
    task: dict[str, Any] = {"task_id": {"value": task_id}}
    if agent_id:
        task["agent_id"] = {"value": agent_id}
    return task
