"""Jobs on the nodes of one cluster: started once, watched with one command a node, ended on demand."""

from __future__ import annotations

import asyncio
import logging
import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from chronos_plugin.errors import CloudFailed
from chronos_plugin.execution.cloud import detached
from chronos_plugin.execution.cloud.detached import Standing
from chronos_plugin.execution.cloud.model import Cloud, Resource
from chronos_plugin.execution.cloud.naming import request_id
from chronos_plugin.execution.cloud.pool import PoolJob, PoolOptions, PoolTable
from chronos_plugin.execution.targets.base import LOG_FILE, JobState

log = logging.getLogger("chronos.cloud")

_OPEN = (JobState.QUEUED, JobState.HELD, JobState.RUNNING, JobState.SUSPENDED)


@dataclass
class Nodes:
    """The nodes of one cluster.

    Attributes:
        unusable: Nodes that take no jobs: not prepared, or without an answer.
    """

    cloud: Cloud
    table: PoolTable
    options: PoolOptions
    unusable: set[str] = field(default_factory=set)
    _silent: dict[str, float] = field(default_factory=dict)
    _prepared: set[str] = field(default_factory=set)

    def unreachable(self) -> list[str]:
        """Return the nodes that have not answered for too long."""
        late = time.monotonic() - self.options.node_timeout
        return sorted(name for name, since in self._silent.items() if since <= late)

    async def tend(self, jobs: Sequence[PoolJob], seen: Resource | None, usable: set[str]) -> list[PoolJob]:
        """Bring the table up to date with the nodes; return the jobs that have not ended.

        Args:
            jobs: The target's jobs that have not ended.
            seen: The cluster.
            usable: Nodes that may have new jobs, once they are prepared.
        """
        there = {node.name for node in seen.nodes} if seen else set()
        self._silent = {name: since for name, since in self._silent.items() if name in there}
        self._prepared &= there
        # Nodes that are not well are asked, too: that they give no answer is how they are found out.
        with_jobs = {job.node for job in jobs} & there
        by_node: dict[str, list[PoolJob]] = {name: [] for name in usable | with_jobs}
        left: list[PoolJob] = []
        for job in jobs:
            if job.node and job.node not in there:
                await self._gone(job)
            elif job.node in by_node:
                by_node[job.node].append(job)
            else:
                left.append(job)
        for kept in await asyncio.gather(*(self._node(name, mine) for name, mine in by_node.items())):
            left.extend(kept)
        self.unusable = {name for name in usable if name in self._silent or name not in self._prepared}
        return left

    async def place(self, jobs: Sequence[PoolJob], nodes: Sequence[str]) -> list[PoolJob]:
        """Give waiting jobs to nodes that have room, the oldest first, and start them."""
        room = dict.fromkeys(nodes, self.options.node_cores)
        for job in jobs:
            if job.node in room:
                room[job.node] -= job.cores
        placed: list[PoolJob] = []
        starting = []
        for job in sorted(jobs, key=lambda one: one.created):
            node = next((name for name in room if room[name] >= job.cores - 1e-9), None)
            if job.state is JobState.QUEUED and not job.node and node is not None:
                # The node is in the table before the job starts: after a crash it is looked for there.
                if not await self._change(job, (JobState.QUEUED,), unless_node=True, node=node):
                    continue
                room[node] -= job.cores
                job = replace(job, node=node)
                starting.append(job)
            placed.append(job)
        await asyncio.gather(*(self._attempt(job.node, self._start(job)) for job in starting))
        return placed

    async def _node(self, name: str, jobs: list[PoolJob]) -> list[PoolJob]:
        kept = await self._attempt(name, self._visit(name, jobs))
        return jobs if kept is None else kept

    async def _visit(self, name: str, jobs: list[PoolJob]) -> list[PoolJob]:
        if name not in self._prepared and await self._prepare(name):
            self._prepared.add(name)
        if not jobs:
            return []
        told = await self._on(name, detached.status({job.id: _group(job) for job in jobs}))
        standings = detached.parse_status(told)
        kept = [await self._take_note(job, standings.get(job.id)) for job in jobs]
        return [job for job in kept if job is not None]

    async def _prepare(self, name: str) -> bool:
        """Run the target's ``setup`` on a new node; return whether it has ended well."""
        if not self.options.setup:
            return True
        setup = request_id("setup", self.options.setup)
        await self._on(name, detached.start(setup, f"{{ {self.options.setup}\n}} >out 2>&1"))
        standing = detached.parse_status(await self._on(name, detached.status({setup: ""}))).get(setup)
        if standing is None or standing.state == "running":
            return False
        if standing.exit_code != 0:
            said = await self._on(name, detached.output(setup, "out", 500))
            raise CloudFailed(f"setup on node {name} failed: {said.strip()}", reason="failed")
        return True

    async def _take_note(self, job: PoolJob, standing: Standing | None) -> PoolJob | None:
        """Write down what a node says of a job, do what somebody wishes; None once it has ended."""
        if standing is None:
            return job
        if standing.state == "ended" and job.wish != "cancel":
            return await self._end(job, JobState.ENDED, exit_code=standing.exit_code)
        if job.wish == "cancel":
            await self._on(job.node, detached.cancel(job.id, _group(job)))
            return await self._end(job, JobState.CANCELLED, reason=job.reason or "cancelled")
        if standing.state == "lost":
            return await self._end(
                job, JobState.ENDED, infrastructure=True, reason=f"node {job.node} restarted"
            )
        if standing.state == "absent":
            if job.state is not JobState.QUEUED:
                return await self._end(
                    job, JobState.ENDED, infrastructure=True, reason=f"node {job.node} was replaced"
                )
            return await self._start(job)
        return await self._follow(job, standing)

    async def _follow(self, job: PoolJob, standing: Standing) -> PoolJob:
        if job.wish in ("suspend", "resume"):
            signal = detached.suspend if job.wish == "suspend" else detached.resume
            await self._on(job.node, signal(job.id, _group(job)))
            standing = Standing("suspended" if job.wish == "suspend" else "running")
        state = JobState.SUSPENDED if standing.state == "suspended" else JobState.RUNNING
        changes: dict[str, Any] = {}
        if job.state is not state:
            changes.update(state=state, started=job.started or time.time())
        if job.wish in ("suspend", "resume"):
            changes["wish"] = ""
        if changes:
            await self._change(job, _OPEN, **changes)
        return replace(job, **changes)

    async def _start(self, job: PoolJob) -> PoolJob:
        script, output = shlex.quote(f"{job.folder}/job.sh"), shlex.quote(f"{job.folder}/{LOG_FILE}")
        await self._on(job.node, detached.start(job.id, f"/bin/sh {script} >>{output} 2>&1"))
        started: dict[str, Any] = {"state": JobState.RUNNING, "started": time.time()}
        await self._change(job, (JobState.QUEUED,), **started)
        return replace(job, **started)

    async def _gone(self, job: PoolJob) -> None:
        if job.wish == "cancel":
            await self._end(job, JobState.CANCELLED)
        else:
            await self._end(job, JobState.ENDED, infrastructure=True, reason=f"node {job.node} is gone")

    async def _end(self, job: PoolJob, state: JobState, **values: Any) -> PoolJob | None:
        """Write down the end of a job; return what is left of it: None."""
        await self._change(job, _OPEN, state=state, ended=time.time(), wish="", **values)
        return None

    async def _on(self, node: str, command: str) -> str:
        done = await self.cloud.run(node, command)
        if done.status:
            raise CloudFailed(f"{node}: status {done.status}: {done.errors.strip()}", reason="busy")
        return done.output

    async def _attempt(self, node: str, work: Any) -> Any:
        """Do something on a node; note since when it has given no answer."""
        try:
            result = await work
        except CloudFailed as error:
            log.warning("node %s: %s", node, error)
            self._silent.setdefault(node, time.monotonic())
            return None
        self._silent.pop(node, None)
        return result

    async def _change(self, job: PoolJob, expected: Sequence[JobState], **values: Any) -> bool:
        return await asyncio.to_thread(self.table.change_job, job.id, expected, **values)


def _group(job: PoolJob) -> str:
    """Return the file in which ``job.sh`` notes its tool's process group."""
    return f"{job.folder}/started/group"
