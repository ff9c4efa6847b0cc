"""Slurm.

One ``squeue`` tells the states of all jobs of a target; those that ended are then looked up in the
accounting, with one ``sacct``. Toil asks ``scontrol show job`` for every job of the whole cluster and parses
all of it, each time.
"""

from __future__ import annotations

import math
import re
import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, ClassVar

from chronos_plugin.errors import ServiceFailed, TargetRefused, TargetUnreachable
from chronos_plugin.execution.targets.base import Job, JobState, JobStatus, TargetReport
from chronos_plugin.execution.targets.batch import slurm_records as records
from chronos_plugin.execution.targets.batch.commands import Answer, Commands
from chronos_plugin.execution.targets.batch.dialect import Dialect, Submission, chunks, replaced, system_name
from chronos_plugin.execution.targets.batch.toil_classes import Boss, memory_bytes, worker
from chronos_plugin.execution.targets.batch.wish import Refused, Wish

PARTITIONS_KEPT = 600.0
"""Seconds that the list of partitions is taken for current."""

ACCOUNTING_LAG = 20.0
"""Seconds that an ended job is given to arrive in the accounting, before it is reported without usage."""


class Slurm(Dialect):
    """``sbatch``, ``squeue``, ``sacct``, ``scontrol``, ``scancel``."""

    system = "slurm"
    refused = Refused.of(
        "--wrap --job-name -J --output -o --open-mode --error -e --comment --chdir -D --array -a --wait -W "
        "--requeue --no-requeue --parsable --hold -H --dependency -d --test-only --export "
        "--export-file --signal --account -A --partition -p --qos -q --time -t --uid --gid "
        "--get-user-env",
        attached=True,
    )
    verbs: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "cancel": ("scancel",),
        "hold": ("scontrol", "hold"),
        "release": ("scontrol", "release"),
        "suspend": ("scontrol", "suspend"),
        "resume": ("scontrol", "resume"),
    }
    passing = re.compile(
        r"unable to contact|socket timed out|zero bytes|connection (refused|reset|timed out)|"
        r"temporarily|munge|transport|slurmdbd|DNS SRV|configuration source|"
        r"MaxSubmitJob|communication",
        re.IGNORECASE,
    )
    gone = re.compile(r"invalid job id|already complet|unexpected message", re.IGNORECASE)

    def __init__(self, commands: Commands) -> None:
        super().__init__(commands)
        # Seconds since the epoch in the place of local times.
        commands.asking["SLURM_TIME_FORMAT"] = "%s"
        self._partitions: list[records.Partition] = []
        self._partitions_at = -math.inf
        self._ended_at: dict[str, float] = {}
        self._accounting: bool | None = None

    async def prepare(self, job: Job, wish: Wish) -> None:
        """Ask for the partitions, where the submission depends on them."""
        if not _chooses(job, wish):
            return
        if time.monotonic() - self._partitions_at > PARTITIONS_KEPT:
            out = await self.ask(["sinfo", "--all", "--noheader", "--format", records.PARTITION_FORMAT])
            self._partitions = records.partitions(out)
            self._partitions_at = time.monotonic()

    def submission(self, job: Job, wish: Wish) -> Submission:
        """Let Toil's ``prepareSbatch`` build the command."""
        from toil.batchSystems.slurm import SlurmBatchSystem

        config = SimpleNamespace(
            slurm_args=shlex.join(_native(job, wish)),
            slurm_time=None,
            slurm_pe=None,
            slurm_partition=wish.queue,
            slurm_gpu_partition=None,
            slurm_qos=wish.qos,
            slurm_gpu_qos=None,
            slurm_allocate_mem=wish.request_memory,
        )
        # Slurm replaces %j and the like in the name of the log.
        boss = Boss(
            str(job.log).replace("%", "%%"),
            config,
            partitions=self._partition_set(needed=_chooses(job, wish)),
        )
        asked = job.resources
        line = worker(SlurmBatchSystem, boss).prepareSbatch(
            cpu=asked.cores,
            mem=memory_bytes(asked.ram),
            walltime=wish.limit(asked.time_limit),
            jobID=0,
            jobName="",
            job_environment=None,
            gpus=asked.gpus or None,
        )
        # Toil's worker wants a signal before the limit; to a shell it would be the end.
        line = [part for part in line if not part.startswith("--signal=")]
        # Both streams to one file: with two options for one file, they would overwrite each other.
        place = line.index("-e")
        line = replaced([*line[:place], *line[place + 2 :]], "-J", system_name(job))
        return Submission([*line, f"--wrap=exec {shlex.join(job.command)}"])

    def native_id(self, answer: Answer) -> str:
        """Return the number in ``Submitted batch job 42``; ``--parsable`` prints ``42;cluster``."""
        return str(int(answer.out.split()[-1].partition(";")[0]))

    async def find(self, jobs: Sequence[Job]) -> dict[str, str]:
        """Look by name: in the queue, then in the accounting."""
        ids = {system_name(job): job.id for job in jobs}
        found: dict[str, str] = {}
        queue = await self.ask(["squeue", "--me", "--states=all", "--noheader", "--format=%i|%j"])
        _take_names(queue, ids, found)
        missing = [job for job in jobs if job.id not in found]
        if not missing or not await self._has_accounting():
            return found
        since = int(min(_age(job) for job in missing)) - 3600
        start = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(since))
        for part in chunks([system_name(job) for job in missing], 200):
            names = ["--name", ",".join(part), "--starttime", start, "--endtime", "now+1hour"]
            columns = ["--format", f"JobIDRaw,JobName%{max(map(len, part))}"]
            out = await self.ask(["sacct", "--noheader", "--parsable2", "--allocations", *names, *columns])
            _take_names(out, ids, found)
        return found

    async def poll(self, jobs: Mapping[str, Job]) -> dict[str, JobStatus]:
        """Ask the controller once, then the accounting once for what has ended or is not in the queue."""
        queue = await self.ask(
            ["squeue", "--me", "--states=all", "--noheader", "--format", records.QUEUE_FORMAT]
        )
        seen = records.queue(queue, jobs)
        found = {native: status for native, status in seen.items() if not status.state.final}
        rest = [native for native in jobs if native not in found]
        if rest and await self._has_accounting():
            found.update(await self._ended(rest, seen))
        else:
            found.update({native: seen[native] for native in rest if native in seen})
        for native in jobs.keys() & found.keys():
            if found[native].state.final:
                self._ended_at.pop(native, None)
        return found

    async def test(self, wish: Wish) -> TargetReport:
        """Let Slurm itself try a submission (``sbatch --test-only``), and count the queue."""
        line = ["sbatch", "--test-only", "--mem=1", "--wrap=true", *_native(None, wish)]
        line += [f"--partition={wish.queue}"] if wish.queue else []
        line += [f"--qos={wish.qos}"] if wish.qos else []
        try:
            version = (await self.ask(["sinfo", "--version"])).strip()
            listed = await self.ask(["sinfo", "--noheader", "--format", records.PARTITION_FORMAT])
            states = (await self.ask(["squeue", "--noheader", "--format=%T"])).split()
            accounting = await self._has_accounting()
            answer = await self.commands.run(line)
        except ServiceFailed as error:
            return TargetReport(False, str(error))
        details: dict[str, Any] = {
            "version": version,
            "partitions": [partition.name for partition in records.partitions(listed)],
            "accounting": accounting,
        }
        waiting, running = states.count("PENDING"), states.count("RUNNING")
        message = f"{version} accepts jobs" if not answer.code else f"{version} refuses jobs: {answer.words}"
        return TargetReport(not answer.code, message, details, waiting, running)

    async def _ended(self, natives: list[str], seen: Mapping[str, JobStatus]) -> dict[str, JobStatus]:
        """Return what the accounting knows of jobs that ended or are not in the queue any more."""
        known: dict[str, JobStatus] = {}
        try:
            for part in chunks(natives, 1000):
                listed = ["sacct", "--noheader", "--parsable2", "--jobs", ",".join(part)]
                known.update(records.accounting(await self.ask([*listed, "--format", records.COLUMNS])))
        except (TargetUnreachable, TargetRefused):
            # The controller's word that a job has ended holds; only its usage is not known yet.
            known = {}
        result = {}
        for native in natives:
            status = self._agreed(native, known.get(native), seen.get(native))
            if status is not None:
                result[native] = status
        return result

    def _agreed(self, native: str, accounted: JobStatus | None, seen: JobStatus | None) -> JobStatus | None:
        """Join the accounting's word with the controller's; the accounting lags behind a little."""
        if accounted is not None and accounted.state.final:
            return accounted
        if seen is None:
            return accounted
        first = self._ended_at.setdefault(native, time.monotonic())
        if time.monotonic() - first < ACCOUNTING_LAG:
            # Ended, but the record of its usage is on its way: not final yet.
            return replace(seen, state=JobState.RUNNING)
        return seen

    async def _has_accounting(self) -> bool:
        if self._accounting is None:
            out = await self.ask(["scontrol", "show", "config"])
            match = re.search(r"^AccountingStorageType\s*=\s*(\S+)", out, re.MULTILINE)
            self._accounting = match is not None and not match[1].endswith("/none")
        return self._accounting

    def _partition_set(self, *, needed: bool) -> Any:
        """Return Toil's choice of partitions; where it is not needed, one that chooses Slurm's default."""
        from toil.batchSystems.slurm import SlurmBatchSystem

        info = SlurmBatchSystem.PartitionInfo
        # Its constructor would run sinfo in the environment of this process, and wait for it.
        choice = SlurmBatchSystem.PartitionSet.__new__(SlurmBatchSystem.PartitionSet)
        choice.all_partitions = [
            info(p.name, p.gpus, p.time_limit, p.priority, p.cpus, p.memory)
            for p in (self._partitions if needed else [])
        ]
        choice._get_gpu_partitions()
        return choice


def _chooses(job: Job, wish: Wish) -> bool:
    """Return whether Toil must know the partitions: to find GPUs, or to choose by the time limit."""
    return bool(job.resources.gpus) or wish.choose_queue


def _native(job: Job | None, wish: Wish) -> list[str]:
    """Return arguments that Toil has no option for."""
    line = [f"--account={wish.account}"] if wish.account else []
    line += [f"--wckey={wish.project}"] if wish.project else []
    if job is not None:
        # A requeued job would start in the folder of a try that has begun; another try gets its own.
        line += ["--no-requeue", "--open-mode=append", "--chdir=/", f"--comment={job.name}"]
    return [*line, *wish.native]


def _take_names(text: str, ids: Mapping[str, str], found: dict[str, str]) -> None:
    for line in text.splitlines():
        native, _, name = line.partition("|")
        if name in ids and native.isdecimal():
            # Later submissions have higher numbers; the last one counts.
            found[ids[name]] = native


def _age(job: Job) -> float:
    try:
        return job.folder.stat().st_mtime
    except OSError:
        return time.time() - 7 * 86400
