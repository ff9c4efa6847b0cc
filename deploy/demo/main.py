"""``make demo``: start an installation, run the demo workflow in it, show the outputs, stay until Ctrl-C."""

from __future__ import annotations

import os
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from demo import workflow
from demo.configuration import USER
from demo.errors import DemoError
from demo.installation import Installation, started
from demo.layout import Layout
from demo.lock import RunLock
from demo.processes import end

_installation = started  # the name by which benches/installation.py knows it
CHECKOUT = Path(__file__).resolve().parents[2]


class Stopped(BaseException):
    """Raised by the signals that end the demo."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def main() -> int:
    """Run the demo and return the exit status: 0, 1 after a failure, 128 + the signal that broke it off."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    once = os.environ.get("ONCE", "") not in ("", "0", "no")
    layout = Layout.of(CHECKOUT, dict(os.environ))
    layout.make()
    lock = RunLock(layout.lock)
    finished = False
    try:
        left_behind = lock.acquire()
        if left_behind is not None and left_behind.components:
            end(left_behind.components.values())
        since, start = datetime.now(UTC), time.monotonic()
        with started(layout, lock) as installation:
            print(f"up after {time.monotonic() - start:.1f} s\n", flush=True)
            succeeded = workflow.run(installation, layout, since)
            finished = not once
            _say_where(installation)
            if once:
                return 0 if succeeded else 1
            _stay(installation)
    except Stopped as stopped:
        _say("\nstopped")
        return 0 if finished else 128 + stopped.number
    except DemoError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    finally:
        lock.release()
    return 0


def _stop(number: int, _frame: FrameType | None) -> None:
    raise Stopped(number)


def _stay(installation: Installation) -> None:
    print(
        "Everything stays up until Ctrl-C; files dropped into dags/ become DAGs within half a minute.",
        flush=True,
    )
    while True:
        installation.processes.check()
        time.sleep(1)


def _say_where(installation: Installation) -> None:
    print(f"\nThe web interface   {installation.address.public}")
    print(f"user / password     {USER} / {installation.keys.password}", flush=True)


def _say(text: str) -> None:
    try:
        print(text, flush=True)
    except OSError:
        # The terminal is gone; so is the reason to say anything.
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115


if __name__ == "__main__":
    sys.exit(main())
