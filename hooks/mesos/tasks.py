"""Tasks: what is to run, and what is known of it.

A task has one id for ever, its author's. Each launch of it has an id of its own in Mesos, ``<id>.<number>``,
since Mesos confuses two tasks of one id; it is launched again only when the earlier launch certainly ran
nothing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Literal, Self

from chronos_plugin.errors import InputInvalid
from chronos_plugin.hooks.mesos.messages import DOUBTFUL, TaskState

_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")
SCALARS = ("cpus", "mem", "disk", "gpus")


@dataclass(frozen=True)
class Demand:
    """Resources of a task in Mesos's units: CPUs, MiB of memory and disk, GPUs."""

    cpus: float = 1.0
    mem: float = 256.0
    disk: float = 0.0
    gpus: float = 0.0

    def thousandths(self) -> dict[str, int]:
        """Return what is asked for in thousandths, the precision in which Mesos calculates."""
        return {name: n for name in SCALARS if (n := math.ceil(round(getattr(self, name) * 1000, 3)))}


@dataclass(frozen=True)
class Container:
    """A container image and how it is run.

    Attributes:
        containerizer: ``docker`` (Docker Engine of the agent) or ``mesos`` (Mesos's own, which unpacks Docker
            images without it).
        volumes: (path on the agent, path in the container, writable).
        network: ``host``, ``bridge``, ``none`` or a network's name; empty: the containerizer's default.
        force_pull: Ask the registry even where the agent has the image.
    """

    image: str
    containerizer: Literal["docker", "mesos"] = "mesos"
    volumes: tuple[tuple[str, str, bool], ...] = ()
    network: str = ""
    force_pull: bool = False

    def info(self) -> dict[str, Any]:
        """Return the ``ContainerInfo``."""
        volumes = [
            {"host_path": host, "container_path": path, "mode": "RW" if writable else "RO"}
            for host, path, writable in self.volumes
        ]
        if self.containerizer == "docker":
            docker: dict[str, Any] = {"image": self.image, "force_pull_image": self.force_pull}
            info: dict[str, Any] = {"type": "DOCKER", "volumes": volumes, "docker": docker}
            if self.network in ("host", "bridge", "none"):
                docker["network"] = self.network.upper()
            elif self.network:
                docker["network"] = "USER"
                info["network_infos"] = [{"name": self.network}]
            return info
        image = {"type": "DOCKER", "docker": {"name": self.image}, "cached": not self.force_pull}
        info = {"type": "MESOS", "volumes": volumes, "mesos": {"image": image}}
        if self.network and self.network != "host":
            info["network_infos"] = [{"name": self.network}]
        return info


@dataclass(frozen=True)
class Uri:
    """A file that the agent fetches into the sandbox before the task begins.

    Attributes:
        output_file: Its name there; empty: the URI's own.
        extract: Whether an archive is unpacked.
    """

    value: str
    output_file: str = ""
    extract: bool = True
    executable: bool = False
    cache: bool = False

    def info(self) -> dict[str, Any]:
        """Return the ``CommandInfo.URI``."""
        info = {k: v for k, v in asdict(self).items() if k != "output_file"}
        return {**info, "output_file": self.output_file} if self.output_file else info


@dataclass(frozen=True)
class TaskSpec:
    """What to run.

    Attributes:
        id: Unique for ever; letters, digits, ``. _ -``.
        name: For people.
        command: The command line, without a shell; or one text for ``/bin/sh -c``.
        user: Account on the agent; empty: the framework's.
        kill_grace: Seconds between SIGTERM and SIGKILL.
        time_limit: Seconds after which Mesos ends the task.
        placement: Attributes that the agent must have (``hostname`` counts as one).
        priority: Higher ones are launched first.

    Raises:
        InputInvalid: If a value is impossible in Mesos.
    """

    id: str
    command: str | tuple[str, ...]
    name: str = ""
    demand: Demand = field(default_factory=Demand)
    environment: Mapping[str, str] = field(default_factory=dict)
    container: Container | None = None
    uris: tuple[Uri, ...] = ()
    user: str = ""
    kill_grace: float = 10.0
    time_limit: float | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    placement: Mapping[str, str] = field(default_factory=dict)
    priority: int = 0

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.id):
            raise InputInvalid(f"task id {self.id!r}: letters, digits and . _ - only, at most 100")
        if not self.command or not any(self.demand.thousandths().get(n) for n in ("cpus", "mem")):
            raise InputInvalid(f"task {self.id}: a command, and cpus or mem above 0, are needed")
        if min(asdict(self.demand).values()) < 0 or self.kill_grace < 0:
            raise InputInvalid(f"task {self.id}: negative resources or times")

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Return what :meth:`to_json` stood for."""
        given = dict(value)
        container = given.pop("container", None)
        if container:
            volumes = tuple((str(h), str(p), bool(w)) for h, p, w in container.pop("volumes", ()))
            given["container"] = Container(**container, volumes=volumes)
        command = given.pop("command")
        given["command"] = command if isinstance(command, str) else tuple(command)
        given["uris"] = tuple(Uri(**uri) for uri in given.get("uris", ()))
        return cls(**{**given, "demand": Demand(**given.get("demand", {}))})

    def task_info(self, mesos_task_id: str, agent_id: str, resources: list[dict[str, Any]]) -> dict[str, Any]:
        """Return the ``TaskInfo`` for a launch on ``agent_id`` with ``resources`` cut from its offers."""
        info: dict[str, Any] = {
            "name": self.name or self.id,
            "task_id": {"value": mesos_task_id},
            "agent_id": {"value": agent_id},
            "resources": resources,
            "command": self._command_info(),
            # The KILL call's own policy is not obeyed by the command executor.
            "kill_policy": {"grace_period": _duration(self.kill_grace)},
        }
        if self.container:
            info["container"] = self.container.info()
        if self.time_limit is not None:
            info["max_completion_time"] = _duration(self.time_limit)
        if self.labels:
            info["labels"] = {"labels": [{"key": k, "value": v} for k, v in self.labels.items()]}
        return info

    def _command_info(self) -> dict[str, Any]:
        if isinstance(self.command, str):
            info: dict[str, Any] = {"shell": True, "value": self.command}
        else:
            info = {"shell": False, "value": self.command[0], "arguments": list(self.command)}
        if self.environment:
            variables = [{"name": k, "value": v} for k, v in self.environment.items()]
            info["environment"] = {"variables": variables}
        if self.uris:
            info["uris"] = [uri.info() for uri in self.uris]
        if self.user:
            info["user"] = self.user
        return info


def _duration(seconds: float) -> dict[str, int]:
    return {"nanoseconds": round(seconds * 1e9)}


class Wish(StrEnum):
    """What the task's author wants of it; the holder of the framework reads it and never writes it."""

    RUN = "run"
    HOLD = "hold"
    CANCEL = "cancel"


class Phase(StrEnum):
    """Where a task stands; the holder of the framework alone writes it."""

    QUEUED = "queued"
    LAUNCHED = "launched"
    """A launch was stored; Mesos may or may not have taken it in yet (``state`` tells)."""
    ENDED = "ended"


@dataclass(frozen=True)
class Task:
    """A task and what is known of it.

    Attributes:
        revision: Grows with each change of ``wish``.
        launches: Launches so far.
        launched_on: The id of the master process to which the last launch was sent.
        mesos_task_id: Id of the last launch; None before the first.
        state: The last state that Mesos told of the present launch; None: none yet.
        seen: When that was, in seconds since the epoch.
    """

    spec: TaskSpec
    wish: Wish = Wish.RUN
    revision: int = 0
    phase: Phase = Phase.QUEUED
    launches: int = 0
    launched_on: str = ""
    mesos_task_id: str | None = None
    agent_id: str | None = None
    agent_url: str = ""
    hostname: str = ""
    container_id: str = ""
    state: TaskState | None = None
    reason: str = ""
    source: str = ""
    message: str = ""
    submitted_at: float = 0.0
    launched_at: float | None = None
    started_at: float | None = None
    ended_at: float | None = None
    seen: float | None = None

    @property
    def id(self) -> str:
        """The task's own id."""
        return self.spec.id

    @property
    def waiting(self) -> bool:
        """Whether it waits for resources."""
        return self.phase is Phase.QUEUED and self.wish is Wish.RUN

    @property
    def heard(self) -> bool:
        """Whether Mesos ever said that the present launch is there."""
        doubtful = self.state is None or self.state in DOUBTFUL
        return not doubtful or bool(self.container_id) or self.started_at is not None

    @property
    def succeeded(self) -> bool:
        """Whether it ended with exit code 0."""
        return self.phase is Phase.ENDED and self.state is TaskState.FINISHED

    @property
    def infrastructure(self) -> bool:
        """Whether it ended through no fault of its command."""
        own = (TaskState.FINISHED, TaskState.FAILED, TaskState.KILLED, TaskState.ERROR)
        return self.phase is Phase.ENDED and (self.state not in own or self.reason in _INFRASTRUCTURE)


_INFRASTRUCTURE = frozenset(
    {
        "REASON_CONTAINER_LAUNCH_FAILED",
        "REASON_CONTAINER_PREEMPTED",
        "REASON_EXECUTOR_REGISTRATION_TIMEOUT",
        "REASON_EXECUTOR_REREGISTRATION_TIMEOUT",
        "REASON_EXECUTOR_TERMINATED",
        "REASON_GC_ERROR",
        "REASON_AGENT_DISCONNECTED",
        "REASON_AGENT_REMOVED",
        "REASON_AGENT_RESTARTED",
        "REASON_AGENT_UNKNOWN",
        "REASON_IO_SWITCHBOARD_EXITED",
    }
)


def volume(text: str) -> tuple[str, str, bool]:
    """Return the path on the agent, the path in the container, and whether it is writable.

    Args:
        text: ``HOST[:CONTAINER][:ro|rw]``.

    Raises:
        InputInvalid: If it is none of this form.
    """
    path, _, mode = text.rpartition(":")
    if mode not in ("ro", "rw"):
        path, mode = text, "rw"
    host, _, inside = path.partition(":")
    if not host.startswith("/") or (inside and not inside.startswith("/")):
        raise InputInvalid(f"volume {text!r}: write HOST[:CONTAINER][:ro] with absolute paths")
    return host, inside or host, mode == "rw"


def launch_id(task_id: str, number: int) -> str:
    """Return the id in Mesos of a task's launch."""
    return f"{task_id}.{number}"


def task_id_of(mesos_task_id: str) -> str | None:
    """Return the task's id for the id of a launch; None if it is none of ours."""
    task_id, dot, number = mesos_task_id.rpartition(".")
    return task_id if dot and number.isdigit() else None
