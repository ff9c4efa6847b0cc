"""A target in memory that does what a test tells it: for what no real one can be made to do when wanted."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import ClassVar

from chronos_plugin.execution.targets.base import Job, JobState, JobStatus, Target, TargetReport


class ScriptedTarget(Target):
    """Jobs are rows of a table.

    Attributes:
        states: What :meth:`poll` says, by native id.
        raises: Errors to raise next, by method; the first goes first.
        called: Calls so far, with what they were about.
        hides: Job ids of which :meth:`find` has no trace.
    """

    kind: ClassVar[str] = "scripted"

    def __init__(self, name: str = "scripted") -> None:
        super().__init__(name, {})
        self.jobs: dict[str, Job] = {}
        self.states: dict[str, JobStatus] = {}
        self.raises: dict[str, list[BaseException]] = defaultdict(list)
        self.called: list[tuple[str, object]] = []
        self.hides: set[str] = set()
        self.closed = False

    def calls(self, method: str) -> list[object]:
        """Return what a method has been called about."""
        return [about for name, about in self.called if name == method]

    def now(self, native: str, state: JobState, **more: object) -> None:
        """Let a job be in a state from now on."""
        self.states[native] = JobStatus(state, **more)  # type: ignore[arg-type]

    def ends(self, native: str, code: int = 0, *, says: bool = True) -> None:
        """Let a job end, with or without the word of its own shell."""
        self.now(native, JobState.ENDED)
        if says:
            write_exit(self.jobs[native], code)

    async def submit(self, job: Job) -> str:
        self._call("submit", job.id)
        native = str(len(self.jobs) + 100)
        self.jobs[native] = job
        self.states.setdefault(native, JobStatus(JobState.QUEUED))
        return native

    async def find(self, jobs: Sequence[Job]) -> Mapping[str, str]:
        self._call("find", tuple(job.id for job in jobs))
        wanted = {job.id for job in jobs} - self.hides
        return {job.id: native for native, job in self.jobs.items() if job.id in wanted}

    async def poll(self, jobs: Mapping[str, Job]) -> Mapping[str, JobStatus]:
        self._call("poll", tuple(jobs))
        return {native: self.states[native] for native in jobs if native in self.states}

    async def cancel(self, native: str, job: Job) -> None:
        self._call("cancel", native)
        self.now(native, JobState.CANCELLED)

    async def hold(self, native: str, job: Job) -> None:
        self._call("hold", native)

    async def release(self, native: str, job: Job) -> None:
        self._call("release", native)

    async def collect(self, native: str, job: Job) -> None:
        self._call("collect", native)

    async def logs(self, native: str, job: Job, offset: int) -> bytes:
        self._call("logs", offset)
        return await super().logs(native, job, offset)

    async def test(self) -> TargetReport:
        return TargetReport(True, "scripted")

    async def close(self) -> None:
        self.closed = True

    def _call(self, method: str, about: object) -> None:
        self.called.append((method, about))
        if self.raises[method]:
            raise self.raises[method].pop(0)


def write_exit(job: Job, code: int = 0, **more: object) -> None:
    """Write what ``job.sh`` writes at its end."""
    value = {"exit_code": code, "timed_out": False, "asked": "", "node": "n1", "started": 1.0, "ended": 2.0}
    (job.folder / "exit.json").write_text(json.dumps({**value, "cpu": "", "memory": None, **more}))


def write_started(job: Job, native: str = "") -> None:
    """Write what ``job.sh`` writes at its start."""
    (job.folder / "started").mkdir(exist_ok=True)
    record = {"node": "n1", "pid": 1, "native": native, "at": 1.0}
    (job.folder / "started" / "record.json").write_text(json.dumps(record))
