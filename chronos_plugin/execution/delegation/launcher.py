"""The process in which Toil's leader runs; started by :mod:`chronos_plugin.execution.delegation.leader`.

``python -m chronos_plugin.execution.delegation.launcher FOLDER ATTEMPT ARGUMENT…``

It does what ``toil-cwl-runner`` does, and beside it: lets others see that it lives, turns a request to end
into the one that Toil cleans up after, and writes down how it ended.
"""

from __future__ import annotations

import fcntl
import inspect
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chronos_plugin.execution.store import write_json

HEARTBEAT = 10.0
"""Seconds between two signs of life."""

ALREADY_RUNNING = 75
"""Exit status of a leader that found another one at work (``EX_TEMPFAIL`` of sysexits.h)."""


def main(command: list[str]) -> int:
    """Run Toil to its end and return its exit status."""
    folder, attempt, arguments = Path(command[0]), int(command[1]), command[2:]
    sys.argv = ["toil-cwl-runner", *arguments]
    signal.signal(signal.SIGTERM, _interrupt)
    lock = open(folder / "lock", "w")  # noqa: SIM115 - held until the process ends
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("another leader works on this job store", file=sys.stderr)  # noqa: T201 - it is the log
        return ALREADY_RUNNING
    write_leader(folder, attempt, os.getpid())
    threading.Thread(target=_beat, args=(folder / "alive",), daemon=True).start()
    code, error = 1, ""
    try:
        code = _run(arguments, folder / f"outputs-{attempt}.json")
    except KeyboardInterrupt:
        code, error = 130, "asked to end"
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 2
    except Exception as failure:
        # The reader of exit-N.json gets the message; the traceback goes to the log.
        error = f"{type(failure).__name__}: {failure}"
        raise
    finally:
        write_json(folder / f"exit-{attempt}.json", {"code": code, "error": error, "ended": time.time()})
    return code


def write_leader(folder: Path, attempt: int, pid: int) -> None:
    """Write which process is the leader."""
    record = {"attempt": attempt, "host": socket.gethostname(), "pid": pid, "since": started(pid)}
    write_json(folder / "leader.json", record)


def started(pid: int) -> int | None:
    """Return when a process was started, in ticks since the machine's start; None if there is none.

    A zombie, whose parent has not read its status yet, has ended.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    return None if fields[0] == b"Z" else int(fields[19])


def accept_walltime(thread_class: Any) -> None:
    """Let a batch system of Toil's take the wall time that its base class gives it since Toil 9.5.

    Those for Grid Engine, Torque and LSF in Toil 9.6 do not: every submission fails with a TypeError. A
    method that takes it is left alone.
    """
    original: Callable[..., Any] = thread_class.prepareSubmission
    if "walltime" in inspect.signature(original).parameters:
        return

    def prepare_submission(self: Any, cpu: Any, memory: Any, walltime: Any, *rest: Any) -> Any:
        del walltime
        return original(self, cpu, memory, *rest)

    thread_class.prepareSubmission = prepare_submission


def _run(arguments: list[str], outputs: Path) -> int:
    from toil.batchSystems.registry import get_batch_system
    from toil.cwl import cwltoil

    chosen = next((a.partition("=")[2] for a in arguments if a.startswith("--batchSystem=")), "")
    if chosen in ("grid_engine", "torque", "lsf"):
        accept_walltime(get_batch_system(chosen).GridEngineThread)  # type: ignore[attr-defined]
    with open(outputs, "w", encoding="utf-8") as stream:
        return int(cwltoil.main(arguments, stdout=stream))


def _interrupt(number: int, frame: object) -> None:
    del number, frame
    # Once is enough; a second signal must not interrupt the cleaning up.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


def _beat(file: Path) -> None:
    while True:
        file.touch()
        os.utime(file)
        time.sleep(HEARTBEAT)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
