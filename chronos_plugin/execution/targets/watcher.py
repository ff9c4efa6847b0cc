"""Watches the jobs of one target for all who wait for them: submits, polls, passes wishes and logs on."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
import time
from dataclasses import replace
from functools import partial
from typing import Any

from chronos_plugin.errors import ChronosError, ServiceFailed, TargetUnreachable
from chronos_plugin.execution.bindings.document import TargetSetting
from chronos_plugin.execution.targets.admission import Admission
from chronos_plugin.execution.targets.base import JobState, JobStatus, Target
from chronos_plugin.execution.targets.breaker import Breaker
from chronos_plugin.execution.targets.folder import SUBMITTED, SUBMITTING, JobFolder
from chronos_plugin.execution.targets.report import StateFile
from chronos_plugin.execution.targets.watched import Tell, Watched

log = logging.getLogger("chronos.target")

EXIT_GRACE = 15.0
"""Seconds that ``exit.json`` may come later than the target's word that the job has ended."""
BURST = 0.05
"""Seconds for which more news of a target is waited for."""
SUBMISSIONS = 3
"""Times that a job which its target has lost before it started is submitted."""
HOLDING = ("hold", "suspend")
"""Wishes that keep a job from being submitted."""


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
        self._watched: dict[str, Watched] = {}
        self._loop_task: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._heard = False
        target.changed = self._hear

    @property
    def setting(self) -> TargetSetting:
        """The target's bounds, which may change while jobs are watched."""
        return self.admission.setting

    @setting.setter
    def setting(self, value: TargetSetting) -> None:
        self.admission.change(value)

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
        entry = Watched(job, folder, told, asyncio.get_running_loop().create_future())
        self._watched[job.id] = entry
        self._start()
        submitting = asyncio.create_task(self._submitted(entry))
        try:
            # A job may be cancelled while it waits for room, or for its target to answer.
            either: list[asyncio.Future[Any]] = [submitting, entry.ended]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if submitting.done():
                await submitting
            self._wake.set()
            return await self._brought_back(entry, await entry.ended)
        except ChronosError as error:
            entry.settle(JobStatus(JobState.REFUSED, reason=str(error)))
            return await entry.ended
        finally:
            submitting.cancel()
            # Who attends to the job anew may have come before this one went.
            if self._watched.get(job.id) is entry:
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

    async def _submitted(self, entry: Watched) -> None:
        """See to it that a job is submitted, once."""
        known = entry.folder.submission()
        if known is None:
            await self._admitted(entry)
            if entry.ended.done():
                return
        else:
            self.admission.take(entry.job)
        native = known["native"] if known and known["state"] == SUBMITTED else None
        if native is None:
            native = await self._submit(entry, perhaps=known is not None)
        entry.native = native
        entry.tell(f"target {self.target.name}: job {native}")

    async def _admitted(self, entry: Watched) -> None:
        """Wait for a hold to be released, and for room; settle the job if it is cancelled meanwhile."""
        while not entry.ended.done():
            while (wish := entry.folder.wish()) in HOLDING:
                if wish != entry.applied:
                    entry.tell(f"target {self.target.name}: {wish}: not submitted until it is released")
                entry.applied = wish
                await asyncio.sleep(self.setting.poll_interval)
            # A release of what was never submitted is nothing to the target.
            entry.applied = wish
            if self.admission.waiting or self.admission.in_flight >= self.setting.max_in_flight:
                room = f"waiting for room ({self.admission.in_flight} in flight)"
                entry.tell(f"target {self.target.name}: {room}")
            self._cancel_unsubmitted(entry)
            if entry.ended.done():
                return
            await self.admission.enter(entry.job)
            self._cancel_unsubmitted(entry)
            if entry.folder.wish() not in HOLDING:
                return
            self.admission.leave(entry.job)

    async def _submit(self, entry: Watched, *, perhaps: bool, lost: str | None = None) -> str:
        """Submit, and again until it is known to have succeeded.

        Args:
            perhaps: Whether the job may have been submitted by somebody who did not live to say so.
            lost: A native id that leads nowhere.
        """
        while True:
            try:
                async with self.breaker.passage():
                    native = (await self.target.find([entry.job])).get(entry.job.id) if perhaps else None
                    if native is None or native == lost:
                        entry.folder.write_submission(SUBMITTING)
                        perhaps = True
                        entry.submissions += 1
                        native = await self.target.submit(entry.job)
                    entry.folder.write_submission(SUBMITTED, native)
                    return native
            except TargetUnreachable as error:
                self._warn(error)

    async def _brought_back(self, entry: Watched, status: JobStatus) -> JobStatus:
        """Have the target bring what an ended job wrote; return the status that stands then."""
        native = entry.native
        while native is not None:
            try:
                async with self.breaker.passage():
                    await self.target.collect(native, entry.job)
                await self._relay_log(entry, ended=True)
                break
            except TargetUnreachable as error:
                self._warn(error)
            except ServiceFailed as error:
                reason = f"what it wrote could not be brought back: {error}"
                status = replace(status, state=JobState.LOST, reason=reason)
                entry.folder.write_status(status)
                break
        return status

    def _warn(self, error: BaseException) -> None:
        log.warning("target %s: %s (%s)", self.target.name, error, self.breaker.state)

    # -- polling -------------------------------------------------------------------------------

    def _start(self) -> None:
        if self._loop_task is None or self._loop_task.done():
            self._loop_task = asyncio.create_task(self._watch(), name=f"chronos-target-{self.target.name}")

    async def _watch(self) -> None:
        while self._watched:
            # Who wakes this while it looks wants another look.
            self._wake.clear()
            for entry in list(self._watched.values()):
                self._cancel_unsubmitted(entry)
            try:
                await self._look()
            except TargetUnreachable as error:
                self._warn(error)
            except Exception:
                # One target's fault must not end the watch over all its jobs.
                log.exception("target %s: watching failed; going on", self.target.name)
            self._publish()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), self.setting.poll_interval)
                # A burst of new jobs, or of news, is one look, not many.
                await asyncio.sleep(BURST if self._heard else min(1.0, self.setting.poll_interval / 4))
            self._heard = False
        self._publish()

    def _hear(self) -> None:
        """Look soon: the target has news."""
        self._heard = True
        self._wake.set()

    def _cancel_unsubmitted(self, entry: Watched) -> None:
        if entry.native is None and entry.folder.wish() == "cancel" and not entry.folder.submission():
            entry.settle(JobStatus(JobState.CANCELLED, reason="cancelled before its submission"))

    async def _look(self) -> None:
        """Ask the target about all jobs at once, and pass on what people want."""
        natives = {e.native: e for e in self._watched.values() if e.native is not None}
        if not natives or not self.breaker.free:
            return
        async with self.breaker.passage():
            for native, entry in natives.items():
                await self._apply_wish(native, entry)
            found = await self.target.poll({native: e.job for native, e in natives.items()})
        for native, entry in natives.items():
            status = found.get(native, JobStatus(JobState.UNKNOWN, reason="the target says nothing of it"))
            await self._note(entry, status)

    async def _note(self, entry: Watched, status: JobStatus) -> None:
        before = entry.status
        if before is None or (before.state, before.reason) != (status.state, status.reason):
            entry.folder.write_status(status)
            entry.tell(_sentence(self.target.name, status))
        entry.status = status
        if status.state is not JobState.QUEUED:
            await self._relay_log(entry)
        if status.state is JobState.LOST:
            await self._lost(entry, status)
        elif status.state.final or entry.has_said:
            self._over(entry, status)

    def _over(self, entry: Watched, status: JobStatus) -> None:
        """Settle a job when both its own shell and the target say that it has ended, or one has waited."""
        now = time.monotonic()
        entry.over_since = entry.over_since or now
        waited, said = now - entry.over_since, entry.has_said
        patience = min(EXIT_GRACE, 3 * self.setting.poll_interval)
        if said and (status.state.final or waited >= patience):
            entry.settle(status if status.state.final else replace(status, state=JobState.ENDED))
        elif not self.target.shared:
            # What its shell said is not here before the target has brought it.
            entry.settle(status)
        elif said or waited < EXIT_GRACE:
            self._soon()
        elif other := entry.other_native():
            # Submitted twice: the one that came first runs, ours found it started.
            entry.tell(f"target {self.target.name}: job {other} runs it")
            entry.folder.write_submission(SUBMITTED, other)
            entry.native, entry.over_since = other, None
        elif entry.applied == "cancel":
            entry.settle(replace(status, state=JobState.CANCELLED))
        else:
            entry.settle(status)

    async def _lost(self, entry: Watched, status: JobStatus) -> None:
        """Submit again what never started; what had started has failed."""
        if entry.has_said:
            self._over(entry, replace(status, state=JobState.ENDED))
        elif entry.folder.started() or entry.submissions >= SUBMISSIONS or entry.applied == "cancel":
            self._over(entry, status)
        else:
            entry.tell(f"target {self.target.name} does not know the job any more: submitting it again")
            lost, entry.native, entry.status = entry.native, None, None
            try:
                entry.native = await self._submit(entry, perhaps=True, lost=lost)
            except ServiceFailed as error:
                entry.settle(JobStatus(JobState.REFUSED, reason=str(error)))

    def _soon(self) -> None:
        asyncio.get_running_loop().call_later(min(1.0, self.setting.poll_interval), self._wake.set)

    async def _apply_wish(self, native: str, entry: Watched) -> None:
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
        except Exception as error:
            # One job's wish must not keep the others from being looked at.
            log.exception("target %s: %s of %s failed", self.target.name, wish, entry.job.name)
            entry.tell(f"target {self.target.name}: {wish} failed: {error}")
        entry.applied = wish

    async def _relay_log(self, entry: Watched, *, ended: bool = False) -> None:
        """Copy what the job has written since the last look to the task's log, line by line."""
        try:
            await entry.relay(self.target, ended=ended)
        except ServiceFailed as error:
            log.warning("target %s: the log of %s: %s", self.target.name, entry.job.name, error)

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
