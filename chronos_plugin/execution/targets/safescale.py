"""The target ``safescale``: jobs on a cluster that is made on demand, grows, shrinks, and goes when idle.

The target itself only writes and reads rows. The agent (``airflow chronos cloud agent``) makes the cluster,
starts the jobs on its nodes and watches them, so that nothing is lost when a triggerer or worker ends.
"""

from __future__ import annotations

import asyncio
import time
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, TypeVar

from chronos_plugin.errors import ServiceFailed, TargetRefused, TargetUnreachable
from chronos_plugin.execution.cloud.pool import PoolJob, PoolTable, parse_options
from chronos_plugin.execution.targets.base import Job, JobState, JobStatus, Target, TargetReport

NO_AGENT = "no cloud agent runs: start airflow chronos cloud agent"

_T = TypeVar("_T")
_WAITING = (JobState.QUEUED,)
_STARTED = (JobState.RUNNING, JobState.SUSPENDED)


class SafeScaleTarget(Target):
    """Jobs on nodes of a SafeScale cluster.

    Options: :class:`~chronos_plugin.execution.cloud.pool.PoolOptions`.
    Nodes must see the work root under the same path (option ``setup`` can mount it).
    """

    kind: ClassVar[str] = "safescale"
    abilities: ClassVar[frozenset[str]] = frozenset({"hold", "suspend"})
    guards: ClassVar[bool] = True

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        super().__init__(name, options)
        self.pool = parse_options(name, options)

    @abstractmethod
    def table(self) -> PoolTable:
        """Return the durable tables; called in a thread."""

    async def submit(self, job: Job) -> str:
        """Put the job into the table; its native id is its id."""
        if job.resources.cores > self.pool.node_cores:
            raise TargetRefused(
                f"{job.name} asks for {job.resources.cores:g} cores; a node of target {self.name} "
                f"has {self.pool.node_cores:g} (node_cores)"
            )
        if job.resources.gpus and "gpu" not in self.pool.node_sizing:
            raise TargetRefused(f"{job.name} asks for a GPU; node_sizing of target {self.name} has none")
        row = PoolJob(
            id=job.id,
            target=self.name,
            name=job.name,
            folder=str(job.folder),
            cores=job.resources.cores,
            created=time.time(),
        )

        def store() -> None:
            table = self.table()
            table.put_pool(self.name, self.options)
            table.add_job(row)

        await self._ask(store)
        return job.id

    async def find(self, jobs: Sequence[Job]) -> Mapping[str, str]:
        """Return the jobs that are in the table."""
        found = await self._ask(lambda: self.table().jobs([job.id for job in jobs]))
        return {row.id: row.id for row in found}

    async def poll(self, jobs: Mapping[str, Job]) -> Mapping[str, JobStatus]:
        """Return what the table says."""

        def read() -> tuple[list[PoolJob], bool]:
            table = self.table()
            return table.jobs(list(jobs)), _agent_runs(table)

        rows, agent = await self._ask(read)
        found = {row.id: _status(row, agent=agent) for row in rows}
        return {native: found.get(native, JobStatus(JobState.LOST)) for native in jobs}

    async def cancel(self, native: str, job: Job) -> None:
        """End a waiting job at once; ask the agent to end a started one."""
        del job

        def change() -> None:
            table = self.table()
            for row in table.jobs([native]):
                waiting = (JobState.QUEUED, JobState.HELD)
                if not row.node and table.change_job(
                    native, waiting, unless_node=True, state=JobState.CANCELLED, ended=time.time()
                ):
                    return
                table.change_job(native, (*waiting, *_STARTED), wish="cancel")

        await self._ask(change)

    async def hold(self, native: str, job: Job) -> None:
        """Keep a waiting job from being started."""
        await self._move(native, job, _WAITING, JobState.HELD)

    async def release(self, native: str, job: Job) -> None:
        """Let a held job wait again."""
        await self._move(native, job, (JobState.HELD,), JobState.QUEUED)

    async def suspend(self, native: str, job: Job) -> None:
        """Ask the agent to stop the job's processes."""
        await self._wish(native, job, "suspend")

    async def resume(self, native: str, job: Job) -> None:
        """Ask the agent to let the job's processes go on."""
        await self._wish(native, job, "resume")

    async def test(self) -> TargetReport:
        """Tell whether an agent runs, and how the target's cluster stands."""

        def read() -> TargetReport:
            table = self.table()
            pool = next((one for one in table.pools() if one.target == self.name), None)
            rows = table.open_jobs(self.name)
            leader = table.leader()
            alive = _agent_runs(table)
            details: dict[str, Any] = {
                "connection": self.pool.connection,
                "agent": leader[0] if leader else None,
            }
            if pool is not None:
                details.update(
                    cluster_since=pool.opened_at,
                    spent=dict(pool.spent),
                    message=pool.message,
                )
            return TargetReport(
                ok=alive,
                message="jobs can be submitted" if alive else NO_AGENT,
                details=details,
                waiting=sum(not row.node for row in rows),
                running=sum(bool(row.node) for row in rows),
            )

        return await self._ask(read)

    async def _ask(self, question: Callable[[], _T]) -> _T:
        try:
            return await asyncio.to_thread(question)
        except ServiceFailed as error:
            raise TargetUnreachable(f"target {self.name}: {error}") from error

    async def _move(self, native: str, job: Job, expected: Sequence[JobState], state: JobState) -> None:
        changed = await self._ask(
            lambda: self.table().change_job(native, expected, unless_node=True, state=state)
        )
        if not changed:
            raise self._unable(f"make a job {state} that is not {expected[0]}", native, job)

    async def _wish(self, native: str, job: Job, wish: str) -> None:
        changed = await self._ask(lambda: self.table().change_job(native, _STARTED, wish=wish))
        if not changed:
            raise self._unable(f"{wish} a job that does not run", native, job)


def _agent_runs(table: PoolTable) -> bool:
    leader = table.leader()
    return leader is not None and leader[1] > time.time()


def _status(row: PoolJob, *, agent: bool) -> JobStatus:
    reason = row.reason
    if not row.state.final and not agent:
        reason = NO_AGENT
    return JobStatus(
        state=row.state,
        native_state=row.wish or row.state,
        reason=reason,
        node=row.node,
        exit_code=row.exit_code,
        infrastructure=row.infrastructure,
        queued_at=row.created,
        started_at=row.started,
        ended_at=row.ended,
    )
