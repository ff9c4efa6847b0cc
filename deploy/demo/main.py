"""``make demo``: start an installation, run the demo workflow in it, show the outputs, stay until Ctrl-C."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from chronos_plugin.errors import ChronosError
from deploy.demo import workflow
from deploy.demo.configuration import USER
from deploy.demo.errors import DemoError
from deploy.demo.installation import Installation, started
from deploy.demo.interruption import Interruption, Stopped
from deploy.demo.layout import Layout
from deploy.demo.lock import RunLock
from deploy.demo.processes import end

CHECKOUT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Run the demo and return the exit status: 0, 1 after a failure, 128 + the signal that broke it off."""
    interruption = Interruption()
    layout = Layout.of(CHECKOUT, dict(os.environ))
    layout.make()
    lock = RunLock(layout.lock)
    try:
        left_behind = lock.acquire()
        if left_behind is not None and left_behind.components:
            end(left_behind.components.values())
        return _demo(layout, lock, interruption)
    except Stopped as stopped:
        _say("\nstopped")
        return 128 + stopped.number
    except (DemoError, ChronosError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except OSError as error:
        if error.errno not in (errno.EIO, errno.EPIPE):
            raise
        # Whoever read what is printed has gone: a closed terminal, the end of a pipe.
        return 128 + signal.SIGHUP
    finally:
        lock.release()
        _let_go_of_stdout()


def _demo(layout: Layout, lock: RunLock, interruption: Interruption) -> int:
    once = os.environ.get("ONCE", "") not in ("", "0", "no")
    since, start = datetime.now(UTC), time.monotonic()
    with started(layout, lock, interruption.pause) as installation:

        def pause(seconds: float) -> None:
            installation.processes.check()
            interruption.pause(seconds)

        print(f"up after {time.monotonic() - start:.1f} s\n", flush=True)
        succeeded = workflow.run(installation, layout, since, pause)
        _say_where(installation)
        if once:
            return 0 if succeeded else 1
        print("Everything stays up until Ctrl-C; files dropped into dags/ become DAGs within half a minute.")
        sys.stdout.flush()
        try:
            while True:
                pause(1)
        except Stopped:
            # What it was asked for is done.
            _say("\nstopping")
            return 0


def _say_where(installation: Installation) -> None:
    print(f"\nThe web interface   {installation.address.public}")
    print(f"user / password     {USER} / {installation.keys.password}", flush=True)


def _say(text: str) -> None:
    with contextlib.suppress(OSError):
        print(text, flush=True)


def _let_go_of_stdout() -> None:
    """Keep Python from failing at its end over what could not be printed."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


if __name__ == "__main__":
    sys.exit(main())
