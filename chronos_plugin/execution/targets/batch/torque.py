"""PBS and Torque: PBS Professional, OpenPBS, Torque.

One ``qstat -f`` tells everything about all jobs of a target. Torque's server forgets a job some minutes
after its end (``keep_completed``); PBS keeps a history that ``-x`` shows.
"""

from __future__ import annotations

import math
import re
import shlex
import time
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import ClassVar

from chronos_plugin.errors import ServiceFailed, TargetUnreachable
from chronos_plugin.execution.targets.base import Job, JobState, JobStatus, TargetReport, Usage
from chronos_plugin.execution.targets.batch.commands import Answer, Commands
from chronos_plugin.execution.targets.batch.dialect import Dialect, Submission, chunks, replaced, system_name
from chronos_plugin.execution.targets.batch.slurm_records import duration
from chronos_plugin.execution.targets.batch.toil_classes import Boss, memory_bytes, worker
from chronos_plugin.execution.targets.batch.wish import Refused, Wish

_STATES = {
    "Q": JobState.QUEUED,
    "W": JobState.QUEUED,
    "T": JobState.QUEUED,
    "M": JobState.QUEUED,
    "H": JobState.HELD,
    "R": JobState.RUNNING,
    "B": JobState.RUNNING,
    "E": JobState.RUNNING,
    "S": JobState.SUSPENDED,
    "U": JobState.SUSPENDED,
    "C": JobState.ENDED,
    "F": JobState.ENDED,
    "X": JobState.ENDED,
}
_NAME_LENGTH = 15
_UNITS = {"b": 1, "kb": 1 << 10, "mb": 1 << 20, "gb": 1 << 30, "tb": 1 << 40}
_DELETED = 271
"""Exit status that both systems report for a job that ``qdel`` ended: signal 15 beside 256."""


class Torque(Dialect):
    """``qsub``, ``qstat``, ``qhold``, ``qrls``, ``qsig``, ``qdel``."""

    system = "torque"
    refused = Refused.of(
        "-N -o -e -j -k -S -V -v -h -I -J -t -q -A -P -W -r -d -w -f -X -z -C", attached=True
    )
    verbs: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "cancel": ("qdel",),
        "hold": ("qhold",),
        "release": ("qrls",),
        "suspend": ("qsig", "-s", "suspend"),
        "resume": ("qsig", "-s", "resume"),
    }
    passing = re.compile(
        r"cannot connect|can not connect|connection (refused|reset|timed out)|timeout|timed out|"
        r"end of file|pbs_iff|no route|would exceed .* limit|maximum number of jobs|server shutting down",
        re.IGNORECASE,
    )
    gone = re.compile(r"unknown job id|has finished|invalid state for job", re.IGNORECASE)

    def __init__(self, commands: Commands) -> None:
        super().__init__(commands)
        self._version = ""

    async def prepare(self, job: Job, wish: Wish) -> None:
        """Ask once which of the two families this is."""
        del job, wish
        await self._ask_version()

    async def _ask_version(self) -> None:
        if not self._version:
            answer = await self.commands.run(["qstat", "--version"])
            said = (answer.out + answer.err).lower()
            self._version = "pro" if "pbs_version" in said or "pbspro" in said else "oss"

    def submission(self, job: Job, wish: Wish) -> Submission:
        """Let Toil's ``prepareQsub`` build the command; the script goes to its standard input."""
        from toil.batchSystems.torque import TorqueBatchSystem

        asked = job.resources
        thread = worker(TorqueBatchSystem, Boss("", SimpleNamespace()), _version=self._version)
        memory = memory_bytes(asked.ram) if wish.request_memory else None
        line = thread.prepareQsub(cpu=asked.cores, mem=memory, jobID=0, job_environment=None)
        line = replaced(line, "-N", _short_name(job))
        line = self._with_gpus(line, asked.gpus, math.ceil(asked.cores))
        line += ["-j", "oe", "-o", "/dev/null", "-r", "n", "-v", f"CHRONOS_JOB={job.id}"]
        line += self._options(wish, wish.limit(asked.time_limit))
        # Not by -o: PBS writes that file at the end of the job, and reads a colon in it as the end of a host.
        script = f"exec {shlex.join(job.command)} >>{shlex.quote(str(job.log))} 2>&1\n"
        return Submission([*line, *wish.native], script)

    def native_id(self, answer: Answer) -> str:
        """Return the number and the server, as ``qsub`` prints them."""
        native = answer.out.split()[-1]
        if not native[0].isdecimal():
            raise ValueError(native)
        return native

    async def find(self, jobs: Sequence[Job]) -> dict[str, str]:
        """Look for the variable that submissions set."""
        await self._ask_version()
        wanted = {job.id for job in jobs}
        found = {}
        for native, fields in parse(await self._qstat([])).items():
            match = re.search(r"(?:^|,)CHRONOS_JOB=([^,]+)", fields.get("variable_list", ""))
            if match and match[1] in wanted:
                found[match[1]] = native
        return found

    async def poll(self, jobs: Mapping[str, Job]) -> dict[str, JobStatus]:
        """Ask for all jobs at once."""
        await self._ask_version()
        found: dict[str, JobStatus] = {}
        for part in chunks(jobs, 500):
            records = parse(await self._qstat(part))
            # A server may add or leave out its domain.
            short = {native.partition(".")[0]: fields for native, fields in records.items()}
            for native in part:
                fields = short.get(native.partition(".")[0])
                if fields is not None:
                    found[native] = status(fields)
        return found

    async def test(self, wish: Wish) -> TargetReport:
        """Ask the server for its queues; neither family can try a submission."""
        try:
            queues = await self.ask(["qstat", "-Q"])
            answer = await self.commands.run(["qstat", "--version"])
        except ServiceFailed as error:
            return TargetReport(False, str(error))
        names = [line.split()[0] for line in queues.splitlines()[2:] if line.strip()]
        version = " ".join((answer.out + answer.err).split())
        if wish.queue and wish.queue not in names:
            return TargetReport(False, f"there is no queue {wish.queue}", {"queues": names})
        return TargetReport(True, f"{version} answers", {"version": version, "queues": names})

    async def _qstat(self, natives: Sequence[str]) -> str:
        line = ["qstat", *(["-x"] if self._version == "pro" else []), "-f", *natives]
        answer = await self.commands.run(line)
        # One unknown job among many makes the command fail, and it prints the others all the same.
        if answer.code and not self.gone.search(answer.words):
            raise TargetUnreachable(f"qstat: {answer.words}")
        return answer.out

    def _with_gpus(self, line: list[str], gpus: int, cores: int) -> list[str]:
        if not gpus:
            return line
        asked = line[line.index("-l") + 1] if "-l" in line else ""
        if self._version == "pro":
            return replaced(line, "-l", f"{asked}:ngpus={gpus}")
        if "nodes=" in asked:
            return replaced(line, "-l", f"{asked}:gpus={gpus}")
        return [*line, "-l", f"nodes=1:ppn={cores}:gpus={gpus}"]

    def _options(self, wish: Wish, limit: int | None) -> list[str]:
        line = ["-q", wish.queue] if wish.queue else []
        line += ["-A", wish.account] if wish.account else []
        line += ["-P", wish.project] if wish.project else []
        line += ["-l", f"walltime={limit}"] if limit is not None else []
        if wish.qos:
            if self._version == "pro":
                raise ValueError("PBS has no qos: leave the option out")
            line += ["-l", f"qos={wish.qos}"]
        return line


def parse(text: str) -> dict[str, dict[str, str]]:
    """Return the jobs in the output of ``qstat -f``: fields in lower case by native id."""
    found: dict[str, dict[str, str]] = {}
    fields: dict[str, str] = {}
    last = ""
    for line in text.splitlines():
        if line.startswith("Job Id:"):
            fields = found.setdefault(line.partition(":")[2].strip(), {})
            last = ""
        elif line.startswith("\t") and last:
            # Long values go on in lines that begin with a tab.
            fields[last] += line[1:].rstrip()
        elif " = " in line:
            name, _, value = line.strip().partition(" = ")
            last = name.lower()
            fields[last] = value.strip()
    return found


def status(fields: Mapping[str, str]) -> JobStatus:
    """Return what the fields of a job say."""
    word = fields.get("job_state", "")
    state = _STATES.get(word, JobState.UNKNOWN)
    code = int(fields["exit_status"]) if re.fullmatch(r"-?\d+", fields.get("exit_status", "")) else None
    if state is JobState.ENDED and code == _DELETED:
        state = JobState.CANCELLED
    used = {name: fields.get(f"resources_used.{name}", "") for name in ("cput", "mem", "walltime")}
    final = state.final
    return JobStatus(
        state=state,
        native_state=word,
        reason=fields.get("comment", ""),
        node=fields.get("exec_host", "").partition("/")[0],
        exit_code=_exit_code(code) if final else None,
        # Negative ones are the system's own: it could not start the job, or restarted (pbs_mom).
        infrastructure=final and code is not None and code < 0,
        queued_at=_time(fields.get("qtime", "") or fields.get("ctime", "")),
        started_at=_time(fields.get("start_time", "") or fields.get("stime", "")),
        ended_at=_time(fields.get("comp_time", "") or fields.get("mtime", "")) if final else None,
        usage=Usage(duration(used["cput"]), _size(used["mem"]), duration(used["walltime"]))
        if final
        else Usage(),
    )


def _exit_code(code: int | None) -> int | None:
    if code is None or code < 0:
        return None
    if code > 256:
        return 256 - code
    return 128 - code if code > 128 else code


def _short_name(job: Job) -> str:
    """Return a name that both families take: 15 characters, a letter first."""
    name = system_name(job).partition(".")[0].lstrip("0123456789_-.")[:_NAME_LENGTH]
    return name or "chronos"


def _time(text: str) -> float | None:
    try:
        return float(text) if text.isdecimal() else time.mktime(time.strptime(text, "%a %b %d %H:%M:%S %Y"))
    except ValueError:
        return None


def _size(text: str) -> int | None:
    match = re.fullmatch(r"(\d+)([kmgt]?b)", text.lower())
    return int(match[1]) * _UNITS[match[2]] if match else None
