"""Run the double by hand: ``python -m chronos_plugin.hooks.safescale.double --port 50051``."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import threading
from pathlib import Path

from chronos_plugin.hooks.safescale.double.interface import VERSIONS
from chronos_plugin.hooks.safescale.double.server import Double


def main() -> None:
    """Serve until a signal comes."""
    parser = argparse.ArgumentParser(description="A test double of SafeScale's service, tenant 'test'")
    parser.add_argument("--port", type=int, default=50051)
    parser.add_argument("--version", choices=VERSIONS, default=VERSIONS[-1])
    parser.add_argument("--root", type=Path, help="folder of the hosts' folders (default: a new one)")
    parser.add_argument("--host-seconds", type=float, default=0.0, help="how long a new host takes")
    arguments = parser.parse_args()
    root = arguments.root or Path(tempfile.mkdtemp(prefix="safescale-double-"))
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with Double(root, arguments.version, arguments.port) as double:
        double.cloud.latency.host = double.cloud.latency.cluster = arguments.host_seconds
        sys.stdout.write(f"{double.address} {root}\n")
        sys.stdout.flush()
        stop.wait()


if __name__ == "__main__":
    main()
