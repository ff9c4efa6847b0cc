"""Tasks of the test double as processes in sandbox folders, as the command executor runs them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import shutil
import signal
import time
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import unquote, urlsplit

from chronos_plugin.hooks.mesos.double.agent import AgentTask


class Refused(Exception):
    """A task that cannot begin: state, message, reason."""


class Processes:
    """Runs commands.

    Args:
        images: What becomes of tasks with a container image: ``refuse`` them, or ``ignore`` the image and run
            the command as it is.
    """

    def __init__(self, images: str = "refuse") -> None:
        self._images = images
        self._running: dict[str, asyncio.subprocess.Process] = {}
        self._jobs: dict[str, asyncio.Task[None]] = {}

    def start(self, task: AgentTask) -> None:
        """Begin."""
        self._jobs[task.container_id] = asyncio.create_task(self._run(task))

    def kill(self, task: AgentTask) -> None:
        """Send SIGTERM to the process group, and SIGKILL after the grace period."""
        _signal(self._running.get(task.container_id), signal.SIGTERM)
        grace = _seconds(task.info.get("kill_policy", {}).get("grace_period"), task.agent.times.default_grace)
        asyncio.get_running_loop().call_later(
            grace, lambda: _signal(self._running.get(task.container_id), signal.SIGKILL)
        )

    def destroy(self, task: AgentTask) -> None:
        """Kill."""
        _signal(self._running.get(task.container_id), signal.SIGKILL)
        job = self._jobs.pop(task.container_id, None)
        if job is not None:
            job.cancel()

    async def _run(self, task: AgentTask) -> None:
        try:
            sandbox = _sandbox(task)
            await asyncio.to_thread(_fetch, task.info["command"].get("uris", []), sandbox, task.container_id)
            process = await self._begin(task, sandbox)
        except Refused as refused:
            state, message, reason = refused.args
            task.update(state, message, source="SOURCE_AGENT", reason=reason)
            return
        self._running[task.container_id] = process
        task.update("TASK_STARTING")
        task.update("TASK_RUNNING")
        limit = task.info.get("max_completion_time")
        reason = ""
        try:
            async with asyncio.timeout(_seconds(limit, None)):
                code = await process.wait()
        except TimeoutError:
            reason = "REASON_MAX_COMPLETION_TIME_REACHED"
            self.kill(task)
            code = await process.wait()
        del self._running[task.container_id]
        _report(task, code, reason)

    async def _begin(self, task: AgentTask, sandbox: Path) -> asyncio.subprocess.Process:
        container = task.info.get("container", {})
        if self._images == "refuse" and container.get(container.get("type", "").lower()):
            raise Refused(
                "TASK_FAILED",
                "Failed to launch container: this agent has no containerizer for images",
                "REASON_CONTAINER_LAUNCH_FAILED",
            )
        command = task.info["command"]
        if command.get("shell", True):
            program, arguments = "/bin/sh", ["sh", "-c", command["value"]]
        else:
            program, arguments = command["value"], list(command.get("arguments", [])) or [command["value"]]
        if shutil.which(program) is None:
            # The executor's child fails to become the program: status 1, after RUNNING.
            program, arguments = "/bin/sh", ["sh", "-c", "exit 1"]
        with _appended(sandbox / "stdout", "") as out, _appended(sandbox / "stderr", _head(task)) as err:
            return await asyncio.create_subprocess_exec(
                *arguments,
                executable=program,
                cwd=sandbox,
                env=_environment(task, sandbox),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
                **_user(command.get("user")),
            )


def _report(task: AgentTask, code: int, reason: str) -> None:
    if code < 0:
        message = f"Command terminated with signal {signal.strsignal(-code)}"
    else:
        message = f"Command exited with status {code}"
    if task.killed and not reason:
        task.update("TASK_KILLED", message)
    else:
        task.update("TASK_FINISHED" if code == 0 else "TASK_FAILED", message, reason=reason)


def _sandbox(task: AgentTask) -> Path:
    assert task.agent.root is not None
    runs = task.agent.root / "slaves" / task.agent.id / "frameworks" / task.framework_id
    runs = runs / "executors" / task.id / "runs"
    folder = runs / task.container_id
    folder.mkdir(parents=True)
    latest = runs / "latest"
    latest.unlink(missing_ok=True)
    latest.symlink_to(folder)
    task.sandbox = folder
    user = task.info["command"].get("user")
    if user and os.geteuid() == 0:
        try:
            shutil.chown(folder, user)
        except LookupError as error:
            raise Refused(
                "TASK_DROPPED",
                f"Failed to create executor directory '{folder}': Failed to chown directory to '{user}': "
                f"No such user '{user}'",
                "REASON_EXECUTOR_TERMINATED",
            ) from error
    return folder


def _fetch(uris: list[dict[str, Any]], sandbox: Path, container_id: str) -> None:
    for uri in uris:
        parts = urlsplit(uri["value"])
        source = Path(unquote(parts.path) if parts.scheme == "file" else uri["value"])
        target = sandbox / uri.get("output_file", source.name)
        try:
            shutil.copyfile(source, target)
            if uri.get("executable"):
                target.chmod(0o755)
            elif uri.get("extract", True) and target.suffix in (".tar", ".gz", ".tgz", ".zip", ".bz2", ".xz"):
                shutil.unpack_archive(target, sandbox)
        except (OSError, shutil.Error, ValueError) as error:
            raise Refused(
                "TASK_FAILED",
                f"Failed to launch container: Failed to fetch all URIs for container '{container_id}': "
                "exited with status 1",
                "REASON_CONTAINER_LAUNCH_FAILED",
            ) from error


def _environment(task: AgentTask, sandbox: Path) -> dict[str, str]:
    variables = task.info["command"].get("environment", {}).get("variables", [])
    return {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "MESOS_SANDBOX": str(sandbox),
        "MESOS_DIRECTORY": str(sandbox),
        "MESOS_EXECUTOR_ID": task.id,
        "MESOS_FRAMEWORK_ID": task.framework_id,
        "MESOS_AGENT_ENDPOINT": f"127.0.0.1:{task.agent.port}",
        **{v["name"]: v["value"] for v in variables},
    }


def _user(user: str | None) -> dict[str, Any]:
    if not user or os.geteuid() != 0:
        return {}
    entry = pwd.getpwnam(user)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def _appended(file: Path, text: str) -> BinaryIO:
    stream = open(file, "ab", buffering=0)  # noqa: SIM115 - the caller closes it
    stream.write(text.encode())
    return stream


def _head(task: AgentTask) -> str:
    """Return what the executor itself writes to ``stderr`` before the command does."""
    stamp = time.strftime("I%m%d %H:%M:%S.000000")
    return (
        f"{stamp} {os.getpid()} exec.cpp:164] Version: 1.12.0\n"
        f"{stamp} {os.getpid()} exec.cpp:237] Executor registered on agent {task.agent.id}\n"
    )


def _signal(process: asyncio.subprocess.Process | None, number: signal.Signals) -> None:
    if process is not None and process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)


def _seconds(duration: Any, default: Any) -> Any:
    return duration["nanoseconds"] / 1e9 if duration else default
