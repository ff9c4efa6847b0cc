"""The agent's care for targets' clusters: their size, their cost, and their jobs, a round at a time."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from chronos_plugin.errors import ChronosError
from chronos_plugin.execution.cloud.elastic import (
    Action,
    Create,
    Delete,
    Expand,
    NodeLoad,
    Shrink,
    Situation,
    decide,
    limit_reached,
)
from chronos_plugin.execution.cloud.model import Cloud, Request, RequestState, RequestTable, Resource
from chronos_plugin.execution.cloud.naming import request_id, resource_name, target_owner
from chronos_plugin.execution.cloud.nodes import Nodes
from chronos_plugin.execution.cloud.pool import Pool, PoolJob, PoolOptions, PoolTable, parse_options
from chronos_plugin.execution.targets.base import JobState

log = logging.getLogger("chronos.cloud")

_HOUR = 3600.0
_OTHER_HOSTS = 2  # a gateway and a master are paid for, too
_DEADLINES = {"create": 90 * 60.0, "expand": 45 * 60.0, "delete-node": 20 * 60.0, "delete": 30 * 60.0}
_FIRST_PAUSE, _MOST_PAUSE = 30.0, 1800.0
"""Seconds between attempts to change a cluster that fail."""


@dataclass
class PoolKeeper:
    """Looks after every pool in the table.

    Attributes:
        pools: Pools and jobs.
        requests: Where changes of clusters are asked for.
        connect: Gives the cloud of a connection.
        pause: Seconds between two looks at a cluster that has jobs or lives.
    """

    pools: PoolTable
    requests: RequestTable
    connect: Callable[[str], Awaitable[Cloud]]
    pause: float = 5.0
    _due: dict[str, float] = field(default_factory=dict)
    _nodes: dict[str, Nodes] = field(default_factory=dict)
    _idle: dict[str, float] = field(default_factory=dict)
    _complete: dict[str, set[str]] = field(default_factory=dict)
    _newest: dict[str, float] = field(default_factory=dict)
    _not_before: dict[str, float] = field(default_factory=dict)

    async def round(self) -> None:
        """Look after all pools that are due or have new jobs, side by side."""
        pools = await asyncio.to_thread(self.pools.pools)
        await asyncio.gather(*[self._safely(pool) for pool in pools if await self._is_due(pool)])

    async def _is_due(self, pool: Pool) -> bool:
        newest = await asyncio.to_thread(self.pools.newest_waiting, pool.target)
        new = newest is not None and newest > self._newest.get(pool.target, 0.0)
        self._newest[pool.target] = max(newest or 0.0, self._newest.get(pool.target, 0.0))
        return new or self._due.get(pool.target, 0.0) <= time.monotonic()

    async def _safely(self, pool: Pool) -> None:
        self._due[pool.target] = time.monotonic() + self.pause
        try:
            await self._tend(pool)
        except ChronosError as error:
            if pool.message != str(error):
                log.warning("target %s: %s", pool.target, error)
            await self._change(pool, message=str(error))

    async def _tend(self, pool: Pool) -> None:
        options = parse_options(pool.target, pool.options)
        jobs = await asyncio.to_thread(self.pools.open_jobs, pool.target)
        if not jobs and pool.opened_at is None and not pool.request:
            return
        pool = await self._settle_request(pool)
        cloud = await self.connect(options.connection)
        seen = await cloud.inspect("cluster", cluster_name(pool.target))
        pool = await self._account(pool, options, seen)
        nodes = self._nodes.setdefault(pool.target, Nodes(cloud, self.pools, options))
        nodes.cloud = cloud
        jobs = await nodes.tend(jobs, seen, self._usable(pool, seen))
        situation = self._situation(pool, options, seen, jobs, nodes)
        limit = limit_reached(options.policy, situation)
        if not limit:
            jobs = await nodes.place(jobs, [node.name for node in situation.nodes])
            situation = self._situation(pool, options, seen, jobs, nodes)
        pool = await self._note(pool, situation, limit)
        if pool.request or self._must_pause(pool):
            return
        doomed = nodes.unreachable()
        await self._act(pool, options, Shrink(doomed[0]) if doomed else decide(options.policy, situation))

    def _usable(self, pool: Pool, seen: Resource | None) -> set[str]:
        """Return the nodes that may have jobs: not those that a call in flight may still roll back."""
        ready = set(seen.ready_nodes) if seen is not None and seen.state == "ready" else set()
        if pool.request:
            ready &= self._complete.get(pool.target, set())
        self._complete[pool.target] = ready
        return ready

    def _situation(
        self, pool: Pool, options: PoolOptions, seen: Resource | None, jobs: Sequence[PoolJob], nodes: Nodes
    ) -> Situation:
        now = time.time()
        loads = []
        for name in sorted(self._complete.get(pool.target, ())):
            if name in nodes.unusable:
                continue
            cores = sum(job.cores for job in jobs if job.node == name)
            if cores:
                self._idle.pop(name, None)
            loads.append(NodeLoad(name, cores, None if cores else self._idle.setdefault(name, now)))
        queued = [job for job in jobs if job.state is JobState.QUEUED and not job.node]
        return Situation(
            now=now,
            cluster=seen.state if seen else "absent",
            nodes=tuple(loads),
            queued_cores=sum(job.cores for job in queued),
            opened_at=pool.opened_at,
            idle_since=None if any(map(_active, jobs)) else (pool.idle_since or now),
            spent=pool.spent.get(options.period(now), 0.0),
            capped_since=pool.capped_since,
        )

    async def _account(self, pool: Pool, options: PoolOptions, seen: Resource | None) -> Pool:
        """Add what the cluster has cost since the last round."""
        now = time.time()
        if seen is None:
            return await self._change(pool, opened_at=None, accounted_at=None)
        opened = pool.opened_at or now
        hours = (now - (pool.accounted_at or opened)) / _HOUR
        cost = hours * options.node_hour_cost * (len(seen.nodes) + _OTHER_HOSTS)
        period = options.period(now)
        spent = {period: pool.spent.get(period, 0.0) + cost}
        return await self._change(pool, opened_at=opened, accounted_at=now, spent=spent)

    async def _note(self, pool: Pool, situation: Situation, limit: str) -> Pool:
        """Keep since when the cluster has been idle or limited, and tell the waiting jobs."""
        capped = (pool.capped_since or situation.now) if limit else None
        message = limit or ("" if not pool.failures else pool.message)
        return await self._change(pool, idle_since=situation.idle_since, capped_since=capped, message=message)

    async def _settle_request(self, pool: Pool) -> Pool:
        """Forget the request in flight once it has ended; keep why it failed."""
        if not pool.request:
            return pool
        request = await asyncio.to_thread(self.requests.get, pool.request)
        if request is not None and not request.state.final:
            return pool
        failed = request is not None and request.state is RequestState.FAILED
        message = f"{request.verb} of the cluster failed: {request.error}" if request and failed else ""
        failures = pool.failures + 1 if failed else 0
        if failed:
            pause = min(_FIRST_PAUSE * 2.0 ** (failures - 1), _MOST_PAUSE)
            self._not_before[pool.target] = time.monotonic() + pause
        return await self._change(pool, request="", failures=failures, message=message)

    def _must_pause(self, pool: Pool) -> bool:
        return self._not_before.get(pool.target, 0.0) > time.monotonic()

    async def _act(self, pool: Pool, options: PoolOptions, action: Action) -> None:
        if action is None:
            return
        verb, spec = _as_request(action, options)
        now, limit = time.time(), options.policy.lifetime_seconds
        generation = pool.generation + 1
        request = Request(
            id=request_id("pool", pool.target, generation, verb),
            connection=options.connection,
            kind="cluster",
            verb=verb,
            name=cluster_name(pool.target),
            spec=spec,
            owner=target_owner(pool.target),
            deadline=now + _DEADLINES[verb],
            # Should the agent stop for good, the sweep knows when the cluster's time is over.
            expires=now + limit + options.drain_seconds if verb == "create" and limit else None,
            created=now,
        )
        log.info("target %s: %s", pool.target, action)
        # The pool's row first: after a crash here a request that it does not name would be made again.
        await self._change(pool, request=request.id, generation=generation)
        await asyncio.to_thread(self.requests.submit, request)

    async def _change(self, pool: Pool, **values: Any) -> Pool:
        changed = {name: value for name, value in values.items() if getattr(pool, name) != value}
        if changed:
            await asyncio.to_thread(self.pools.change_pool, pool.target, **changed)
        return replace(pool, **changed)


def _active(job: PoolJob) -> bool:
    """Return whether a job needs the cluster: a held one does not."""
    return bool(job.node) or job.state is not JobState.HELD


def cluster_name(target: str) -> str:
    """Return the name of a target's cluster."""
    return resource_name(target_owner(target), target)


def _as_request(
    action: Create | Expand | Shrink | Delete, options: PoolOptions
) -> tuple[str, dict[str, Any]]:
    match action:
        case Create(nodes):
            spec = {
                "flavor": "boh",
                "complexity": "small",
                "node_sizing": f"{options.node_sizing},count={nodes}",
                "master_sizing": options.master_sizing or options.node_sizing,
                "gateway_sizing": options.gateway_sizing or options.node_sizing,
                "image": options.image,
                "adopt": True,
            }
            return "create", {word: value for word, value in spec.items() if value}
        case Expand(count):
            return "expand", {"count": count, "node_sizing": options.node_sizing}
        case Shrink(node):
            return "delete-node", {"node": node}
        case Delete():
            return "delete", {}
