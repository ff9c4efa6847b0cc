"""Batch systems through Toil: Slurm, Grid Engine, PBS/Torque, LSF, HTCondor.

A job is submitted by the command that Toil's class for the batch system builds, and lives in the batch
system alone: no process of CHRONOS must stay for it. It carries its id in its name, so that it is found
again when the native id was lost.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from typing import Any, ClassVar

from chronos_plugin.errors import SettingInvalid, TargetRefused, TargetUnreachable
from chronos_plugin.execution.targets.base import Job, JobState, JobStatus, Target, TargetReport
from chronos_plugin.execution.targets.batch.commands import Commands
from chronos_plugin.execution.targets.batch.dialect import EXIT_FILE, Dialect
from chronos_plugin.execution.targets.batch.wish import KNOWN, Wish, environment

SYSTEMS: Mapping[str, tuple[str, str]] = {
    "slurm": ("slurm", "Slurm"),
    "grid_engine": ("grid_engine", "GridEngine"),
    "torque": ("torque", "Torque"),
    "lsf": ("lsf", "Lsf"),
    "htcondor": ("htcondor", "HTCondor"),
}
"""Module and class by the name that Toil gives the batch system."""

WHOLE_WORKFLOWS_ONLY = ("kubernetes", "mesos", "aws_batch", "single_machine")
"""Toil's other batch systems: their jobs live in the memory of its leader and end with it."""

LOST_AFTER = 60.0
"""Seconds that a job must be unknown to its batch system before it is given up."""


class ToilTarget(Target):
    """A batch system.

    Options of the targets file: ``system`` (one of :data:`SYSTEMS`), ``environment`` (variables for its
    commands), ``parallel`` (commands at a time), ``command_timeout`` (seconds), and defaults for what a
    binding may say (:class:`~chronos_plugin.execution.targets.batch.wish.Wish`).
    """

    kind: ClassVar[str] = "toil"

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        super().__init__(name, options)
        given = dict(options)
        system = given.pop("system", None)
        parallel = _whole("parallel", given.pop("parallel", 4))
        timeout = _whole("command_timeout", given.pop("command_timeout", 60))
        variables = environment(given.pop("environment", None) or {})
        kind = dialect_class(system)
        try:
            Wish.parse(given, kind.refused)
        except SettingInvalid as error:
            raise SettingInvalid(f"target {name}: {error}") from error
        self._defaults = given
        self._commands = Commands(variables, parallel=parallel, timeout=timeout)
        self._dialect = kind(self._commands)
        self.abilities = frozenset(  # type: ignore[misc] # depends on the batch system
            ability for ability in ("hold", "suspend") if ability in kind.verbs
        )
        self._missing: dict[str, float] = {}
        self._unsure: set[str] = set()
        self._cancelled: set[str] = set()

    async def submit(self, job: Job) -> str:
        """Hand a job over.

        After a submission that gave no clear answer, the job is looked for before it is submitted again.

        Raises:
            TargetRefused: If the batch system or Toil will not have it.
            TargetUnreachable: If the batch system does not answer.
        """
        if job.id in self._unsure:
            found = await self.find([job])
            self._unsure.discard(job.id)
            if job.id in found:
                return found[job.id]
        wish = self._wish(job)
        await self._dialect.prepare(job, wish)
        try:
            submission = await asyncio.to_thread(self._dialect.submission, job, wish)
        except (RuntimeError, ValueError, ImportError) as error:
            raise TargetRefused(f"{job.name}: {error}") from error
        self._unsure.add(job.id)
        answer = await self._commands.run(submission.line, text=submission.text, submission=True)
        if answer.code:
            failure = self._dialect.failure(submission.line[0], answer)
            if isinstance(failure, TargetRefused):
                self._unsure.discard(job.id)
            raise failure
        try:
            native = self._dialect.native_id(answer)
        except (ValueError, IndexError) as error:
            raise TargetUnreachable(f"{submission.line[0]} printed no job id: {answer.words}") from error
        self._unsure.discard(job.id)
        return native

    async def find(self, jobs: Sequence[Job]) -> Mapping[str, str]:
        """Look for jobs by the ids in their names."""
        return await self._dialect.find(jobs) if jobs else {}

    async def poll(self, jobs: Mapping[str, Job]) -> Mapping[str, JobStatus]:
        """Ask for all jobs at once. A job that stays unknown for :data:`LOST_AFTER` is lost."""
        if not jobs:
            return {}
        known = await self._dialect.poll(jobs)
        result = {native: self._as_asked(native, known[native]) for native in jobs if native in known}
        for native in result:
            self._missing.pop(native, None)
        for native, job in jobs.items():
            if native not in result:
                result[native] = self._unknown(native, job)
        return result

    async def cancel(self, native: str, job: Job) -> None:
        """End a job, queued or running; no error if it has ended."""
        await self._act("cancel", native, job)
        self._cancelled.add(native)

    async def hold(self, native: str, job: Job) -> None:
        """Keep a queued job from starting."""
        await self._act("hold", native, job)

    async def release(self, native: str, job: Job) -> None:
        """Let a held job start."""
        await self._act("release", native, job)

    async def suspend(self, native: str, job: Job) -> None:
        """Stop a running job where it is."""
        await self._act("suspend", native, job)

    async def resume(self, native: str, job: Job) -> None:
        """Let a suspended job go on."""
        await self._act("resume", native, job)

    async def test(self) -> TargetReport:
        """Try what a submission needs."""
        return await self._dialect.test(Wish.parse(self._defaults, self._dialect.refused))

    async def close(self) -> None:
        """Start no more commands."""
        self._commands.close()

    def _wish(self, job: Job) -> Wish:
        try:
            return Wish.parse({**self._defaults, **job.options}, self._dialect.refused)
        except SettingInvalid as error:
            raise TargetRefused(f"{job.name}, options for target {self.name}: {error}") from error

    async def _act(self, verb: str, native: str, job: Job) -> None:
        if verb not in self._dialect.verbs:
            raise self._unable(f"{verb} a job", native, job)
        await self._dialect.act(verb, native)

    def _as_asked(self, native: str, status: JobStatus) -> JobStatus:
        """Call an end that was asked for by its name: not every batch system tells it from a failure."""
        if not status.state.final or native not in self._cancelled:
            return status
        self._cancelled.discard(native)
        ended_before = status.exit_code == 0
        return status if ended_before else replace(status, state=JobState.CANCELLED)

    def _unknown(self, native: str, job: Job) -> JobStatus:
        first = self._missing.setdefault(native, time.monotonic())
        if native in self._cancelled:
            # Deleted before it started: Grid Engine and Torque keep no record of it.
            self._cancelled.discard(native)
            del self._missing[native]
            return JobStatus(JobState.CANCELLED, reason="cancelled before it started")
        if (job.folder / EXIT_FILE).exists():
            del self._missing[native]
            return JobStatus(JobState.ENDED, reason="ended; the batch system has forgotten it")
        if time.monotonic() - first < LOST_AFTER:
            return JobStatus(JobState.UNKNOWN, reason="the batch system does not know it")
        del self._missing[native]
        return JobStatus(JobState.LOST, reason=f"unknown to the batch system for {LOST_AFTER:.0f} s")


def dialect_class(system: Any) -> type[Dialect]:
    """Return how a batch system is spoken to.

    Raises:
        SettingInvalid: If there is none of that name.
    """
    if system in SYSTEMS:
        module, name = SYSTEMS[system]
        loaded = import_module(f"chronos_plugin.execution.targets.batch.{module}")
        return getattr(loaded, name)  # type: ignore[no-any-return]
    if system in WHOLE_WORKFLOWS_ONLY:
        raise SettingInvalid(
            f"system = {system!r}: Toil runs single jobs there only under its leader, in whose memory they "
            "live; delegate the whole workflow, or use CHRONOS's own target for that system"
        )
    raise SettingInvalid(f"system = {system!r}: write one of {', '.join(SYSTEMS)}")


def _whole(name: str, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise SettingInvalid(f"{name} = {value!r}: write a whole number from 1 on")
    return value


__all__ = ["KNOWN", "SYSTEMS", "ToilTarget", "dialect_class"]
