"""The protocol of execution targets: what a third party implements, and what CHRONOS promises it.

The life of a job
-----------------
A step's task prepares a :class:`Job`: a folder on storage that both sides see, with ``job.sh`` in it.
From then on the job is watched by a triggerer and holds no worker slot:

1. ``find`` is asked first when the job may have been submitted before (a crash came between the
   submission and the storing of its native id);
2. ``submit`` hands it over and returns the native id, which is stored durably before anything else;
3. ``poll`` is asked for all jobs of the target at once, every few seconds, until they have ended;
4. ``cancel``, ``hold``, ``release``, ``suspend``, ``resume`` are asked when somebody wants it;
5. ``collect`` brings back what does not lie on shared storage; then a worker reads the outputs.

``job.sh`` writes ``exit.json`` when the tool ends, so a target need not know exit codes. It refuses to
start a second time in the same folder, so a submission that is repeated by mistake does no harm.

A class that follows :class:`Target` is registered by an entry point in the group ``chronos.targets``, whose
name is the ``kind`` in a targets file. It is constructed with ``name`` and ``options`` of that file.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar

from chronos_plugin.errors import TargetUnsupported

LOG_FILE = "log.txt"
"""In a job's folder: what the tool wrote to its standard output and error and did not capture itself."""

LOG_CHUNK = 1 << 18
"""Bytes of log that are read at a time."""


class JobState(StrEnum):
    """Where a job stands, as the target sees it."""

    QUEUED = "queued"
    """The target has it; nothing runs yet."""
    HELD = "held"
    """In the queue, and not to be started until it is released."""
    RUNNING = "running"
    SUSPENDED = "suspended"
    """Started, and stopped where it is until it is resumed."""
    ENDED = "ended"
    """Its processes are gone. Whether well, ``exit.json`` says; ``exit_code`` where the target knows it."""
    CANCELLED = "cancelled"
    """Ended because somebody asked for it."""
    LOST = "lost"
    """The target does not know the job and will not: it may be submitted again."""
    REFUSED = "refused"
    """The target will not run it as it is."""
    UNKNOWN = "unknown"
    """The target cannot say now (partition, restart): ask again later, never submit again."""

    @property
    def final(self) -> bool:
        """Whether the job will not change any more."""
        return self in _FINAL


_FINAL = frozenset({JobState.ENDED, JobState.CANCELLED, JobState.LOST, JobState.REFUSED})


@dataclass(frozen=True)
class Resources:
    """What a job asks for (CWL ResourceRequirement, ToolTimeLimit, CUDARequirement), already evaluated.

    Attributes:
        cores: CPU cores; may be a fraction.
        ram: Memory in MiB.
        tmpdir: Space for temporary files in MiB.
        outdir: Space for outputs in MiB.
        gpus: Number of GPUs.
        time_limit: Seconds of run time; None: no limit of the document's.
        cores_bound, ram_bound: What the document grants at most (its ``Max``, else its ``Min``); None: it
            says nothing, and ``cores`` and ``ram`` are CWL's defaults, which reserve but do not limit.
    """

    cores: float = 1.0
    ram: float = 256.0
    tmpdir: float = 1024.0
    outdir: float = 1024.0
    gpus: int = 0
    time_limit: float | None = None
    cores_bound: float | None = None
    ram_bound: float | None = None


@dataclass(frozen=True)
class Job:
    """One try of one execution, ready to be run anywhere that sees ``folder``.

    Attributes:
        id: Unique for ever, of the letters, digits and hyphens that all systems take in names (40 at
            most). Another try has another id.
        name: For people: DAG, step, element.
        folder: Absolute path of the job's folder; ``job.sh`` in it is run by ``/bin/sh``, in any
            directory and environment.
        resources: What it asks for.
        options: Of the binding, for this kind of target (queue, account …).
        image: Container image in which the target itself is to run ``job.sh``, for targets that declare
            ``runs_images``; None elsewhere: ``job.sh`` starts the container, if there is one.
        labels: Short texts to mark the job with, where the target can.
    """

    id: str
    name: str
    folder: Path
    resources: Resources = field(default_factory=Resources)
    options: Mapping[str, Any] = field(default_factory=dict)
    image: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def command(self) -> list[str]:
        """The command line that runs the job."""
        return ["/bin/sh", str(self.folder / "job.sh")]

    @property
    def log(self) -> Path:
        """Where the job's uncaptured output goes."""
        return self.folder / LOG_FILE


@dataclass(frozen=True)
class Usage:
    """What a job used, as far as its target knows; None: unknown.

    Attributes:
        cpu_seconds: User and system time.
        max_rss: Largest memory use in bytes.
        wall_seconds: From start to end.
    """

    cpu_seconds: float | None = None
    max_rss: int | None = None
    wall_seconds: float | None = None


@dataclass(frozen=True)
class JobStatus:
    """What a target says of a job.

    Attributes:
        native_state: The system's own word for the state.
        reason: Why it waits or why it ended badly, in the system's own words.
        node: Where it runs or ran.
        exit_code: Where the target knows it; negative for a signal.
        infrastructure: The job ended through no fault of its tool (node failure, preemption): another
            try is in order.
        queued_at, started_at, ended_at: Seconds since the epoch, where known.
    """

    state: JobState
    native_state: str = ""
    reason: str = ""
    node: str = ""
    exit_code: int | None = None
    infrastructure: bool = False
    queued_at: float | None = None
    started_at: float | None = None
    ended_at: float | None = None
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True)
class TargetReport:
    """What ``airflow chronos targets test`` shows of a target.

    Attributes:
        ok: Whether a job could be submitted now.
        message: In a sentence.
        details: Versions, queues, nodes, free slots: what an administrator wants to see.
        waiting: Jobs of everybody in its queue, None where unknown.
        running: Jobs of everybody that run, None where unknown.
    """

    ok: bool
    message: str
    details: Mapping[str, Any] = field(default_factory=dict)
    waiting: int | None = None
    running: int | None = None


class Target(ABC):
    """A place where jobs run.

    All methods are called in one asyncio event loop, several at a time; none may block it. Native ids
    are texts that mean something to the target alone. An error that passes (no connection, time-out, a
    busy server) is raised as :class:`~chronos_plugin.errors.TargetUnreachable`: the call is repeated with
    growing pauses. :class:`~chronos_plugin.errors.TargetRefused` is final: the job fails, with the message.

    Attributes:
        kind: Name of the entry point.
        runs_images: Whether the target runs ``Job.image`` by itself.
        shared: Whether jobs see the work root under the same path.
        abilities: Which of ``hold``, ``suspend`` it has.
        guards: Whether ``job.sh`` is to be guarded by a process beside it, which gives signs of life
            (``started/alive``), passes a wish to cancel on, and ends the tool of a ``job.sh`` that was
            killed. For targets where nothing else on the node does.
        container_engine: Of its nodes, as the targets file says; None: the deployment's.
        changed: To be called, in the event loop, by targets that hear of a change without being asked: the
            next look at their jobs comes at once.
    """

    kind: ClassVar[str]
    runs_images: ClassVar[bool] = False
    shared: ClassVar[bool] = True
    abilities: ClassVar[frozenset[str]] = frozenset()
    guards: ClassVar[bool] = False

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        """Keep ``options`` of the targets file; connect to nothing yet.

        Raises:
            SettingInvalid: If an option is missing, unknown or wrong; the message names it.
        """
        self.name = name
        self.options = dict(options)
        self.container_engine: str | None = None
        self.changed: Callable[[], None] = lambda: None

    @abstractmethod
    async def submit(self, job: Job) -> str:
        """Hand a job over and return its native id."""

    @abstractmethod
    async def find(self, jobs: Sequence[Job]) -> Mapping[str, str]:
        """Return the native ids, by ``Job.id``, of those jobs that the system has or had.

        Jobs that it has no trace of are left out: they will be submitted.
        """

    @abstractmethod
    async def poll(self, jobs: Mapping[str, Job]) -> Mapping[str, JobStatus]:
        """Return the states of many jobs, by native id, in as few calls to the system as it takes."""

    @abstractmethod
    async def cancel(self, native: str, job: Job) -> None:
        """End a job, queued or running; no error if it has ended."""

    async def hold(self, native: str, job: Job) -> None:
        """Keep a queued job from starting."""
        raise self._unable("hold a queued job", native, job)

    async def release(self, native: str, job: Job) -> None:
        """Let a held job start."""
        raise self._unable("release a held job", native, job)

    async def suspend(self, native: str, job: Job) -> None:
        """Stop a running job where it is."""
        raise self._unable("suspend a running job", native, job)

    async def resume(self, native: str, job: Job) -> None:
        """Let a suspended job go on."""
        raise self._unable("resume a suspended job", native, job)

    async def logs(self, native: str, job: Job, offset: int) -> bytes:
        """Return what the job has written to its log from byte ``offset`` on, at most :data:`LOG_CHUNK`."""
        del native
        return await asyncio.to_thread(read_from, job.log, offset)

    async def collect(self, native: str, job: Job) -> None:
        """Bring what the job wrote to where ``job.folder`` is, for targets without shared storage."""
        del native, job

    @abstractmethod
    async def test(self) -> TargetReport:
        """Try what a submission needs, without submitting; what an administrator can mend is no error."""

    async def close(self) -> None:  # noqa: B027 - most targets hold nothing
        """Let go of connections."""

    def _unable(self, what: str, native: str, job: Job) -> TargetUnsupported:
        return TargetUnsupported(f"target {self.name} ({self.kind}) cannot {what}: {job.name} ({native})")


def read_from(file: Path, offset: int) -> bytes:
    """Return at most :data:`LOG_CHUNK` bytes of ``file`` from ``offset`` on; none if it is not there."""
    try:
        with open(file, "rb") as stream:
            stream.seek(offset)
            return stream.read(LOG_CHUNK)
    except FileNotFoundError:
        return b""
