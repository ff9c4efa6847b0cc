"""Load Airflow once and run its components as forks of this process.

Each component runs the ordinary command ``airflow <component>``; only the loading is shared. Loading costs
each of them two to four seconds of processor time, three times what they need for the rest of their start.
Nothing of Airflow is patched, and nothing runs before the fork: no thread, no connection, no server.

The process prints one line, ``<component> <status>``, when a component ends, and ends with the last of them;
whatever else is printed goes to standard error.
A SIGTERM is passed on to the components; when this process is killed, the kernel sends them one.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import importlib
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import IO, Any, NoReturn

# The log servers of scheduler and triggerer are left out: all logs are on this machine, where the API server
# reads the files, and the servers would listen on all its addresses.
COMPONENTS: Mapping[str, Sequence[str]] = {
    "api-server": (),
    "scheduler": ("--skip-serve-logs",),
    "dag-processor": (),
    "triggerer": ("--skip-serve-logs",),
}

# What all or most components import before they begin their work, in Airflow's own order.
_SHARED = (
    "airflow.__main__",
    "airflow.cli.commands.scheduler_command",
    "airflow.executors.local_executor",
    "airflow.cli.commands.triggerer_command",
    "airflow.cli.commands.dag_processor_command",
    "airflow.api_fastapi.execution_api.routes",
)
_PR_SET_PDEATHSIG = 1
RESPAWN = "CHRONOS_RESPAWN"
"""Environment variable: start a component again that ends, as a service manager does."""


def end_with_parent(parent: int) -> None:
    """Ask the kernel for a SIGTERM when the process ``parent``, our parent, ends, however it ends."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        # It ended before the kernel was told.
        sys.exit(1)


def take_stdout() -> IO[str]:
    """Return standard output for reports, and let everything that is printed go to standard error."""
    reports = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return reports


def load() -> None:
    """Import what the components share, and keep it out of later garbage collections."""
    for module in _SHARED:
        importlib.import_module(module)
    # Scheduler and DAG processor would each do this when they start.
    importlib.import_module("chronos_plugin.cwl.library").prepare()
    # A collection would touch, and so copy, the pages that the forks share.
    gc.freeze()


async def first_request(app: Any) -> None:
    """Send the web application a request by which its part for the tasks builds its routes.

    That takes seconds, and the first task would spend them waiting, longer than its patience lasts.
    """
    request = {"type": "http.request", "body": b"", "more_body": False}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/execution/health",
        "raw_path": b"/execution/health",
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"localhost")],
        "client": ("127.0.0.1", 0),
        "server": ("127.0.0.1", 80),
    }

    async def receive() -> dict[str, Any]:
        return request

    async def send(_message: dict[str, Any]) -> None:
        pass

    await app(scope, receive, send)


def run_component(name: str, arguments: Sequence[str]) -> None:
    """Run ``airflow <name> <arguments>`` in this process; return when it ends."""
    if name == "api-server":
        # The module builds the web application, which the server then finds already built.
        asyncio.run(first_request(importlib.import_module("airflow.api_fastapi.main").app))
    gc.freeze()
    gc.enable()
    sys.argv = ["airflow", name, *arguments]
    importlib.import_module("airflow.__main__").main()


def serve(
    components: Mapping[str, Sequence[str]],
    logs: Path,
    reports: IO[str],
    run: Callable[[str, Sequence[str]], None] = run_component,
    *,
    respawn: bool = False,
) -> None:
    """Run the components, each in a fork and with a log of its own, and report their ends.

    Args:
        respawn: Start one again that was ended by a signal, until this process is asked to end itself.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    loader = os.getpid()
    running: dict[int, str] = {}

    ending = False

    def pass_on(number: int, _frame: FrameType | None) -> None:
        nonlocal ending
        ending = True
        for pid in list(running):
            os.kill(pid, number)

    # A signal between a fork and its entry in `running` would miss that component.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    signal.signal(signal.SIGTERM, pass_on)

    def start(name: str) -> None:
        pid = os.fork()
        if pid == 0:
            reports.close()
            _become(name, components[name], logs / f"{name}.log", loader, run)
        running[pid] = name

    for name in components:
        start(name)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    while running:
        pid, status = os.wait()
        name = running.pop(pid, "")
        if name:
            print(name, os.waitstatus_to_exitcode(status), file=reports, flush=True)
        if name and respawn and not ending and os.WIFSIGNALED(status):
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
            start(name)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


def _become(
    name: str, arguments: Sequence[str], log: Path, loader: int, run: Callable[[str, Sequence[str]], None]
) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    end_with_parent(loader)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)
    run(name, arguments)
    # Through the callers to the interpreter's ordinary end, as after the command itself.
    sys.exit(0)


def main() -> None:
    """Run all components of Airflow, with their logs in the folder that the command line names."""
    end_with_parent(int(sys.argv[2]))
    # Loading makes millions of objects that all stay. Searching them for garbage again and again is a fifth
    # of the API server's start-up time.
    gc.disable()
    logs = Path(sys.argv[1])
    sys.argv = ["airflow"]
    reports = take_stdout()
    load()
    serve(COMPONENTS, logs, reports, respawn=bool(os.environ.get(RESPAWN)))


if __name__ == "__main__":
    main()
