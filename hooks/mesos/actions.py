"""What goes into the framework's state machine besides Mesos's events, and what comes out of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from chronos_plugin.hooks.mesos.calls import Call
from chronos_plugin.hooks.mesos.messages import Event
from chronos_plugin.hooks.mesos.tasks import Task


@dataclass(frozen=True)
class Disconnected:
    """The event stream ended."""


@dataclass(frozen=True)
class TasksChanged:
    """Tasks that are new, or of which somebody wants something else than before, as stored."""

    tasks: tuple[Task, ...]


@dataclass(frozen=True)
class LaunchSent:
    """The master took an ACCEPT in."""

    task_ids: tuple[str, ...]


@dataclass(frozen=True)
class LaunchRefused:
    """An ACCEPT certainly did not reach a master's state: it was refused, or never sent.

    Attributes:
        offer_ids: Its offers, where the master still takes them for ours.
    """

    task_ids: tuple[str, ...]
    why: str = ""
    offer_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class LaunchInDoubt:
    """An ACCEPT was sent, and no answer came."""

    task_ids: tuple[str, ...]


@dataclass(frozen=True)
class Found:
    """What the store has of a launch that was asked for by :attr:`Actions.inquiries`."""

    launch: str
    agent_id: str | None
    task: Task | None


@dataclass(frozen=True)
class Tick:
    """Time passed."""


Input = Event | Disconnected | TasksChanged | LaunchSent | LaunchRefused | LaunchInDoubt | Found | Tick


@dataclass(frozen=True)
class Launch:
    """An ACCEPT, and the ids of the tasks that it launches and of its offers."""

    call: Call
    task_ids: tuple[str, ...]
    offer_ids: tuple[str, ...] = ()


@dataclass
class Actions:
    """What is to be done, in the order of the fields.

    Attributes:
        framework: Framework id (None: it is burnt) and master id to store.
        store: Tasks to store, by id.
        taken: Revisions of wishes that have been taken in, by task id.
        launches: ACCEPTs to send; the result of each is an input.
        calls: Other calls to send; their results do not matter.
        inquiries: Launches (id, agent) to look up in the store; the result of each is an input.
        resubscribe: Drop the connection and subscribe again.
        stop: Why the framework must not be held any longer.
        trouble: The master's words for why it does not let this framework subscribe.
    """

    framework: tuple[str | None, str] | None = None
    store: dict[str, Task] = field(default_factory=dict)
    taken: dict[str, int] = field(default_factory=dict)
    launches: list[Launch] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    inquiries: list[tuple[str, str | None]] = field(default_factory=list)
    resubscribe: bool = False
    stop: str = ""
    trouble: str = ""


@dataclass(frozen=True)
class Rules:
    """Times, in seconds.

    Attributes:
        doubt_timeout: How long a task may be unreachable or unknown before it is given up.
        reconcile_interval: Between two rounds over all tasks.
        offer_hold: How long offers that are too small are kept, for others of the agent to join them.
        relaunch_pause: Before a task is launched again after its n-th launch was dropped: n times this.
        revive_pause: Least time between two REVIVEs.
    """

    doubt_timeout: float = 3600.0
    reconcile_interval: float = 600.0
    offer_hold: float = 1.0
    relaunch_pause: float = 1.0
    revive_pause: float = 1.0
