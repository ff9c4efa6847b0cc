"""The operating-system process of a tool: its own process group, its usage, its end."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

GRACE = 10.0
"""Seconds between asking a tool to end and killing it."""


@dataclass
class Usage:
    """What the processes of one execution used.

    Attributes:
        cpu_seconds: User and system time of the process and all children it waited for.
        max_rss_bytes: Largest resident set of one process among them.
        wall_seconds: From start to end.
    """

    cpu_seconds: float = 0.0
    max_rss_bytes: int = 0
    wall_seconds: float = 0.0


@dataclass
class ToolProcesses:
    """The processes that one execution has started.

    Attributes:
        log_fd: File descriptor for output that the tool does not capture; None: standard error.
        exit_code: Of the process that ended last.
        container_ids: Folder in which container engines write the ids of what they run.
        engine: Command of the container engine, for cancellation.
        on_start: Called with ``command`` and ``environment`` (what is set beside this process's own
            variables) before a command runs.
    """

    log_fd: int | None = None
    exit_code: int | None = None
    command: list[str] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)
    container_ids: Path | None = None
    engine: str = "docker"
    timed_out: bool = False
    cancelled: bool = False
    on_start: Callable[..., None] | None = None
    _running: set[int] = field(default_factory=set)

    def run(
        self,
        commands: list[str],
        *,
        stdin_path: str | None,
        stdout_path: str | None,
        stderr_path: str | None,
        env: Mapping[str, str],
        cwd: str,
        timelimit: float | None = None,
    ) -> int:
        """Run a command to its end and return its exit code (negative: ended by that signal)."""
        commands = _as_this_user(commands, self.engine)
        self.command = list(commands)
        if self.on_start is not None:
            own = {k: v for k, v in env.items() if os.environ.get(k) != v}
            self.on_start(command=self.command, environment=own)
        started = time.monotonic()
        uncaptured = self.log_fd if self.log_fd is not None else 2
        with contextlib.ExitStack() as files:
            stdin: Any = files.enter_context(open(stdin_path or os.devnull, "rb"))
            stdout: Any = files.enter_context(open(stdout_path, "wb")) if stdout_path else uncaptured
            stderr: Any = files.enter_context(open(stderr_path, "wb")) if stderr_path else uncaptured
            child = subprocess.Popen(
                commands,
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                env=dict(env),
                cwd=cwd,
                start_new_session=True,
            )
        self._running.add(child.pid)
        timer = self._watch(child.pid, timelimit)
        try:
            _, status, used = os.wait4(child.pid, 0)
        finally:
            self._running.discard(child.pid)
            if timer is not None:
                timer.cancel()
        child.returncode = os.waitstatus_to_exitcode(status)
        self.exit_code = child.returncode
        self.usage.cpu_seconds += used.ru_utime + used.ru_stime
        self.usage.max_rss_bytes = max(self.usage.max_rss_bytes, used.ru_maxrss * 1024)
        self.usage.wall_seconds += time.monotonic() - started
        return child.returncode

    def cancel(self) -> None:
        """End what runs: the process groups and containers, asked first, killed after :data:`GRACE`."""
        self.cancelled = True
        self._end(list(self._running))

    def _watch(self, pid: int, timelimit: float | None) -> threading.Timer | None:
        if not timelimit or timelimit <= 0:
            return None

        def expire() -> None:
            self.timed_out = True
            self._end([pid])

        timer = threading.Timer(timelimit, expire)
        timer.daemon = True
        timer.start()
        return timer

    def _end(self, pids: list[int]) -> None:
        for pid in pids:
            _signal_group(pid, signal.SIGTERM)
        deadline = time.monotonic() + GRACE
        while time.monotonic() < deadline and any(_alive(pid) for pid in pids):
            time.sleep(0.05)
        for pid in pids:
            _signal_group(pid, signal.SIGKILL)
        self._end_containers()

    def _end_containers(self) -> None:
        if self.container_ids is None or not self.container_ids.is_dir():
            return
        for file in self.container_ids.iterdir():
            container = file.read_text().strip()
            if container:
                # The engine answers "no such container" for one that has ended: that is what we want.
                subprocess.run(
                    [self.engine, "kill", container], capture_output=True, timeout=GRACE * 3, check=False
                )


def _as_this_user(commands: list[str], engine: str) -> list[str]:
    """Return a command without what Podman refuses to root: keeping the user's id, which is kept anyway."""
    if engine != "podman" or os.geteuid() != 0 or commands[:1] != ["podman"]:
        return commands
    return [word for word in commands if word != "--userns=keep-id"]


def _signal_group(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def _alive(pid: int) -> bool:
    """Return whether a process of the group exists and is not just waiting to be reaped."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] != b"Z"
    except OSError:
        return False


_current = threading.local()


def redirect(processes: ToolProcesses) -> Callable[[], None]:
    """Make the CWL library run the commands of this thread through ``processes``; return the undo.

    cwltool starts tools in a module function; replacing it is the one way to own the process group,
    see the usage and save its one-second container poll.
    """
    import cwltool.job

    if not hasattr(_current, "installed"):
        _install(cwltool.job)
    previous = getattr(_current, "processes", None)
    _current.processes = processes

    def undo() -> None:
        _current.processes = previous

    return undo


def _install(module: Any) -> None:
    _current.installed = True
    if getattr(module._job_popen, "of_chronos", False):
        return
    original = module._job_popen

    def job_popen(
        commands: list[str],
        stdin_path: str | None,
        stdout_path: str | None,
        stderr_path: str | None,
        env: Mapping[str, str],
        cwd: str,
        make_job_dir: Callable[[], str],
        job_script_contents: str | None = None,
        timelimit: int | None = None,
        **rest: Any,
    ) -> int:
        processes = getattr(_current, "processes", None)
        if processes is None or job_script_contents is not None:
            return int(
                original(
                    commands,
                    stdin_path,
                    stdout_path,
                    stderr_path,
                    env,
                    cwd,
                    make_job_dir,
                    job_script_contents,
                    timelimit,
                    **rest,
                )
            )
        return int(
            processes.run(
                commands,
                stdin_path=stdin_path,
                stdout_path=stdout_path,
                stderr_path=stderr_path,
                env=env,
                cwd=cwd,
                timelimit=timelimit,
            )
        )

    job_popen.of_chronos = True  # type: ignore[attr-defined]
    module._job_popen = job_popen
