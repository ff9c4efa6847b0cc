"""One request on its way: look, do what is missing, look again, until it is fulfilled or cannot be."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from chronos_plugin.errors import ChronosError, CloudFailed
from chronos_plugin.execution.cloud import detached
from chronos_plugin.execution.cloud.goals import Step, begin, judge
from chronos_plugin.execution.cloud.model import OPEN, Cloud, Request, RequestState, RequestTable, Resource
from chronos_plugin.execution.cloud.naming import labels_for

log = logging.getLogger("chronos.cloud")

OUTPUT_BYTES = 1 << 16
"""Of a command's output this much is kept, from its end."""


@dataclass(frozen=True)
class Timing:
    """Pauses and limits of the agent, in seconds.

    Attributes:
        tick: Between two looks at the table of requests.
        lease: How long an agent leads without renewing; after a crash another waits this long.
        poll: Between two looks at a resource that is changing.
        settle: After a call of unknown outcome: how long a resource must stay before it counts as kept.
        retry: First pause after a failure that passes; doubled each time.
        retry_most: Longest such pause.
        rollback: How long a rolled-back resource is waited for.
        calls: Requests at a time.
    """

    tick: float = 1.0
    lease: float = 15.0
    poll: float = 5.0
    settle: float = 60.0
    retry: float = 2.0
    retry_most: float = 60.0
    rollback: float = 900.0
    calls: int = 64


@dataclass
class Pursuit:
    """The agent's work on one request."""

    request: Request
    table: RequestTable
    connect: Callable[[str], Awaitable[Cloud]]
    timing: Timing
    reached: Callable[[str, str], None]
    _unsettled: float | None = field(default=None)
    _failures: int = field(default=0)
    _why: str = field(default="")
    _taken_since: float | None = field(default=None)

    async def fulfil(self) -> None:
        """Bring the request to its end and write that down."""
        request = self.request
        # What was running when an agent ended may be on its way back in the cloud.
        self._unsettled = time.time() if request.state is RequestState.RUNNING else None
        if not await self._change(state=RequestState.RUNNING):
            return
        self.reached("claimed", request.id)
        cloud: Cloud | None = None
        try:
            cloud = await self.connect(request.connection)
            if request.verb == "run":
                result = await self._command(cloud)
            elif request.verb == "copy":
                result = await self._copy(cloud)
            else:
                result = await self._converge(cloud)
        except ChronosError as error:
            await self._end_badly(cloud, error)
        else:
            self.reached("fulfilled", request.id)
            await self._change(
                state=RequestState.SUCCEEDED,
                result=dict(result),
                ended=time.time(),
                expected=(RequestState.RUNNING,),
            )
            self.reached("finished", request.id)

    async def undo(self) -> None:
        """End a request that somebody does not want any more; what was being made is removed."""
        request, deadline = self.request, time.time() + self.timing.rollback
        result: dict[str, Any] = {}
        try:
            cloud = await self.connect(request.connection)
            if request.verb == "run":
                await cloud.run(request.name, detached.cancel(request.id))
            elif self._may_remove():
                result["removed"] = await self._remove(cloud, deadline)
        except ChronosError as error:
            result["error"] = str(error)
        await self._change(
            state=RequestState.CANCELLED, result=result, error=result.get("error", ""), ended=time.time()
        )

    async def give_up(self, error: Exception) -> None:
        """Write down that the request failed for a reason that nobody foresaw."""
        await self._fail(f"{type(error).__name__}: {error}", "failed")

    # -- resources

    async def _converge(self, cloud: Cloud) -> Mapping[str, Any]:
        while True:
            seen = await self._look(cloud)
            if self.request.progress.get("found") is None:
                await self._keep(begin(self.request, seen))
            verdict = judge(self.request, seen, settled=self._settled())
            match verdict.step:
                case Step.DONE:
                    await self._mark(cloud)
                    return _shown(seen)
                case Step.FAIL:
                    raise CloudFailed(verdict.why, reason=verdict.reason)
                case Step.WAIT:
                    self._why = verdict.why
                    await self._sleep(self.timing.poll)
                case Step.ACT:
                    await self._act(cloud, verdict.spec)

    async def _look(self, cloud: Cloud) -> Resource | None:
        while True:
            try:
                return await cloud.inspect(self.request.kind, self.request.name, self.request.spec)
            except CloudFailed as error:
                await self._endure(error)

    async def _act(self, cloud: Cloud, spec: Mapping[str, Any]) -> None:
        request = self.request
        log.info("%s %s %s (request %s)", request.verb, request.kind, request.name, request.id)
        self.reached("before call", request.id)
        try:
            await cloud.perform(request.kind, request.verb, request.name, spec, seconds=self._left())
        except CloudFailed as error:
            # A name that is taken though nothing is to be seen: another call's rollback, or not SafeScale's.
            taken = error.reason == "exists" and self._is_patient()
            gone = error.reason == "absent" and request.verb not in ("create", "expand")
            self._unsettled = time.time()
            if taken or gone:
                await self._sleep(self._growing_pause())
            else:
                await self._endure(error)
        else:
            self._unsettled, self._taken_since, self._failures = None, None, 0
            self.reached("after call", request.id)

    def _is_patient(self) -> bool:
        """Return whether a name that is taken may still become free: as long as a rollback may last."""
        now = time.time()
        self._taken_since = self._taken_since or now
        patience = self.timing.settle if self._unsettled is None else self.timing.rollback
        return now - self._taken_since < patience

    async def _mark(self, cloud: Cloud) -> None:
        request = self.request
        if request.kind == "host" and request.verb == "create" and request.owner:
            await cloud.mark(request.name, labels_for(request.owner, request.expires))
            self.reached("marked", request.id)

    async def _remove(self, cloud: Cloud, deadline: float) -> bool:
        """Wait for the cloud's rollback; delete what outlives it; return whether nothing is left."""
        patience = time.time() + self.timing.settle
        while time.time() < deadline:
            try:
                seen = await cloud.inspect(self.request.kind, self.request.name, self.request.spec)
                if seen is None:
                    return True
                if time.time() > patience or seen.state in ("ready", "failed", "stopped"):
                    await cloud.perform(self.request.kind, "delete", self.request.name, {})
            except CloudFailed as error:
                if not error.passing and error.reason != "absent":
                    raise
            await asyncio.sleep(self.timing.poll)
        return False

    # -- commands on hosts

    async def _command(self, cloud: Cloud) -> Mapping[str, Any]:
        request = self.request
        await self._on_host(cloud, detached.start(request.id, f"{{ {request.spec['command']}\n}} >out 2>err"))
        self.reached("after call", request.id)
        while True:
            told = await self._on_host(cloud, detached.status({request.id: ""}))
            standing = detached.parse_status(told).get(request.id)
            if standing is not None and standing.state not in ("running", "suspended"):
                break
            await self._sleep(self.timing.poll)
        if standing.exit_code is None:
            raise CloudFailed(f"the command on {request.name} ended with its host", reason="failed")
        limit = int(request.spec.get("output_bytes", OUTPUT_BYTES))
        return {
            "exit_code": standing.exit_code,
            "output": await self._on_host(cloud, detached.output(request.id, "out", limit)),
            "errors": await self._on_host(cloud, detached.output(request.id, "err", limit)),
        }

    async def _on_host(self, cloud: Cloud, command: str) -> str:
        while True:
            try:
                done = await cloud.run(self.request.name, command)
            except CloudFailed as error:
                await self._endure(error)
                continue
            if done.status == 0:
                return done.output
            raise CloudFailed(
                f"{self.request.name}: status {done.status}: {done.errors.strip()}", reason="failed"
            )

    async def _copy(self, cloud: Cloud) -> Mapping[str, Any]:
        while True:
            try:
                done = await cloud.copy(self.request.spec)
            except CloudFailed as error:
                await self._endure(error)
                continue
            if done.status:
                raise CloudFailed(f"copy: {done.errors.strip() or done.output.strip()}", reason="failed")
            return {"exit_code": 0}

    # -- time, and the table

    async def _endure(self, error: CloudFailed) -> None:
        """Pause after a failure that passes; raise another."""
        if not error.passing:
            raise error
        if self._failures == 0:
            log.warning("request %s: %s; trying again", self.request.id, error)
        await self._sleep(self._growing_pause())

    def _growing_pause(self) -> float:
        self._failures += 1
        return min(self.timing.retry * 2.0 ** (self._failures - 1), self.timing.retry_most)

    async def _sleep(self, seconds: float) -> None:
        await asyncio.sleep(min(seconds, self._left()))

    def _left(self) -> float:
        """Return the seconds to the deadline; CloudFailed when it has passed."""
        left = self.request.deadline - time.time()
        if left <= 0:
            text = f"{self.request.verb} of {self.request.kind} {self.request.name}: the deadline passed"
            raise CloudFailed(f"{text} ({self._why})" if self._why else text, reason="timeout")
        return left

    def _settled(self) -> bool:
        return self._unsettled is None or time.time() - self._unsettled >= self.timing.settle

    async def _end_badly(self, cloud: Cloud | None, error: ChronosError) -> None:
        reason = error.reason if isinstance(error, CloudFailed) else "invalid"
        text = str(error)
        if cloud is not None and reason == "timeout" and self.request.verb == "run":
            with contextlib.suppress(CloudFailed):
                await cloud.run(self.request.name, detached.cancel(self.request.id))
        if cloud is not None and reason == "timeout" and self._may_remove():
            # The service rolls back what did not come about in time; what it leaves is removed.
            try:
                gone = await self._remove(cloud, time.time() + self.timing.rollback)
            except CloudFailed as second:
                gone, text = False, f"{text}; and {second}"
            text += (
                "; nothing is left of it" if gone else "; it may still be there: airflow chronos cloud list"
            )
        await self._fail(text, reason)

    def _may_remove(self) -> bool:
        request = self.request
        made_here = request.verb == "create" and request.progress.get("found") is False
        return made_here and not request.spec.get("keep_on_failure")

    async def _fail(self, error: str, reason: str) -> None:
        log.warning("request %s failed: %s", self.request.id, error)
        await self._change(
            state=RequestState.FAILED,
            error=error,
            reason=reason,
            ended=time.time(),
            expected=(RequestState.RUNNING,),
        )

    async def _keep(self, progress: dict[str, Any]) -> None:
        self.request = replace(self.request, progress={**self.request.progress, **progress})
        await self._change(progress=dict(self.request.progress))

    async def _change(self, *, expected: tuple[RequestState, ...] = tuple(OPEN), **values: Any) -> bool:
        return await asyncio.to_thread(self.table.change, self.request.id, expected, **values)


def _shown(seen: Resource | None) -> dict[str, Any]:
    if seen is None:
        return {}
    shown = {"name": seen.name, "id": seen.id, "state": seen.native_state or seen.state, **seen.facts}
    if seen.nodes:
        shown["ready_nodes"] = list(seen.ready_nodes)
    return shown
