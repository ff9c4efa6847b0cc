"""Load Airflow once and run its components as forks of this process.

Each component runs the ordinary command ``airflow <component>``; only the loading is shared. Loading costs
each of them two to four seconds of processor time, three times what they need for the rest of their start.
Nothing of Airflow is patched, and nothing runs before the fork: no thread, no connection, no server.

The process prints one line, ``<component> <status>``, when a component ends, and ends with the last of them.
A SIGTERM is passed on to the components; when this process is killed, the kernel sends them one.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import os
import signal
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

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
# The API server's module builds the web application, which the server then finds already built.
_OWN = {"api-server": ("airflow.api_fastapi.main", "airflow.cli.commands.api_server_command")}

_PR_SET_PDEATHSIG = 1


def end_with_parent(parent: int) -> None:
    """Ask the kernel for a SIGTERM when the process ``parent``, our parent, ends, however it ends."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        # It ended before the kernel was told.
        sys.exit(1)


def load() -> None:
    """Import what the components share, and keep it out of later garbage collections."""
    for module in _SHARED:
        importlib.import_module(module)
    # Scheduler and DAG processor would each do this when they start.
    importlib.import_module("chronos_plugin.cwl.library").prepare()
    # A collection would touch, and so copy, the pages that the forks share.
    gc.freeze()


def run_component(name: str, arguments: Sequence[str]) -> None:
    """Run ``airflow <name> <arguments>`` in this process; return when it ends."""
    for module in _OWN.get(name, ()):
        importlib.import_module(module)
    gc.freeze()
    gc.enable()
    sys.argv = ["airflow", name, *arguments]
    importlib.import_module("airflow.__main__").main()


def serve(
    components: Mapping[str, Sequence[str]],
    logs: Path,
    run: Callable[[str, Sequence[str]], None] = run_component,
) -> None:
    """Run the components, each in a fork and with a log of its own, and report their ends on stdout."""
    sys.stdout.flush()
    sys.stderr.flush()
    loader = os.getpid()
    running: dict[int, str] = {}

    def pass_on(number: int, _frame: FrameType | None) -> None:
        for pid in list(running):
            os.kill(pid, number)

    # A signal between a fork and its entry in `running` would miss that component.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    signal.signal(signal.SIGTERM, pass_on)
    for name, arguments in components.items():
        pid = os.fork()
        if pid == 0:
            _become(name, arguments, logs / f"{name}.log", loader, run)
        running[pid] = name
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    while running:
        pid, status = os.wait()
        name = running.pop(pid, "")
        if name:
            print(name, os.waitstatus_to_exitcode(status), flush=True)


def _become(
    name: str, arguments: Sequence[str], log: Path, loader: int, run: Callable[[str, Sequence[str]], None]
) -> NoReturn:
    status = 1
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        end_with_parent(loader)
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        os.close(descriptor)
        run(name, arguments)
        status = 0
    except SystemExit as ending:
        status = ending.code if isinstance(ending.code, int) else int(ending.code is not None)
        if isinstance(ending.code, str):
            print(ending.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    finally:
        # Never back into the loader's code.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def main() -> None:
    """Run all components of Airflow, with their logs in the folder that the command line names."""
    end_with_parent(int(sys.argv[2]))
    # Loading makes millions of objects that all stay. Searching them for garbage again and again is a fifth
    # of the API server's start-up time.
    gc.disable()
    logs = Path(sys.argv[1])
    sys.argv = ["airflow"]
    load()
    serve(COMPONENTS, logs)


if __name__ == "__main__":
    main()
