"""The recorder as a process beside the scheduler, so that an installation records without a service more."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import subprocess
import sys

log = logging.getLogger("chronos.recorder")

_PR_SET_PDEATHSIG = 1


def start_recorder() -> subprocess.Popen[bytes]:
    """Start ``airflow chronos recorder``; it ends with this process."""
    parent = os.getpid()
    # Not a fork of this process: it holds locks, connections and much memory.
    started = subprocess.Popen(
        [sys.executable, "-m", "chronos_plugin.db.beside", str(parent)],
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    log.info("the recorder is process %d", started.pid)
    return started


def main(parent: int) -> None:
    """Record until the parent ends."""
    _end_with(parent)
    from chronos_plugin.db.store.service import serve

    serve()


def _end_with(parent: int) -> None:
    """Have the kernel end this process when its parent ends, however that happens."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]))
