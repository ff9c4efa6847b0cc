"""Target ``mesos``: steps as tasks of Apache Mesos, through the process that holds the framework.

Options: ``connection``, of the target alone; of the target and of bindings ``user``, ``placement``,
``priority``, ``disk``, ``kill_grace``, and for steps with an image ``containerizer``, ``volumes``,
``network``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from chronos_plugin.errors import ChronosError, SettingInvalid, TargetRefused, TargetUnreachable
from chronos_plugin.execution.targets.base import Job, JobState, JobStatus, Target, TargetReport, Usage
from chronos_plugin.hooks.mesos.connection import DEFAULT_CONNECTION

if TYPE_CHECKING:
    from chronos_plugin.hooks.mesos.queue import TaskQueue
    from chronos_plugin.hooks.mesos.tasks import Task, TaskSpec

_T = TypeVar("_T")

OPTIONS: dict[str, type | tuple[type, ...]] = {
    "connection": str,
    "containerizer": str,
    "volumes": list,
    "network": str,
    "user": str,
    "placement": Mapping,
    "priority": int,
    "disk": (int, float),
    "kill_grace": (int, float),
}
KILL_GRACE = 30.0
"""More than ``job.sh`` takes to end its tool."""


class MesosTarget(Target):
    """Puts jobs into the queue of a Mesos framework. A native id is the job's own."""

    kind: ClassVar[str] = "mesos"
    runs_images: ClassVar[bool] = True
    abilities: ClassVar[frozenset[str]] = frozenset({"hold"})

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        super().__init__(name, options)
        _check(f"target {name}", options)
        self._connection = str(options.get("connection", DEFAULT_CONNECTION))
        self._queue: TaskQueue | None = None

    async def submit(self, job: Job) -> str:
        """Put a job in; it is launched when Mesos offers what it asks for."""
        if "connection" in job.options:
            raise TargetRefused(f"target {self.name}: a binding cannot choose the connection")
        try:
            _check(f"the binding of {job.name}", job.options)
            spec = self.spec(job)
        except ChronosError as error:
            raise TargetRefused(f"target {self.name}: {error}") from error
        await self._in_store(lambda queue: queue.submit([spec]))
        return job.id

    def spec(self, job: Job) -> TaskSpec:
        """Return a job as a task of Mesos."""
        from chronos_plugin.hooks.mesos.tasks import Demand, TaskSpec

        options = {**self.options, **job.options}
        wanted = job.resources
        return TaskSpec(
            id=job.id,
            name=job.name,
            command=tuple(job.command),
            demand=Demand(wanted.cores, wanted.ram, float(options.get("disk", 0)), float(wanted.gpus)),
            container=self._container(job, options),
            user=str(options.get("user", "")),
            kill_grace=float(options.get("kill_grace", KILL_GRACE)),
            labels=dict(job.labels),
            placement={str(k): str(v) for k, v in options.get("placement", {}).items()},
            priority=int(options.get("priority", 0)),
        )

    def _container(self, job: Job, options: Mapping[str, Any]) -> Any:
        if job.image is None:
            return None
        from chronos_plugin import settings
        from chronos_plugin.hooks.mesos.tasks import Container, volume

        configured = settings.load() if "volumes" not in options else None
        given = (
            options["volumes"]
            if configured is None
            else [str(configured.work_root), str(configured.output_root)]
        )
        return Container(
            image=job.image,
            containerizer=options.get("containerizer", "mesos"),
            volumes=tuple(volume(str(text)) for text in given),
            network=str(options.get("network", "")),
        )

    async def find(self, jobs: Sequence[Job]) -> Mapping[str, str]:
        """Look the jobs up in the queue."""
        found = await self._in_store(lambda queue: queue.get([job.id for job in jobs]))
        return {task_id: task_id for task_id in found}

    async def poll(self, jobs: Mapping[str, Job]) -> Mapping[str, JobStatus]:
        """Read the jobs' rows."""
        # A job that ran twice by mistake is named by its launch, "<id>.<number>".
        ids = {native: native.partition(".")[0] for native in jobs}
        found = await self._in_store(lambda queue: queue.get(set(ids.values())))
        waits = any(task.waiting for task in found.values())
        note = await self._note_on_holder() if waits else ""
        lost = JobStatus(JobState.LOST, reason="the queue has no such task")
        return {
            native: status_of(found[task_id], note) if task_id in found else lost
            for native, task_id in ids.items()
        }

    async def _note_on_holder(self) -> str:
        status = await self._in_store(lambda queue: queue.status())
        if not status.held:
            command = f"airflow chronos mesos agent --connection {self._connection}"
            return f"no process holds the framework: run {command}"
        return str(status.report.get("trouble") or "")

    async def cancel(self, native: str, job: Job) -> None:
        """Wish the task's end; the holder of the framework kills it until it is dead."""
        del native
        await self._wish(job, "cancel")

    async def hold(self, native: str, job: Job) -> None:
        """Keep a task that is not launched from being."""
        from chronos_plugin.hooks.mesos.tasks import Phase

        found = await self._in_store(lambda queue: queue.get([job.id]))
        if job.id in found and found[job.id].phase is not Phase.QUEUED:
            raise self._unable("hold a job that was launched", native, job)
        await self._wish(job, "hold")

    async def release(self, native: str, job: Job) -> None:
        """Let a held task be launched."""
        del native
        await self._wish(job, "run")

    async def test(self) -> TargetReport:
        """Try the connection, and look whether somebody holds the framework."""
        from chronos_plugin.hooks.mesos.hook import MesosHook, check

        try:
            connection = await asyncio.to_thread(MesosHook(self._connection).get_conn)
            message = await check(connection.address)
            status = await self._in_store(lambda queue: queue.status())
        except Exception as error:  # noqa: BLE001 - whatever it is, an administrator is to see it
            return TargetReport(False, str(error) or type(error).__name__)
        details = {
            "framework_id": status.framework_id,
            "holder": status.holder,
            "held": status.held,
            **status.report,
        }
        waiting = sum(n for phase, n in status.tasks.items() if phase in ("queued", "held"))
        running = status.tasks.get("launched", 0)
        if not status.held:
            message += ", but no process holds the framework: run airflow chronos mesos agent"
        elif trouble := status.report.get("trouble"):
            message += f", but the framework is not subscribed: {trouble}"
        ok = status.held and bool(status.report.get("connected"))
        return TargetReport(ok, message, details, waiting, running)

    async def _wish(self, job: Job, wish: str) -> None:
        from chronos_plugin.hooks.mesos.tasks import Wish

        await self._in_store(lambda queue: queue.wish([job.id], Wish(wish)))

    async def _in_store(self, function: Callable[[TaskQueue], _T]) -> _T:
        return await asyncio.to_thread(self._ask_store, function)

    def _ask_store(self, function: Callable[[TaskQueue], _T]) -> _T:
        from sqlalchemy.exc import SQLAlchemyError

        from chronos_plugin.hooks.mesos.hook import queue_of

        try:
            if self._queue is None:
                self._queue = queue_of(self._connection)
            return function(self._queue)
        except SQLAlchemyError as error:
            raise TargetUnreachable(f"the CHRONOS database does not answer: {error}") from error


def status_of(task: Task, note: str = "") -> JobStatus:
    """Return what a task's row says, in the words of targets.

    Args:
        note: Why nothing is launched, where that is known.
    """
    from chronos_plugin.hooks.mesos.messages import DOUBTFUL, TaskState
    from chronos_plugin.hooks.mesos.tasks import Phase, Wish

    if task.phase is Phase.QUEUED:
        state = JobState.QUEUED if task.waiting else JobState.HELD
    elif task.phase is Phase.ENDED:
        # Whoever has killed it wants it ended, in CHRONOS or with Mesos's own means.
        cancelled = task.state is TaskState.KILLED and not task.infrastructure
        state = JobState.CANCELLED if cancelled else JobState.ENDED
    elif task.state in DOUBTFUL:
        state = JobState.UNKNOWN
    else:
        state = JobState.RUNNING if task.started_at is not None else JobState.QUEUED
    words = [word for word in (task.message, task.reason) if word]
    if state is JobState.CANCELLED and task.wish is not Wish.CANCEL:
        words.insert(0, "killed from outside CHRONOS")
    if task.phase is Phase.QUEUED and note:
        words.append(note)
    known = task.started_at is not None and task.ended_at is not None
    wall = task.ended_at - task.started_at if task.started_at and task.ended_at and known else None
    return JobStatus(
        state,
        native_state=task.state or "",
        reason="; ".join(words) if task.state is not TaskState.FINISHED else "",
        node=task.hostname,
        infrastructure=task.infrastructure,
        queued_at=task.submitted_at,
        started_at=task.started_at,
        ended_at=task.ended_at,
        usage=Usage(wall_seconds=wall),
    )


def _check(where: str, options: Mapping[str, Any]) -> None:
    for name, value in options.items():
        if name not in OPTIONS:
            raise SettingInvalid(f"{where}: unknown option {name!r}; options are: {', '.join(OPTIONS)}")
        if not isinstance(value, OPTIONS[name]) or isinstance(value, bool):
            raise SettingInvalid(f"{where}: {name}: {value!r} has the wrong type")
    if options.get("containerizer", "mesos") not in ("mesos", "docker"):
        raise SettingInvalid(f"{where}: containerizer: write mesos or docker")
