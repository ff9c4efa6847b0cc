"""Where tasks are kept between those who submit them and the process that holds the framework."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from chronos_plugin.errors import ServiceFailed
from chronos_plugin.hooks.mesos.tasks import Phase, Task, TaskSpec, Wish


class LeaseLost(ServiceFailed):
    """Raised when another process has taken the framework over: stop at once."""


@dataclass(frozen=True)
class Lease:
    """The right to hold the framework until somebody else acquires it.

    Attributes:
        epoch: Grows with each holder; a commit of an earlier epoch is refused.
    """

    epoch: int
    framework_id: str | None
    master_id: str


@dataclass(frozen=True)
class FrameworkStatus:
    """What the store has of the framework.

    Attributes:
        holder: Who holds or held it.
        held: Whether the lease has not run out.
        report: What the holder last said of itself.
    """

    name: str
    framework_id: str | None = None
    master_id: str = ""
    holder: str = ""
    held: bool = False
    epoch: int = 0
    report: Mapping[str, Any] = field(default_factory=dict)
    tasks: Mapping[str, int] = field(default_factory=dict)


class TaskQueue(Protocol):
    """The tasks of one framework, kept durably. All methods block, and may be called from any thread."""

    def submit(self, specs: Iterable[TaskSpec], *, held: bool = False) -> None:
        """Put tasks in; those whose id is there already stay as they are."""

    def get(self, task_ids: Iterable[str]) -> dict[str, Task]:
        """Return tasks by id, those that are there."""

    def wish(self, task_ids: Iterable[str], wish: Wish) -> None:
        """Say what is wanted of tasks; a wish to cancel stays."""

    def status(self) -> FrameworkStatus:
        """Return what is known of the framework."""

    def acquire(self, holder: str, seconds: float) -> Lease | None:
        """Take the framework for some seconds; None while another process has it."""

    def renew(self, lease: Lease, seconds: float, report: Mapping[str, Any]) -> None:
        """Keep it for some seconds from now.

        Raises:
            LeaseLost: If somebody else has it.
        """

    def release(self, lease: Lease) -> None:
        """Give it back, so that the next process need not wait."""

    def open_tasks(self) -> list[Task]:
        """Return all tasks that have not ended."""

    def changes(self, limit: int = 5000) -> list[Task]:
        """Return tasks whose wish (or being there) has not been taken in."""

    def commit(
        self,
        lease: Lease,
        *,
        framework: tuple[str | None, str] | None,
        tasks: Sequence[Task],
        taken: Mapping[str, int],
    ) -> None:
        """Store all this, or nothing: framework and master id, tasks' states, revisions taken in.

        Raises:
            LeaseLost: If somebody else has the framework.
        """

    def prune(self, before: float) -> int:
        """Remove tasks that ended before a moment; return how many."""


class MemoryQueue:
    """A queue that ends with its process, for tests and measurements."""

    def __init__(self, name: str = "memory") -> None:
        self.name = name
        self._lock = threading.Lock()
        self._tasks: dict[str, Task] = {}
        self._pending: set[str] = set()
        self._framework: tuple[str | None, str] = (None, "")
        self._holder, self._epoch, self._until = "", 0, 0.0
        self._report: Mapping[str, Any] = {}

    def submit(self, specs: Iterable[TaskSpec], *, held: bool = False) -> None:
        """See :class:`TaskQueue`."""
        wish = Wish.HOLD if held else Wish.RUN
        with self._lock:
            for spec in specs:
                if spec.id not in self._tasks:
                    self._tasks[spec.id] = Task(spec, wish=wish, revision=1, submitted_at=time.time())
                    self._pending.add(spec.id)

    def get(self, task_ids: Iterable[str]) -> dict[str, Task]:
        """See :class:`TaskQueue`."""
        with self._lock:
            return {i: self._tasks[i] for i in task_ids if i in self._tasks}

    def wish(self, task_ids: Iterable[str], wish: Wish) -> None:
        """See :class:`TaskQueue`."""
        with self._lock:
            for task_id in task_ids:
                task = self._tasks.get(task_id)
                if task is not None and task.wish not in (wish, Wish.CANCEL):
                    self._tasks[task_id] = replace(task, wish=wish, revision=task.revision + 1)
                    self._pending.add(task_id)

    def status(self) -> FrameworkStatus:
        """See :class:`TaskQueue`."""
        with self._lock:
            counts: dict[str, int] = {}
            for task in self._tasks.values():
                counts[task.phase.value] = counts.get(task.phase.value, 0) + 1
            held = self._until > time.time()
            return FrameworkStatus(
                self.name, *self._framework, self._holder, held, self._epoch, self._report, counts
            )

    def acquire(self, holder: str, seconds: float) -> Lease | None:
        """See :class:`TaskQueue`."""
        with self._lock:
            if self._until > time.time():
                return None
            self._holder, self._epoch = holder, self._epoch + 1
            self._until = time.time() + seconds
            return Lease(self._epoch, *self._framework)

    def renew(self, lease: Lease, seconds: float, report: Mapping[str, Any]) -> None:
        """See :class:`TaskQueue`."""
        with self._lock:
            self._check(lease)
            self._until, self._report = time.time() + seconds, report

    def release(self, lease: Lease) -> None:
        """See :class:`TaskQueue`."""
        with self._lock:
            if lease.epoch == self._epoch:
                self._until = 0.0

    def open_tasks(self) -> list[Task]:
        """See :class:`TaskQueue`."""
        with self._lock:
            return [task for task in self._tasks.values() if task.phase is not Phase.ENDED]

    def changes(self, limit: int = 5000) -> list[Task]:
        """See :class:`TaskQueue`."""
        with self._lock:
            return [self._tasks[task_id] for task_id in list(self._pending)[:limit]]

    def commit(
        self,
        lease: Lease,
        *,
        framework: tuple[str | None, str] | None,
        tasks: Sequence[Task],
        taken: Mapping[str, int],
    ) -> None:
        """See :class:`TaskQueue`."""
        with self._lock:
            self._check(lease)
            self._framework = framework or self._framework
            for task in tasks:
                stored = self._tasks[task.id]
                self._tasks[task.id] = replace(task, wish=stored.wish, revision=stored.revision)
            for task_id, revision in taken.items():
                if self._tasks[task_id].revision == revision:
                    self._pending.discard(task_id)

    def prune(self, before: float) -> int:
        """See :class:`TaskQueue`."""
        with self._lock:
            old = [
                t.id for t in self._tasks.values() if t.phase is Phase.ENDED and (t.ended_at or 0) < before
            ]
            for task_id in old:
                del self._tasks[task_id]
            return len(old)

    def _check(self, lease: Lease) -> None:
        if lease.epoch != self._epoch:
            raise LeaseLost(f"another process has taken framework {self.name} over")
