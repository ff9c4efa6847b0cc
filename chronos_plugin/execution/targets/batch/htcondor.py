"""HTCondor: submit descriptions from Toil's class, everything else by HTCondor's commands and their JSON.

Toil's class needs HTCondor's Python bindings (``pip install 'htcondor<25'``), to build a description; no
connection is made through them.
"""

from __future__ import annotations

import json
import re
import shlex
import warnings
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any, ClassVar

from chronos_plugin.errors import ServiceFailed, TargetUnreachable
from chronos_plugin.execution.targets.base import Job, JobState, JobStatus, TargetReport, Usage
from chronos_plugin.execution.targets.batch.commands import Answer
from chronos_plugin.execution.targets.batch.dialect import Dialect, Submission, chunks, system_name
from chronos_plugin.execution.targets.batch.toil_classes import Boss, memory_bytes, worker
from chronos_plugin.execution.targets.batch.wish import Refused, Wish

ATTRIBUTES = (
    "ClusterId,ChronosJob,JobStatus,ExitBySignal,ExitSignal,ExitCode,HoldReason,HoldReasonCode,RemoveReason,"
    "RemoteHost,LastRemoteHost,QDate,JobStartDate,CompletionDate,EnteredCurrentStatus,"
    "RemoteUserCpu,RemoteSysCpu,RemoteWallClockTime,ResidentSetSize_RAW"
)

_STATES = {
    1: ("Idle", JobState.QUEUED),
    2: ("Running", JobState.RUNNING),
    3: ("Removed", JobState.CANCELLED),
    4: ("Completed", JobState.ENDED),
    5: ("Held", JobState.HELD),
    6: ("Transferring Output", JobState.RUNNING),
    7: ("Suspended", JobState.SUSPENDED),
}


class HTCondor(Dialect):
    """``condor_submit``, ``condor_q``, ``condor_history``, ``condor_rm`` and the like."""

    system = "htcondor"
    refused = Refused.of("-terse -spool -remote -dry-run -interactive -queue -file -batch-name")
    verbs: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "cancel": ("condor_rm",),
        "hold": ("condor_hold",),
        "release": ("condor_release",),
        "suspend": ("condor_suspend",),
        "resume": ("condor_continue",),
    }
    passing = re.compile(
        r"failed to connect|can't find address|unable to locate|timeout|timed out|"
        r"failed to (fetch|send|receive)|authentication|MAX_JOBS",
        re.IGNORECASE,
    )
    gone = re.compile(r"not found|couldn't find|no jobs|already", re.IGNORECASE)

    def submission(self, job: Job, wish: Wish) -> Submission:
        """Let Toil's ``prepareSubmission`` build the description; it goes to the standard input."""
        if wish.queue or wish.qos or wish.project:
            raise ValueError("HTCondor has neither queues, projects nor qos: leave the options out")
        asked = job.resources
        # The log is written by the job itself: HTCondor would bring it only at the end.
        command = f"exec {shlex.join(job.command)} >>{shlex.quote(str(job.log))} 2>&1"
        boss = Boss("/dev/null", SimpleNamespace())
        description = worker(_batch_system(), boss).prepareSubmission(
            cpu=asked.cores,
            memory=memory_bytes(asked.ram),
            disk=memory_bytes(asked.tmpdir + asked.outdir),
            jobID=0,
            jobName=system_name(job),
            command=command,
            environment={},
        )
        description["getenv"] = "False"
        description["log"] = str(job.folder / "condor.log")
        # Toil takes ended jobs out of the queue itself; here they go to the history. (The line is left out
        # of the text: to delete it from the object crashes the bindings.)
        lines = [line for line in str(description).splitlines() if "leave_in_queue" not in line]
        lines += [f'MY.ChronosJob = "{job.id}"', f"batch_name = {system_name(job)}", *_more(job, wish)]
        return Submission(["condor_submit", "-terse", *wish.native, "-"], "\n".join([*lines, "queue", ""]))

    def native_id(self, answer: Answer) -> str:
        """Return the cluster of ``42.0 - 42.0``."""
        return str(int(answer.out.split()[0].partition(".")[0]))

    async def find(self, jobs: Sequence[Job]) -> dict[str, str]:
        """Look for the attribute that submissions set."""
        wanted = {job.id for job in jobs}
        ads = await self._ads(["condor_q", "-constraint", "ChronosJob =!= undefined"])
        found = {ad["ChronosJob"]: str(ad["ClusterId"]) for ad in ads if ad.get("ChronosJob") in wanted}
        for part in chunks(sorted(wanted - found.keys()), 50):
            either = " || ".join(f'ChronosJob == "{job_id}"' for job_id in part)
            for ad in await self._ads(["condor_history", "-constraint", either]):
                found.setdefault(ad["ChronosJob"], str(ad["ClusterId"]))
        return found

    async def poll(self, jobs: Mapping[str, Job]) -> dict[str, JobStatus]:
        """Ask the queue for all jobs at once, then the history for those that have left it."""
        found: dict[str, JobStatus] = {}
        for part in chunks(jobs, 500):
            for command in ("condor_q", "condor_history"):
                rest = [native for native in part if native not in found]
                if rest:
                    ads = await self._ads([command, *rest])
                    found.update({str(ad["ClusterId"]): status(ad) for ad in ads})
        return {native: found[native] for native in jobs if native in found}

    async def test(self, wish: Wish) -> TargetReport:
        """Ask for the version and the totals; HTCondor has no way to try a submission."""
        del wish
        try:
            version = (await self.ask(["condor_version"])).splitlines()[0].strip("$ ")
            totals = (await self._ads(["condor_q", "-totals", "-allusers"])) or [{}]
        except ServiceFailed as error:
            return TargetReport(False, str(error))
        try:
            _batch_system()
        except ImportError as error:
            return TargetReport(False, str(error), {"version": version})
        waiting, running = totals[0].get("Idle"), totals[0].get("Running")
        return TargetReport(True, f"{version} answers", {"version": version}, waiting, running)

    async def _ads(self, line: list[str]) -> list[dict[str, Any]]:
        attributes = [] if "-totals" in line else ["-attributes", ATTRIBUTES]
        text = await self.ask([line[0], "-json", *attributes, *line[1:]])
        try:
            # Nothing at all is printed where no job matches.
            return list(json.loads(text)) if text.strip() else []
        except ValueError as error:
            raise TargetUnreachable(f"{line[0]}: its output cannot be read: {error}") from error


def status(ad: Mapping[str, Any]) -> JobStatus:
    """Return what a job's ClassAd says."""
    word, state = _STATES.get(int(ad.get("JobStatus", 0)), ("", JobState.UNKNOWN))
    final = state.final
    code = None
    if word == "Completed":
        code = -int(ad.get("ExitSignal", 0)) if ad.get("ExitBySignal") else ad.get("ExitCode")
    cpu = float(ad.get("RemoteUserCpu", 0)) + float(ad.get("RemoteSysCpu", 0))
    memory = ad.get("ResidentSetSize_RAW")
    return JobStatus(
        state=state,
        native_state=word,
        reason=str(ad.get("HoldReason" if word == "Held" else "RemoveReason", "")),
        node=str(ad.get("RemoteHost") or ad.get("LastRemoteHost") or "").partition("@")[2],
        exit_code=code,
        queued_at=ad.get("QDate"),
        started_at=ad.get("JobStartDate"),
        ended_at=(ad.get("CompletionDate") or ad.get("EnteredCurrentStatus")) if final else None,
        usage=Usage(cpu, int(memory) << 10 if memory else None, ad.get("RemoteWallClockTime"))
        if final
        else Usage(),
    )


def _more(job: Job, wish: Wish) -> list[str]:
    """Return lines that Toil has no option for."""
    lines = [f"accounting_group = {wish.account}"] if wish.account else []
    limit = wish.limit(job.resources.time_limit)
    lines += [f"allowed_execute_duration = {limit}"] if limit is not None else []
    lines += [f"request_gpus = {job.resources.gpus}"] if job.resources.gpus else []
    # A second start would find the folder of a try that has begun.
    return [*lines, "max_retries = 0", "periodic_remove = NumJobStarts > 1 && JobStatus == 1"]


def _batch_system() -> type:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            from toil.batchSystems.htcondor import HTCondorBatchSystem
        except ImportError as error:
            raise ImportError(
                "Toil builds jobs for HTCondor with its Python bindings: pip install 'htcondor<25'"
            ) from error
    return HTCondorBatchSystem
