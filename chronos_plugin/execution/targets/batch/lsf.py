"""IBM Spectrum LSF: one ``bjobs -json`` tells everything about all jobs of a target, ended ones included."""

from __future__ import annotations

import json
import math
import re
import shlex
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any, ClassVar

from chronos_plugin.errors import ServiceFailed, TargetUnreachable
from chronos_plugin.execution.targets.base import Job, JobState, JobStatus, TargetReport, Usage
from chronos_plugin.execution.targets.batch.commands import Answer
from chronos_plugin.execution.targets.batch.dialect import Dialect, Submission, chunks, replaced, system_name
from chronos_plugin.execution.targets.batch.toil_classes import Boss, memory_bytes, worker
from chronos_plugin.execution.targets.batch.wish import Refused, Wish

COLUMNS = (
    "jobid stat exit_code exit_reason pend_reason suspend_reason exec_host cpu_used max_mem run_time job_name"
)

_STATES = {
    "PEND": JobState.QUEUED,
    "WAIT": JobState.QUEUED,
    "PROV": JobState.QUEUED,
    "PSUSP": JobState.HELD,
    "RUN": JobState.RUNNING,
    "USUSP": JobState.SUSPENDED,
    "SSUSP": JobState.SUSPENDED,
    "DONE": JobState.ENDED,
    "EXIT": JobState.ENDED,
    "UNKWN": JobState.UNKNOWN,
    "ZOMBI": JobState.UNKNOWN,
}
_OWNER = re.compile(r"TERM_(OWNER|FORCE_OWNER|ADMIN|FORCE_ADMIN)")
_LOST = re.compile(r"TERM_(ZOMBIE|PREEMPT|REQUEUE_\w+|RC_\w+|CWD_NOTEXIST|PRE_EXEC_FAIL)|host unavailable")
_UNITS = {"bytes": 1, "kbytes": 1 << 10, "mbytes": 1 << 20, "gbytes": 1 << 30, "tbytes": 1 << 40}


class Lsf(Dialect):
    """``bsub``, ``bjobs``, ``bstop``, ``bresume``, ``bkill``."""

    system = "lsf"
    refused = Refused.of("-J -o -oo -e -eo -i -is -I -K -cwd -q -P -G -sla -W -H -r -rn -env -B -N -w -gpu")
    verbs: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "cancel": ("bkill",),
        # The same commands stop a job that waits (PSUSP) and one that runs (USUSP).
        "hold": ("bstop",),
        "release": ("bresume",),
        "suspend": ("bstop",),
        "resume": ("bresume",),
    }
    passing = re.compile(
        r"cannot connect|please wait|daemon not responding|communication|timeout|timed out|is down|"
        r"pending job threshold",
        re.IGNORECASE,
    )
    gone = re.compile(r"is not found|already finished|no matching job", re.IGNORECASE)

    def submission(self, job: Job, wish: Wish) -> Submission:
        """Let Toil's ``prepareBsub`` build the command."""
        from toil.batchSystems.lsf import LSFBatchSystem

        asked = job.resources
        memory = memory_bytes(asked.ram) if wish.request_memory else 0
        boss = Boss(str(job.log).replace("%", "%%"), SimpleNamespace())
        line = [str(part) for part in worker(LSFBatchSystem, boss).prepareBsub(asked.cores, memory, 0)]
        line = replaced(replaced(line, "-J", system_name(job)), "-cwd", "/")
        place = line.index("-e")
        # Without -e, errors go where the output goes; -rn: no second start in the folder of a try.
        line = [*line[:place], *line[place + 2 :], "-rn"]
        return Submission([*line, *_options(job, wish), *wish.native, shlex.join(job.command)])

    def native_id(self, answer: Answer) -> str:
        """Return the number in ``Job <42> is submitted to queue <normal>``."""
        match = re.search(r"Job <(\d+)> is submitted", answer.out)
        if match is None:
            raise ValueError(answer.words)
        return match[1]

    async def find(self, jobs: Sequence[Job]) -> dict[str, str]:
        """Look by name."""
        ids = {system_name(job): job.id for job in jobs}
        records = await self._bjobs(["-a"])
        return {ids[r["JOB_NAME"]]: str(r["JOBID"]) for r in records if r.get("JOB_NAME") in ids}

    async def poll(self, jobs: Mapping[str, Job]) -> dict[str, JobStatus]:
        """Ask for all jobs at once."""
        found: dict[str, JobStatus] = {}
        for part in chunks(jobs, 500):
            records = await self._bjobs(part)
            found.update({str(r["JOBID"]): status(r) for r in records if str(r.get("JOBID")) in part})
        return {native: value for native, value in found.items() if value.native_state}

    async def test(self, wish: Wish) -> TargetReport:
        """Ask for the version and the queue; LSF has no way to try a submission."""
        try:
            version = (await self.ask(["lsid"])).splitlines()[0]
            listed = await self.ask(["bqueues", "-o", "queue_name pend run", "-noheader"])
        except ServiceFailed as error:
            return TargetReport(False, str(error))
        rows = [line.split() for line in listed.splitlines() if len(line.split()) == 3]
        names = [row[0] for row in rows]
        if wish.queue and wish.queue not in names:
            return TargetReport(False, f"there is no queue {wish.queue}", {"queues": names})
        counted = [[int(cell) for cell in row[1:]] for row in rows if "".join(row[1:]).isdecimal()]
        waiting, running = (sum(column) for column in zip(*counted, strict=True)) if counted else (None, None)
        return TargetReport(
            True, f"{version} answers", {"version": version, "queues": names}, waiting, running
        )

    async def _bjobs(self, arguments: Sequence[str]) -> list[dict[str, Any]]:
        answer = await self.commands.run(["bjobs", "-json", "-o", COLUMNS, *arguments])
        start = answer.out.find("{")
        if start < 0:
            if self.gone.search(answer.words) or "No unfinished job" in answer.words:
                return []
            raise TargetUnreachable(f"bjobs: {answer.words}")
        try:
            return list(json.loads(answer.out[start : answer.out.rfind("}") + 1])["RECORDS"])
        except (ValueError, KeyError, TypeError) as error:
            raise TargetUnreachable(f"bjobs: its output cannot be read: {error}") from error


def status(record: Mapping[str, Any]) -> JobStatus:
    """Return what a record of ``bjobs -json`` says; empty fields are empty texts in it."""
    word = str(record.get("STAT", ""))
    state = _STATES.get(word, JobState.UNKNOWN)
    why = str(record.get("EXIT_REASON") or record.get("PEND_REASON") or record.get("SUSPEND_REASON") or "")
    if word == "EXIT" and _OWNER.search(why):
        state = JobState.CANCELLED
    code = str(record.get("EXIT_CODE", ""))
    return JobStatus(
        state=state,
        native_state=word,
        reason="" if word == "DONE" else why,
        node=str(record.get("EXEC_HOST", "")).partition(":")[0].partition("*")[2]
        or str(record.get("EXEC_HOST", "")).partition(":")[0],
        exit_code=_exit_code(word, code),
        infrastructure=word == "EXIT" and bool(_LOST.search(why)),
        usage=Usage(
            cpu_seconds=_leading(record.get("CPU_USED")),
            max_rss=_size(record.get("MAX_MEM")),
            wall_seconds=_leading(record.get("RUN_TIME")),
        )
        if state.final
        else Usage(),
    )


def _exit_code(word: str, code: str) -> int | None:
    if word == "DONE":
        return 0
    if not code.isdecimal() or word != "EXIT":
        return None
    return 128 - int(code) if int(code) > 128 else int(code)


def _options(job: Job, wish: Wish) -> list[str]:
    """Return arguments that Toil has no option for."""
    line = ["-q", wish.queue] if wish.queue else []
    line += ["-P", wish.account] if wish.account else []
    line += ["-G", wish.project] if wish.project else []
    line += ["-sla", wish.qos] if wish.qos else []
    limit = wish.limit(job.resources.time_limit)
    # LSF counts in minutes.
    line += ["-W", str(math.ceil(limit / 60))] if limit is not None else []
    line += ["-gpu", f"num={job.resources.gpus}"] if job.resources.gpus else []
    return line


def _leading(value: Any) -> float | None:
    match = re.match(r"[\d.]+", str(value or ""))
    return float(match[0]) if match else None


def _size(value: Any) -> int | None:
    match = re.fullmatch(r"([\d.]+)\s*([kmgt]?bytes)", str(value or "").strip().lower())
    return round(float(match[1]) * _UNITS[match[2]]) if match else None
