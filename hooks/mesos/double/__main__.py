"""``python -m chronos_plugin.hooks.mesos.double``: a Mesos to try things with, until it is interrupted."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path

from chronos_plugin.hooks.mesos.double import MesosDouble
from chronos_plugin.hooks.mesos.double.agent import Times


def main() -> None:
    """Serve until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(description="A Mesos test double: real protocol, no Mesos.")
    parser.add_argument("--port", type=int, default=5050, help="of the master (default: 5050)")
    parser.add_argument("--agents", type=int, default=1)
    parser.add_argument("--cpus", type=float, default=2.0, help="of each agent")
    parser.add_argument("--mem", type=float, default=2048.0, help="of each agent, in MiB")
    parser.add_argument("--root", type=Path, help="folder of the sandboxes (default: a temporary one)")
    parser.add_argument("--pretend", type=float, help="run nothing: tasks take so many seconds")
    parser.add_argument("--resend", type=float, default=10.0, help="seconds to an update's repetition")
    parser.add_argument("--allocation", type=float, default=1.0, help="seconds between two rounds of offers")
    parser.add_argument("--ignore-filters", action="store_true", help="offer again at once what was declined")
    parser.add_argument("--images", choices=("refuse", "ignore"), default="refuse")
    given = parser.parse_args()
    with MesosDouble(
        ports=(given.port,),
        agents=given.agents,
        cpus=given.cpus,
        mem=given.mem,
        root=given.root,
        times=Times(resend=given.resend, allocation=given.allocation),
        pretend=given.pretend,
        images=given.images,
    ) as double:
        double.do(lambda master: setattr(master.faults, "ignore_filters", given.ignore_filters))
        sys.stdout.write(f"{double.urls[0]}\n")
        sys.stdout.flush()
        ended = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: ended.set())
        ended.wait()


if __name__ == "__main__":
    main()
