"""The double's cloud: hosts, clusters and the rest in memory, with latency and faults that a test sets."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chronos_plugin.hooks.safescale.double.machine import Machine

KEY_BODY = "MIIDoubleKeyThatMustNeverBeSeenAnywhere0123456789"
PRIVATE_KEY = f"-----BEGIN RSA PRIVATE KEY-----\n{KEY_BODY}\n-----END RSA PRIVATE KEY-----"
PASSWORD = "Double-Password-That-Must-Never-Be-Seen"  # noqa: S105 - planted, to be searched for
MINIMUM = {1: (1, 1), 2: (2, 3), 3: (3, 7)}
"""Masters and nodes of a cluster without orchestrator, by complexity."""


class Refusal(Exception):
    """An answer with a status code other than OK."""

    def __init__(self, code: str, details: str) -> None:
        super().__init__(details)
        self.code, self.details = code, details


class Gone(Exception):
    """The client cancelled the call, or its deadline passed."""


@dataclass
class Latency:
    """Seconds that operations take."""

    host: float = 0.0
    cluster: float = 0.0
    delete: float = 0.0
    rollback: float = 0.0
    other: float = 0.0


@dataclass
class Fault:
    """What goes wrong with a method.

    Attributes:
        method: ``HostService.Create`` …
        code: gRPC status that is answered; empty with ``hang``.
        details: The server's words.
        times: How many calls it befalls.
        after: The work is done first, and then the answer is lost.
        hang: The call never ends by itself.
        twice: The work is done twice, as the service's retries do.
    """

    method: str
    code: str = ""
    details: str = "fault of the test"
    times: int = 1
    after: bool = False
    hang: bool = False
    twice: bool = False


@dataclass
class Item:
    """A resource: its state, whether it is complete, and what its message says beside."""

    id: str
    name: str
    state: str
    values: dict[str, Any] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    owner: str = ""
    machine: Machine | None = None
    complete: bool = False


@dataclass
class Tenant:
    """The resources of one tenant, by kind and name."""

    host: dict[str, Item] = field(default_factory=dict)
    cluster: dict[str, Item] = field(default_factory=dict)
    volume: dict[str, Item] = field(default_factory=dict)
    share: dict[str, Item] = field(default_factory=dict)
    network: dict[str, Item] = field(default_factory=dict)
    label: dict[str, Item] = field(default_factory=dict)
    unmanaged: set[str] = field(default_factory=set)
    """Names that the cloud has and the service does not manage."""

    def named(self, kind: str, reference: Any) -> Item:
        """Return what a reference means; where id and name are set, the id wins."""
        items: dict[str, Item] = getattr(self, kind)
        for item in items.values():
            if item.id == reference.id if reference.id else item.name == reference.name:
                return item
        raise Refusal("NOT_FOUND", f"failed to find {kind} '{reference.id or reference.name}'")


@dataclass
class Call:
    """One call that is being answered."""

    gone: threading.Event = field(default_factory=threading.Event)

    def wait(self, seconds: float) -> None:
        """Let time pass; :class:`Gone` as soon as nobody waits for the answer."""
        if self.gone.wait(seconds) if seconds > 0 else self.gone.is_set():
            raise Gone


@dataclass
class Cloud:
    """The state of the double.

    Attributes:
        root: Folder of the hosts' folders.
        journal: What was made and removed, in order: ``("create", "host", "h1")``; ``undo``: rolled back.
        calls: Method, tenant and seconds left of every call (None: no deadline).
    """

    root: Path
    tenants: dict[str, Tenant] = field(default_factory=lambda: {"test": Tenant()})
    latency: Latency = field(default_factory=Latency)
    faults: list[Fault] = field(default_factory=list)
    journal: list[tuple[str, str, str]] = field(default_factory=list)
    calls: list[tuple[str, str, float | None]] = field(default_factory=list)
    ssh_limit: float = 150.0
    lock: threading.RLock = field(default_factory=threading.RLock)
    _numbers: Iterator[int] = field(default_factory=lambda: iter(range(1, 1 << 31)))

    def fault(self, method: str) -> Fault | None:
        """Return what goes wrong with this call, once for each of its times."""
        with self.lock:
            for fault in self.faults:
                if fault.method == method and fault.times > 0:
                    fault.times -= 1
                    return fault
        return None

    def add(self, tenant: Tenant, kind: str, name: str, state: str, **values: Any) -> Item:
        """Begin a resource; ALREADY_EXISTS if the name is taken."""
        items: dict[str, Item] = getattr(tenant, kind)
        with self.lock:
            if name in items:
                raise Refusal("ALREADY_EXISTS", f"{kind} '{name}' already exists")
            if name in tenant.unmanaged:
                raise Refusal("ALREADY_EXISTS", f"found an existing {kind} named '{name}' (but not managed)")
            items[name] = Item(f"id-{next(self._numbers)}", name, state, values)
            return items[name]

    def add_host(self, tenant: Tenant, name: str, *, owner: str = "", **values: Any) -> Item:
        """Begin a host, with its machine."""
        host = self.add(tenant, "host", name, "HS_STARTING", **values)
        host.owner = owner
        host.machine = Machine(self.root / name, host.id)
        return host

    def remove(self, tenant: Tenant, kind: str, name: str) -> None:
        """End a resource, and with a host all that runs on it."""
        with self.lock:
            item = getattr(tenant, kind).pop(name, None)
            if item is not None:
                self.journal.append(("delete" if item.complete else "undo", kind, name))
        if item is not None and item.machine is not None:
            item.machine.kill()

    def made(self, kind: str, item: Item, state: str) -> None:
        """Note that a resource is complete."""
        with self.lock:
            item.state, item.complete = state, True
            self.journal.append(("create", kind, item.name))

    @contextmanager
    def rolled_back(self, tenant: Tenant, *begun: tuple[str, Callable[[], list[str]]]) -> Iterator[None]:
        """Remove what the block began if nobody waits for it any more, some time after the call has ended."""
        try:
            yield
        except Gone:

            def undo() -> None:
                time.sleep(self.latency.rollback)
                for kind, names in begun:
                    for name in names():
                        self.remove(tenant, kind, name)

            threading.Thread(target=undo, daemon=True).start()
            raise
