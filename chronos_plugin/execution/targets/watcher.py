"""Watches the jobs of one target for all who wait for them: submits, polls, passes wishes and logs on."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from chronos_plugin.errors import ServiceFailed, TargetUnreachable
from chronos_plugin.execution.bindings.document import TargetSetting
from chronos_plugin.execution.targets.admission import Admission
from chronos_plugin.execution.targets.base import LOG_CHUNK, Job, JobState, JobStatus, Target
from chronos_plugin.execution.targets.breaker import Breaker
from chronos_plugin.execution.targets.folder import SUBMITTED, SUBMITTING, JobFolder
from chronos_plugin.execution.targets.report import StateFile

log = logging.getLogger("chronos.target")
Tell = Callable[[str], None]
"""Takes a line for the task's log."""

EXIT_GRACE = 15.0
"""Seconds that ``exit.json`` may come later than the target's word that the job has ended."""
SUBMISSIONS = 3
"""Times that a job which its target has lost before it started is submitted."""
MAX_LOG = 32 << 20
"""Bytes of a job's output that are copied to the task log; the file itself has them all."""


@dataclass
class _Watched:
    """A job that somebody waits for."""

    job: Job
    folder: JobFolder
    tell: Tell
    ended: asyncio.Future[JobStatus]
    native: str | None = None
    status: JobStatus | None = None
    over_since: float | None = None
    applied: str | None = None
    log_offset: int = 0
    submissions: int = 0
    asked_at: float = field(default_factory=time.time)

    def settle(self, status: JobStatus) -> None:
        """Tell who waits that the job has ended."""
        self.folder.write_status(status)
        if not self.ended.done():
            self.ended.set_result(status)


class Watcher:
    """Attends to all jobs of a target in one event loop.

    Args:
        state: Where others can read how the target does; None: nowhere.
    """

    def __init__(self, target: Target, setting: TargetSetting, state: StateFile | None = None) -> None:
        self.target = target
        self.admission = Admission(setting)
        self.breaker = Breaker()
        self._state = state
        self._watched: dict[str, _Watched] = {}
        self._loop_task: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()

    @property
    def setting(self) -> TargetSetting:
        """The target's bounds, which may change while jobs are watched."""
        return self.admission.setting

    @setting.setter
    def setting(self, value: TargetSetting) -> None:
        self.admission.setting = value

    @property
    def idle(self) -> bool:
        """Whether nobody waits for a job."""
        return not self._watched

    async def attend(self, folder: JobFolder, tell: Tell = lambda _: None) -> JobStatus:
        """Submit a job unless it has been, wait for its end, and return its last status.

        Cancelling the call leaves the job alone; another call, in any process, takes it up again.
        """
        job, _, _ = folder.job()
        # Polling happens in a task of its own; what is told must reach the log of who waits.
        told: Tell = partial(contextvars.copy_context().run, tell)  # type: ignore[call-arg]
        entry = _Watched(job, folder, told, asyncio.get_running_loop().create_future())
        entry.log_offset = _read_offset(folder)
        self._watched[job.id] = entry
        self._start()
        try:
            await self._submitted(entry)
            self._wake.set()
            status = await entry.ended
            if entry.native is not None:
                await self._patiently(self.target.collect(entry.native, job))
                await self._relay_log(entry)
            return status
        except ServiceFailed as error:
            entry.settle(JobStatus(JobState.REFUSED, reason=str(error)))
            return await entry.ended
        finally:
            del self._watched[job.id]
            self.admission.leave(job)

    async def cancel(self, folder: JobFolder) -> None:
        """End a job that nobody will attend to any more."""
        folder.write_wish("cancel")
        submission = folder.submission()
        job, _, _ = folder.job()
        if submission is None:
            return
        native = submission["native"] or (await self.target.find([job])).get(job.id)
        if native is not None:
            await self.target.cancel(native, job)

    async def close(self) -> None:
        """Stop watching; jobs go on."""
        if self._loop_task is not None:
            self._loop_task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._loop_task
        await self.target.close()

    # -- submission ----------------------------------------------------------------------------

    async def _submitted(self, entry: _Watched) -> None:
        """See to it that a job is submitted, once."""
        known = entry.folder.submission()
        if known is None:
            if not await self._admitted(entry):
                return
        else:
            self.admission.take(entry.job)
        native = known["native"] if known and known["state"] == SUBMITTED else None
        if native is None:
            native = await self._submit(entry, perhaps=known is not None)
        entry.native = native
        entry.tell(f"target {self.target.name}: job {native}")

    async def _admitted(self, entry: _Watched) -> bool:
        """Wait for room, and for a hold to be released; False if the job was cancelled meanwhile."""
        while (wish := entry.folder.wish()) in ("hold", "suspend"):
            entry.applied = wish
            await asyncio.sleep(self.setting.poll_interval)
        if wish == "cancel":
            entry.settle(JobStatus(JobState.CANCELLED, reason="cancelled before its submission"))
            return False
        if self.admission.waiting or self.admission.in_flight >= self.setting.max_in_flight:
            entry.tell(f"target {self.target.name}: waiting for room ({self.admission.in_flight} in flight)")
        await self.admission.enter(entry.job)
        return True

    async def _submit(self, entry: _Watched, *, perhaps: bool) -> str:
        """Submit, and again until it is known to have succeeded.

        Args:
            perhaps: Whether the job may have been submitted by somebody who did not live to say so.
        """
        while True:
            await self.breaker.passage()
            try:
                native = (await self.target.find([entry.job])).get(entry.job.id) if perhaps else None
                if native is None:
                    entry.folder.write_submission(SUBMITTING)
                    perhaps = True
                    entry.submissions += 1
                    native = await self.target.submit(entry.job)
            except TargetUnreachable as error:
                self._failed(error)
            except ServiceFailed:
                self.breaker.succeeded()
                raise
            else:
                entry.folder.write_submission(SUBMITTED, native)
                self.breaker.succeeded()
                return native

    async def _patiently(self, call: Coroutine[Any, Any, None]) -> None:
        try:
            await call
        except TargetUnreachable as error:
            self._failed(error)

    def _failed(self, error: TargetUnreachable) -> None:
        self.breaker.failed(error)
        log.warning("target %s: %s (%s)", self.target.name, error, self.breaker.state)

    # -- polling -------------------------------------------------------------------------------

    def _start(self) -> None:
        if self._loop_task is None or self._loop_task.done():
            self._loop_task = asyncio.create_task(self._watch(), name=f"chronos-target-{self.target.name}")

    async def _watch(self) -> None:
        while self._watched:
            try:
                await self._look()
            except TargetUnreachable as error:
                self._failed(error)
            except Exception:
                # One target's fault must not end the watch over all its jobs.
                log.exception("target %s: watching failed; going on", self.target.name)
            self._publish()
            with contextlib.suppress(TimeoutError):
                self._wake.clear()
                await asyncio.wait_for(self._wake.wait(), self.setting.poll_interval)
                # A burst of new jobs is one look, not many.
                await asyncio.sleep(min(1.0, self.setting.poll_interval / 4))
        self._publish()

    async def _look(self) -> None:
        """Ask the target about all jobs at once, and pass on what people want."""
        natives = {e.native: e for e in self._watched.values() if e.native is not None}
        if not natives:
            return
        await self.breaker.passage()
        for native, entry in natives.items():
            await self._apply_wish(native, entry)
        found = await self.target.poll({native: e.job for native, e in natives.items()})
        self.breaker.succeeded()
        for native, entry in natives.items():
            status = found.get(native, JobStatus(JobState.UNKNOWN, reason="the target says nothing of it"))
            await self._note(entry, status)

    async def _note(self, entry: _Watched, status: JobStatus) -> None:
        before = entry.status
        if before is None or (before.state, before.reason) != (status.state, status.reason):
            entry.folder.write_status(status)
            entry.tell(_sentence(self.target.name, status))
        entry.status = status
        if status.state is not JobState.QUEUED:
            await self._relay_log(entry)
        if status.state is JobState.LOST:
            await self._lost(entry, status)
        elif status.state.final or (entry.folder.path / "exit.json").exists():
            self._over(entry, status)

    def _over(self, entry: _Watched, status: JobStatus) -> None:
        """Settle a job when both its own shell and the target say that it has ended, or one has waited."""
        now = time.monotonic()
        entry.over_since = entry.over_since or now
        patience = min(EXIT_GRACE, 3 * self.setting.poll_interval)
        said = (entry.folder.path / "exit.json").exists()
        if said and (status.state.final or now - entry.over_since >= patience):
            entry.settle(replace(status, state=JobState.ENDED) if not status.state.final else status)
            return
        if said or now - entry.over_since < EXIT_GRACE:
            self._soon()
            return
        other = str((entry.folder.started() or {}).get("native") or "")
        if other and entry.native and other not in entry.native:
            # Submitted twice: the one that came first runs, ours found it started.
            entry.tell(f"target {self.target.name}: job {other} runs it")
            entry.folder.write_submission(SUBMITTED, other)
            entry.native, entry.over_since = other, None
            return
        entry.settle(status)

    async def _lost(self, entry: _Watched, status: JobStatus) -> None:
        """Submit again what never started; what had started has failed."""
        if (entry.folder.path / "exit.json").exists():
            self._over(entry, replace(status, state=JobState.ENDED))
        elif entry.folder.started() or entry.submissions >= SUBMISSIONS:
            self._over(entry, status)
        else:
            entry.tell(f"target {self.target.name} does not know the job any more: submitting it again")
            entry.native = entry.status = None
            entry.native = await self._submit(entry, perhaps=True)

    def _soon(self) -> None:
        asyncio.get_running_loop().call_later(min(1.0, self.setting.poll_interval), self._wake.set)

    async def _apply_wish(self, native: str, entry: _Watched) -> None:
        wish = entry.folder.wish()
        if wish is None or wish == entry.applied:
            return
        call = {
            "hold": self.target.hold,
            "release": self.target.release,
            "suspend": self.target.suspend,
            "resume": self.target.resume,
            "cancel": self.target.cancel,
        }[wish]
        try:
            await call(native, entry.job)
            entry.tell(f"target {self.target.name}: {wish}")
        except TargetUnreachable:
            raise
        except ServiceFailed as error:
            entry.tell(str(error))
        entry.applied = wish

    async def _relay_log(self, entry: _Watched) -> None:
        """Copy what the job has written since the last look to the task's log."""
        if entry.native is None or entry.log_offset >= MAX_LOG:
            return
        if self.target.shared and _size(entry.job) <= entry.log_offset:
            return
        while chunk := await self.target.logs(entry.native, entry.job, entry.log_offset):
            whole = chunk if len(chunk) < LOG_CHUNK else chunk[: chunk.rfind(b"\n") + 1] or chunk
            entry.log_offset += len(whole)
            for line in whole.decode(errors="replace").splitlines():
                entry.tell(line)
            if entry.log_offset >= MAX_LOG:
                entry.tell(f"more than {MAX_LOG >> 20} MiB of output: the rest is in {entry.job.log}")
                break
        (entry.folder.path / "log.offset").write_text(str(entry.log_offset))

    def _publish(self) -> None:
        if self._state is not None:
            self._state.write(
                breaker=self.breaker,
                in_flight=self.admission.in_flight,
                waiting=self.admission.waiting,
                oldest=self._oldest_waiting(),
            )

    def _oldest_waiting(self) -> float | None:
        """Return since when the job waits that has waited longest, None if none waits."""
        since = [
            e.asked_at
            for e in self._watched.values()
            if e.status is None or e.status.state in (JobState.QUEUED, JobState.UNKNOWN)
        ]
        return min(since) if since else None


def _sentence(name: str, status: JobStatus) -> str:
    where = f" on {status.node}" if status.node else ""
    why = f": {status.reason}" if status.reason else ""
    native = f" ({status.native_state})" if status.native_state else ""
    return f"target {name}: {status.state}{native}{where}{why}"


def _size(job: Job) -> int:
    try:
        return job.log.stat().st_size
    except OSError:
        return 0


def _read_offset(folder: JobFolder) -> int:
    with contextlib.suppress(OSError, ValueError):
        return int((folder.path / "log.offset").read_text())
    return 0
