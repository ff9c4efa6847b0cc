"""Target ``local``: processes on the host of the triggerer, which outlive it.

Options: ``caps`` (``auto``, ``cgroup``, ``rlimit``, ``none``). How many jobs run at a time is bounded by the
target's ``max_cores``, ``max_ram``, ``max_in_flight``.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from chronos_plugin.errors import SettingInvalid, TargetRefused, TargetUnsupported
from chronos_plugin.execution.targets import caps
from chronos_plugin.execution.targets.base import Job, JobState, JobStatus, Target, TargetReport, Usage
from chronos_plugin.execution.targets.folder import JobFolder

OPTIONS = frozenset({"caps"})


class LocalTarget(Target):
    """Runs ``job.sh`` as a process that belongs to nobody.

    A native id is ``HOST:PID:START``, the start as ``/proc`` counts it, so that another process with the
    same pid is not taken for the job's.
    """

    kind: ClassVar[str] = "local"
    abilities: ClassVar[frozenset[str]] = frozenset({"suspend"})

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        super().__init__(name, options)
        unknown = sorted(set(options) - OPTIONS)
        if unknown:
            raise SettingInvalid(f"target {name}: unknown option {unknown[0]!r}; options are: caps")
        self._caps = str(options.get("caps", "auto"))
        if self._caps not in caps.MODES:
            raise SettingInvalid(f"target {name}: caps: {self._caps!r} is none of {', '.join(caps.MODES)}")
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._groups: dict[str, caps.Cgroup] = {}
        self._memory: dict[str, int] = {}
        self._host = socket.gethostname()

    async def submit(self, job: Job) -> str:
        """Start the job's process."""
        return await asyncio.to_thread(self._start, job)

    def _start(self, job: Job) -> str:
        mode = str(job.options.get("caps", self._caps))
        before, group = caps.confine(mode, job.id, job.resources)
        try:
            child = subprocess.Popen(
                job.command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=job.folder,
                start_new_session=True,
                # The one thing that must happen between fork and exec: the child confines itself.
                preexec_fn=before,
            )
        except OSError as error:
            raise TargetRefused(f"target {self.name}: cannot start {job.name}: {error}") from error
        native = f"{self._host}:{child.pid}:{_start_time(child.pid)}"
        self._children[native] = child
        if group is not None:
            self._groups[native] = group
        return native

    async def find(self, jobs: Sequence[Job]) -> Mapping[str, str]:
        """Return those that left a trace in their folder or among this host's processes."""
        found = {}
        for job in jobs:
            started = JobFolder(job.folder).started()
            pid = started["pid"] if started else _running(job)
            if pid is not None:
                host = started["node"] if started else self._host
                found[job.id] = f"{host}:{pid}:{_start_time(int(pid))}"
        return found

    async def poll(self, jobs: Mapping[str, Job]) -> Mapping[str, JobStatus]:
        """Look at the processes."""
        return {native: self._status(native, job) for native, job in jobs.items()}

    def _status(self, native: str, job: Job) -> JobStatus:
        self._reap(native)
        host, pid, start = _parts(native)
        if host != self._host:
            return JobStatus(JobState.UNKNOWN, reason=f"runs on {host}, which this triggerer cannot see")
        if not start or _start_time(pid) != start:
            return self._ended(native, job)
        stopped = _stopped(_tool_group(job))
        return JobStatus(JobState.SUSPENDED if stopped else JobState.RUNNING, node=host)

    def _ended(self, native: str, job: Job) -> JobStatus:
        group, reason = self._groups.pop(native, None), ""
        memory = self._memory.pop(native, None)
        if group is not None:
            memory = group.peak() or memory
            if group.killed_for_memory():
                reason = f"used more than the {job.resources.ram:g} MiB of memory that it asked for"
            group.remove()
        return JobStatus(
            JobState.ENDED, node=self._host, reason=reason, usage=Usage(max_rss=memory), infrastructure=False
        )

    def _reap(self, native: str) -> None:
        """Take the exit status of a child of this very process, and what it used."""
        child = self._children.get(native)
        if child is None:
            return
        pid, _, used = os.wait4(child.pid, os.WNOHANG)
        if pid:
            child.returncode = 0
            del self._children[native]
            self._memory[native] = used.ru_maxrss * 1024

    async def cancel(self, native: str, job: Job) -> None:
        """Ask ``job.sh`` to end its tool, which kills it after a while."""
        host, pid, start = _parts(native)
        self._only_here(host, job)
        if start and _start_time(pid) == start:
            with contextlib.suppress(ProcessLookupError):
                group = _tool_group(job)
                if group is not None:
                    _signal(group, signal.SIGCONT)
                os.kill(pid, signal.SIGTERM)

    async def suspend(self, native: str, job: Job) -> None:
        """Stop the tool's processes (SIGSTOP)."""
        self._signal_tool(native, job, signal.SIGSTOP)

    async def resume(self, native: str, job: Job) -> None:
        """Let them go on (SIGCONT)."""
        self._signal_tool(native, job, signal.SIGCONT)

    def _signal_tool(self, native: str, job: Job, number: signal.Signals) -> None:
        self._only_here(_parts(native)[0], job)
        group = _tool_group(job)
        if group is None:
            raise TargetUnsupported(f"target {self.name}: {job.name} has no process to signal")
        _signal(group, number)

    def _only_here(self, host: str, job: Job) -> None:
        if host != self._host:
            raise TargetUnsupported(f"target {self.name}: {job.name} runs on {host}, not on {self._host}")

    async def test(self) -> TargetReport:
        """Say what this host offers."""
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        group = caps.cgroup("test") if self._caps in ("auto", "cgroup") else None
        mode = f"cgroup v{group.version}" if group else ("rlimit" if self._caps == "rlimit" else "none")
        ok = group is not None or self._caps != "cgroup"
        soft, _ = resource.getrlimit(resource.RLIMIT_NPROC)
        details = {"host": self._host, "cores": os.cpu_count(), "memory_mib": memory >> 20, "caps": mode}
        details["processes"] = soft if soft != resource.RLIM_INFINITY else "unlimited"
        message = f"{self._host}: {os.cpu_count()} cores, {memory >> 20} MiB; jobs are bounded by {mode}"
        if not ok:
            message = "caps: cgroup: this user may make no control groups here; use rlimit"
        return TargetReport(ok, message, details, running=len(self._children))


def _parts(native: str) -> tuple[str, int, str]:
    host, _, rest = native.partition(":")
    pid, _, start = rest.partition(":")
    return host, int(pid), start


def _start_time(pid: int) -> str:
    """Return when a process started, in ticks since boot; empty if there is none or it is dead."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] == b"Z" else fields[19].decode()


def _running(job: Job) -> int | None:
    """Return the pid of a ``job.sh`` of this job that has not said yet that it started."""
    wanted = b"\0".join(word.encode() for word in job.command)
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if (entry / "cmdline").read_bytes().rstrip(b"\0") == wanted:
                    return int(entry.name)
    return None


def _tool_group(job: Job) -> int | None:
    try:
        return int((job.folder / "started" / "group").read_text())
    except (OSError, ValueError):
        return None


def _stopped(group: int | None) -> bool:
    if group is None:
        return False
    try:
        return Path(f"/proc/{group}/stat").read_bytes().rpartition(b")")[2].split()[0] == b"T"
    except OSError:
        return False


def _signal(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, number)
