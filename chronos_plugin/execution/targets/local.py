"""Target ``local``: processes on the host of the triggerer, which outlive it.

Options: ``caps`` (``auto``, ``cgroup``, ``rlimit``, ``none``), ``lost_after`` (seconds). How many jobs run at
a time is bounded by the target's ``max_cores``, ``max_ram``, ``max_in_flight``.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from chronos_plugin.errors import SettingInvalid, TargetRefused, TargetUnsupported
from chronos_plugin.execution.targets import caps, processes
from chronos_plugin.execution.targets.base import Job, JobState, JobStatus, Target, TargetReport, Usage
from chronos_plugin.execution.targets.folder import JobFolder
from chronos_plugin.execution.targets.processes import start_time, tool_group
from chronos_plugin.execution.targets.script import GUARD, NATIVE_VARIABLES

OPTIONS = ("caps", "lost_after")
LOST_AFTER = 600.0
"""Seconds without a sign of life after which a job of another host is given up."""


class LocalTarget(Target):
    """Runs ``job.sh`` as a process that belongs to nobody.

    A native id is ``HOST:PID:START``, the start as ``/proc`` counts it, so that another process with the
    same pid is not taken for the job's. Jobs of other hosts are seen by the signs of life that ``job.sh``
    leaves in their folders.
    """

    kind: ClassVar[str] = "local"
    abilities: ClassVar[frozenset[str]] = frozenset({"suspend"})
    guards: ClassVar[bool] = True

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        super().__init__(name, options)
        unknown = sorted(set(options) - set(OPTIONS))
        if unknown:
            known = ", ".join(OPTIONS)
            raise SettingInvalid(f"target {name}: unknown option {unknown[0]!r}; options are: {known}")
        self._caps = str(options.get("caps", "auto"))
        if self._caps not in caps.MODES:
            raise SettingInvalid(f"target {name}: caps: {self._caps!r} is none of {', '.join(caps.MODES)}")
        self._lost_after = options.get("lost_after", LOST_AFTER)
        if not isinstance(self._lost_after, int | float) or self._lost_after < 10 * GUARD:
            raise SettingInvalid(f"target {name}: lost_after: write seconds, {10 * GUARD} or more")
        self._children: dict[str, int] = {}
        self._groups: dict[str, caps.Cgroup] = {}
        self._memory: dict[str, int] = {}
        self._followed: dict[str, int] = {}
        self._host = socket.gethostname()

    async def submit(self, job: Job) -> str:
        """Start the job's process."""
        native = await asyncio.to_thread(self._start, job)
        self._follow(native)
        return native

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
                env={k: v for k, v in os.environ.items() if k not in NATIVE_VARIABLES},
                start_new_session=True,
                # The one thing that must happen between fork and exec: the child confines itself.
                preexec_fn=before,
            )
        except OSError as error:
            raise TargetRefused(f"target {self.name}: cannot start {job.name}: {error}") from error
        native = f"{self._host}:{child.pid}:{start_time(child.pid)}"
        self._children[native] = child.pid
        # It is nobody's: subprocess is not to complain that nobody has waited for it.
        child.returncode = 0
        if group is not None:
            self._groups[native] = group
        return native

    async def find(self, jobs: Sequence[Job]) -> Mapping[str, str]:
        """Return those that left a trace in their folder or among this host's processes."""
        found = {}
        for job in jobs:
            started = JobFolder(job.folder).started()
            if started is None:
                pid = processes.running(job)
                if pid is not None:
                    found[job.id] = f"{self._host}:{pid}:{start_time(pid)}"
                continue
            pid = int(started["pid"])
            # The pid of a job that has ended may be another process's by now.
            start = start_time(pid) if started["node"] == self._host and processes.runs(pid, job) else ""
            found[job.id] = f"{started['node']}:{pid}:{start}"
        return found

    async def poll(self, jobs: Mapping[str, Job]) -> Mapping[str, JobStatus]:
        """Look at the processes."""
        afar = {native: job for native, job in jobs.items() if _parts(native)[0] != self._host}
        found = {native: self._status(native, job) for native, job in jobs.items() if native not in afar}
        for native, status in found.items():
            if not status.state.final:
                self._follow(native)
        if afar:
            # Their storage may be slow, or gone with their host.
            found |= await asyncio.to_thread(lambda: {n: self._afar(n, job) for n, job in afar.items()})
        return found

    def _status(self, native: str, job: Job) -> JobStatus:
        self._reap(native)
        host, pid, start = _parts(native)
        if not start or start_time(pid) != start:
            return self._ended(native, job)
        stopped = processes.stopped(tool_group(job))
        return JobStatus(JobState.SUSPENDED if stopped else JobState.RUNNING, node=host)

    def _ended(self, native: str, job: Job) -> JobStatus:
        group, reason = self._groups.pop(native, None), ""
        memory = self._memory.pop(native, None)
        _, pid, start = _parts(native)
        folder = JobFolder(job.folder)
        started = folder.started()
        # One that found its job started already has ended, too: the tool is not its own.
        if started is not None and int(started["pid"]) == pid and folder.exit() is None:
            processes.end_left(job, start)
            reason = "its job.sh was killed before its tool had ended"
        if group is not None:
            memory = group.peak() or memory
            if group.killed_for_memory():
                asked = job.resources.ram_bound
                reason = f"used more than the {asked:g} MiB of memory that it asked for" if asked else ""
            group.remove()
        return JobStatus(JobState.ENDED, node=self._host, reason=reason, usage=Usage(max_rss=memory))

    def _afar(self, native: str, job: Job) -> JobStatus:
        """Return what is known of a job of another host."""
        host, folder = _parts(native)[0], JobFolder(job.folder)
        if folder.exit() is not None:
            return JobStatus(JobState.ENDED, node=host)
        silent = time.time() - folder.alive_at()
        if silent < 6 * GUARD:
            return JobStatus(JobState.RUNNING, node=host)
        if silent < self._lost_after:
            reason = f"no sign of life from host {host} for some time"
            return JobStatus(JobState.UNKNOWN, reason=reason, node=host)
        reason = (
            f"host {host} has given no sign of life for {self._lost_after:g} s: the job is taken for lost"
        )
        return JobStatus(JobState.LOST, reason=reason, node=host, infrastructure=True)

    def _reap(self, native: str) -> None:
        """Take the exit status of a child of this very process, and what it used."""
        child = self._children.get(native)
        if child is None:
            return
        pid, _, used = os.wait4(child, os.WNOHANG)
        if pid:
            del self._children[native]
            self._memory[native] = used.ru_maxrss * 1024

    # -- the end, as the kernel tells it -------------------------------------------------------

    def _follow(self, native: str) -> None:
        """Have the kernel tell when a job's process ends."""
        _, pid, start = _parts(native)
        if native in self._followed or not start:
            return
        # Without it (an old kernel, too many files) the end is seen with the next look.
        with contextlib.suppress(OSError):
            file = self._followed[native] = os.pidfd_open(pid)
            asyncio.get_running_loop().add_reader(file, self._over, native)

    def _over(self, native: str) -> None:
        self._unfollow(native)
        self.changed()

    def _unfollow(self, native: str) -> None:
        file = self._followed.pop(native)
        asyncio.get_running_loop().remove_reader(file)
        os.close(file)

    async def close(self) -> None:
        """Follow no job any more."""
        for native in list(self._followed):
            self._unfollow(native)

    # -- what people want ----------------------------------------------------------------------

    async def cancel(self, native: str, job: Job) -> None:
        """Ask ``job.sh`` to end its tool, which kills it after a while; on another host it reads the wish."""
        host, pid, start = _parts(native)
        if host == self._host and start and start_time(pid) == start:
            with contextlib.suppress(ProcessLookupError):
                group = tool_group(job)
                if group is not None:
                    processes.signal_group(group, signal.SIGCONT)
                os.kill(pid, signal.SIGTERM)

    async def suspend(self, native: str, job: Job) -> None:
        """Stop the tool's processes (SIGSTOP)."""
        self._signal_tool(native, job, signal.SIGSTOP)

    async def resume(self, native: str, job: Job) -> None:
        """Let them go on (SIGCONT)."""
        self._signal_tool(native, job, signal.SIGCONT)

    def _signal_tool(self, native: str, job: Job, number: signal.Signals) -> None:
        host, group = _parts(native)[0], tool_group(job)
        if host != self._host:
            raise TargetUnsupported(f"target {self.name}: {job.name} runs on {host}, not on {self._host}")
        if group is None:
            raise TargetUnsupported(f"target {self.name}: {job.name} has no process to signal")
        processes.signal_group(group, number)

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
