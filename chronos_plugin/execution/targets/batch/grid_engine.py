"""Grid Engine (Sun, Son of, Open, Univa).

One ``qstat -xml`` tells the states of all jobs of a target. A job that is not in it any more is looked up
with ``qacct``, once: that command has no way to ask for several jobs, other than all of a user's ever.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import ClassVar

from chronos_plugin.errors import ServiceFailed, TargetUnreachable
from chronos_plugin.execution.targets.base import Job, JobState, JobStatus, TargetReport
from chronos_plugin.execution.targets.batch import grid_engine_records as records
from chronos_plugin.execution.targets.batch.commands import Answer
from chronos_plugin.execution.targets.batch.dialect import Dialect, Submission, replaced, system_name
from chronos_plugin.execution.targets.batch.toil_classes import Boss, memory_bytes, worker
from chronos_plugin.execution.targets.batch.wish import Refused, Wish


class GridEngine(Dialect):
    """``qsub``, ``qstat``, ``qacct``, ``qhold``, ``qrls``, ``qmod``, ``qdel``."""

    system = "grid_engine"
    refused = Refused.of(
        "-N -o -e -j -cwd -wd -b -V -v -terse -t -sync -now -h -hold_jid -q -P -A -pe -inherit -shell -@ -r"
    )
    verbs: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "cancel": ("qdel",),
        "hold": ("qhold",),
        "release": ("qrls",),
        "suspend": ("qmod", "-sj"),
        "resume": ("qmod", "-usj"),
    }
    passing = re.compile(
        r"commlib|can't connect|unable to (contact|send)|got (select|read|send) error|timeout|timed out|"
        r"jobs are allowed per",
        re.IGNORECASE,
    )
    gone = re.compile(r"does not exist|do not exist|already in deletion", re.IGNORECASE)

    def submission(self, job: Job, wish: Wish) -> Submission:
        """Let Toil's ``prepareQsub`` build the command."""
        from toil.batchSystems.gridengine import GridEngineBatchSystem

        asked = job.resources
        slots = max(1, math.ceil(asked.cores))
        if slots > 1 and not wish.parallel_environment:
            raise ValueError("Grid Engine needs the option parallel_environment for a job of several cores")
        # Limits count for each slot. Toil takes the parallel environment from a variable of its process,
        # which cannot differ from job to job: it is added here.
        memory = memory_bytes(asked.ram / slots) if wish.request_memory else None
        boss = Boss(f":{job.log}", SimpleNamespace(manualMemArgs=False))
        line = worker(GridEngineBatchSystem, boss).prepareQsub(cpu=1, mem=memory, jobID=0)
        line = replaced(line, "-N", system_name(job))
        # Joined (-j y): a file for errors of its own would stay empty.
        place = line.index("-e")
        line = [*line[:place], *line[place + 2 :], "-r", "n"]
        if slots > 1:
            line += ["-pe", str(wish.parallel_environment), str(slots)]
        return Submission([*line, *_options(job, wish), *wish.native, *job.command])

    def native_id(self, answer: Answer) -> str:
        """Return the number that ``-terse`` prints."""
        return str(int(answer.out.split()[0]))

    async def find(self, jobs: Sequence[Job]) -> dict[str, str]:
        """Look by name: in the queue, then in the accounting, which takes names too."""
        listed = records.queue(await self._qstat())
        natives = {entry.name: native for native, entry in listed.items()}
        found = {job.id: natives[system_name(job)] for job in jobs if system_name(job) in natives}
        for job in jobs:
            if job.id not in found:
                record = await self._accounting(system_name(job))
                if record is not None:
                    found[job.id] = record.native
        return found

    async def poll(self, jobs: Mapping[str, Job]) -> dict[str, JobStatus]:
        """Ask once for the queue; for each job that has left it, once for its accounting."""
        listed = records.queue(await self._qstat())
        found = {}
        for native in jobs:
            entry = listed.get(native)
            if entry is None:
                record = await self._accounting(native)
                if record is not None:
                    found[native] = record.status
            elif "E" in entry.status.native_state:
                found[native] = await self._in_error(native, entry.status)
            else:
                found[native] = entry.status
        return found

    async def test(self, wish: Wish) -> TargetReport:
        """Let Grid Engine itself verify a submission (``qsub -w v``), and count the queue."""
        line = ["qsub", "-w", "v", "-b", "y", *_options(None, wish), *wish.native, "/bin/true"]
        try:
            hosts = (await self.ask(["qconf", "-sel"])).split()
            version = (await self.ask(["qstat", "-help"])).splitlines()[0]
            everybody = records.queue(await self.ask(["qstat", "-xml", "-u", "*"]))
            answer = await self.commands.run(line)
        except ServiceFailed as error:
            return TargetReport(False, str(error))
        states = [entry.status.state for entry in everybody.values()]
        waiting = sum(state in (JobState.QUEUED, JobState.HELD) for state in states)
        accepted = not answer.code and "no suitable" not in answer.words
        message = f"{version} accepts jobs" if accepted else f"{version} refuses jobs: {answer.words}"
        details = {"version": version, "hosts": hosts}
        return TargetReport(accepted, message, details, waiting, states.count(JobState.RUNNING))

    async def _qstat(self) -> str:
        return await self.ask(["qstat", "-xml"])

    async def _accounting(self, name: str) -> records.Record | None:
        """Return the last record of a job in the accounting; it is written a moment after the end."""
        answer = await self.commands.run(["qacct", "-j", name])
        if answer.code and self.passing.search(answer.words):
            raise TargetUnreachable(f"qacct: {answer.words}")
        return records.accounting(answer.out) if not answer.code else None

    async def _in_error(self, native: str, status: JobStatus) -> JobStatus:
        """Take a job that Grid Engine could not start out of the queue, where it would wait for ever."""
        answer = await self.commands.run(["qstat", "-j", native])
        reasons = re.findall(r"^error reason\s+\d+:\s+(.*)$", answer.out, re.MULTILINE)
        await self.act("cancel", native)
        why = "; ".join(reason.strip() for reason in reasons) or "Grid Engine could not start it"
        ended = replace(status, state=JobState.ENDED, reason=why, ended_at=time.time(), started_at=None)
        return replace(ended, infrastructure=True)


def _options(job: Job | None, wish: Wish) -> list[str]:
    """Return arguments that Toil has no option for."""
    if wish.qos:
        raise ValueError("Grid Engine has no qos: leave the option out")
    line = ["-q", wish.queue] if wish.queue else []
    line += ["-A", wish.account] if wish.account else []
    line += ["-P", wish.project] if wish.project else []
    limit = wish.limit(job.resources.time_limit) if job is not None else wish.limit(None)
    if limit is not None:
        line += ["-l", f"h_rt={limit}"]
    if job is not None and job.resources.gpus:
        line += ["-l", f"{wish.gpu_resource}={job.resources.gpus}"]
    return line
