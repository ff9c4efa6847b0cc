"""Agents of the test double: resources, status updates that wait for their acknowledgement, running tasks."""

from __future__ import annotations

import asyncio
import base64
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

TERMINAL = frozenset(
    f"TASK_{s}" for s in ("FINISHED", "FAILED", "KILLED", "ERROR", "LOST", "DROPPED", "GONE")
)
Amounts = dict[str, int]
"""Thousandths by resource; ``ports`` is 1 or missing: the range is not divided."""

LONGEST_RESEND = 600.0


@dataclass(frozen=True)
class Times:
    """Seconds, as Mesos has them by default."""

    heartbeat: float = 15.0
    allocation: float = 1.0
    resend: float = 10.0
    default_grace: float = 3.0


class Runner(Protocol):
    """What runs a task: processes, or nothing at all."""

    def start(self, task: AgentTask) -> None:
        """Begin; the task's state is told by :meth:`AgentTask.update`."""

    def kill(self, task: AgentTask) -> None:
        """End it, after its grace period at the latest."""

    def destroy(self, task: AgentTask) -> None:
        """End it at once, without a word."""


@dataclass
class AgentTask:
    """A task on an agent."""

    agent: Agent
    framework_id: str
    info: Mapping[str, Any]
    amounts: Amounts
    send: Callable[[AgentTask, dict[str, Any]], None]
    killing_state: bool = True
    state: str = "TASK_STAGING"
    container_id: str = ""
    killed: bool = False
    sandbox: Path | None = None
    pending: deque[dict[str, Any]] = field(default_factory=deque)
    sent: int = 0
    _resends: int = 0
    _timer: asyncio.TimerHandle | None = None

    @property
    def id(self) -> str:
        """The task's id."""
        return str(self.info["task_id"]["value"])

    @property
    def ended(self) -> bool:
        """Whether its last state is a terminal one."""
        return self.state in TERMINAL

    def update(
        self, state: str, message: str = "", *, source: str = "SOURCE_EXECUTOR", reason: str = ""
    ) -> None:
        """Tell a new state; it is sent when earlier ones are acknowledged, again and again until it is."""
        if self.ended:
            return
        self.state = state
        status: dict[str, Any] = {"task_id": {"value": self.id}, "state": state}
        status |= {"message": message} if message else {}
        status |= {"source": source} | ({"reason": reason} if reason else {})
        status |= {
            "agent_id": {"value": self.agent.id},
            "executor_id": {"value": self.id},
            "timestamp": round(time.time(), 6),
            "uuid": base64.b64encode(uuid.uuid4().bytes).decode(),
        }
        if source == "SOURCE_EXECUTOR":
            status["container_status"] = self.container_status()
        if state in TERMINAL:
            self.agent.free(self.amounts)
        self.pending.append(status)
        if len(self.pending) == 1:
            self._forward()

    def container_status(self) -> dict[str, Any]:
        """Return the ``ContainerStatus``."""
        address = {"protocol": "IPv4", "ip_address": "127.0.0.1"}
        return {
            "container_id": {"value": self.container_id},
            "network_infos": [{"ip_addresses": [address]}],
            "executor_pid": 1,
        }

    def acknowledge(self, update_uuid: str) -> bool:
        """Take the acknowledgement of the update that waits for it; whether it was that one."""
        if not self.pending or self.pending[0]["uuid"] != update_uuid:
            return False
        self.pending.popleft()
        self._stop_timer()
        self.sent = self._resends = 0
        if self.pending:
            self._forward()
        return True

    def send_again(self) -> None:
        """Send what waits, as after a new subscription."""
        if self.pending:
            self._forward()

    def forget(self) -> None:
        """Send nothing more."""
        self.pending.clear()
        self._stop_timer()

    def _forward(self) -> None:
        self._stop_timer()
        self.sent += 1
        pause = min(self.agent.times.resend * 2**self._resends, LONGEST_RESEND)
        self._timer = asyncio.get_running_loop().call_later(pause, self._resend)
        self.send(self, self.pending[0])

    def _resend(self) -> None:
        self._resends += 1
        self.agent.resends += 1
        self._forward()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


@dataclass
class Agent:
    """An agent: what it has, what runs on it."""

    id: str
    number: int
    port: int
    total: Amounts
    runner: Runner
    times: Times
    root: Path | None = None
    hostname: str = "127.0.0.1"
    attributes: Mapping[str, str] = field(default_factory=dict)
    used: Amounts = field(default_factory=dict)
    offered: Amounts = field(default_factory=dict)
    registered: bool = True
    tasks: dict[tuple[str, str], AgentTask] = field(default_factory=dict)
    seen: set[tuple[str, str]] = field(default_factory=set)
    resends: int = 0

    @property
    def available(self) -> Amounts:
        """What is neither used nor offered."""
        left = {k: n - self.used.get(k, 0) - self.offered.get(k, 0) for k, n in self.total.items()}
        return {k: n for k, n in left.items() if n > 0}

    def use(self, amounts: Amounts) -> None:
        """Give resources to a task."""
        _add(self.used, amounts, 1)

    def free(self, amounts: Amounts) -> None:
        """Take a task's resources back."""
        _add(self.used, amounts, -1)

    def offer(self, amounts: Amounts) -> None:
        """Keep resources for an offer."""
        _add(self.offered, amounts, 1)

    def recover(self, amounts: Amounts) -> None:
        """Take an offer's resources back."""
        _add(self.offered, amounts, -1)

    def launch(self, task: AgentTask) -> None:
        """Take a task that the master has checked."""
        key = (task.framework_id, task.id)
        self.use(task.amounts)
        self.tasks[key] = task
        task.container_id = str(uuid.uuid4())
        if key in self.seen:
            task.update(
                "TASK_DROPPED",
                "Cannot reuse an already existing executor for a command task",
                source="SOURCE_AGENT",
                reason="REASON_TASK_INVALID",
            )
            return
        self.seen.add(key)
        self.runner.start(task)

    def kill(self, task: AgentTask) -> None:
        """End a task."""
        if task.state == "TASK_STAGING":
            self.runner.destroy(task)
            task.update(
                "TASK_KILLED",
                "Killed before delivery to the executor",
                source="SOURCE_AGENT",
                reason="REASON_TASK_KILLED_DURING_LAUNCH",
            )
        elif not task.ended and not task.killed:
            task.killed = True
            if task.killing_state:
                task.update("TASK_KILLING")
            self.runner.kill(task)

    def destroy(self, task: AgentTask) -> None:
        """End a task whose framework is gone; nobody is told."""
        if not task.ended:
            self.free(task.amounts)
        self.runner.destroy(task)
        task.forget()
        self.tasks.pop((task.framework_id, task.id), None)


def _add(to: Amounts, amounts: Amounts, sign: int) -> None:
    for name, amount in amounts.items():
        to[name] = to.get(name, 0) + sign * amount


@dataclass
class Pretended:
    """Runs nothing: tasks finish after some seconds."""

    seconds: float = 0.0

    def start(self, task: AgentTask) -> None:
        """Begin."""
        task.update("TASK_STARTING")
        task.update("TASK_RUNNING")
        asyncio.get_running_loop().call_later(self.seconds, self._finish, task)

    def kill(self, task: AgentTask) -> None:
        """End it."""
        task.update("TASK_KILLED", "Command terminated with signal Terminated")

    def destroy(self, task: AgentTask) -> None:
        """End it."""

    def _finish(self, task: AgentTask) -> None:
        if not task.killed:
            task.update("TASK_FINISHED", "Command exited with status 0")
