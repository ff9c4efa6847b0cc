"""Servers that tests start for themselves, by the scripts in ``.ci/services``."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import needs

SCRIPTS = Path(__file__).resolve().parents[1] / ".ci" / "services"
_CANNOT = 3


@contextlib.contextmanager
def service(name: str, *settings: str) -> Iterator[str]:
    """Run a service; yield its address; remove it with its data at the end.

    ``CHRONOS_TEST_POSTGRES`` and so on name one that runs already; with ``CHRONOS_TEST_SERVERS=yes`` others are
    installed and started. Where this machine cannot have the service, the test is skipped with the reason.

    Args:
        name: Of a script in ``.ci/services``, without its suffix.
        settings: What the script takes after ``start``.
    """
    if running := needs.given(name):
        yield running
        return
    if reason := needs.lacking(name):
        pytest.skip(reason)
    # Servers that refuse to run as root must reach their data, and pytest closes its own temporary folder to
    # others whenever one more session starts.
    folder = Path(tempfile.mkdtemp(prefix=f"chronos-{name}-"))
    folder.chmod(0o755)
    environment = {
        **os.environ,
        f"CHRONOS_{name.upper()}_DIR": str(folder / "server"),
        f"CHRONOS_{name.upper()}_PORT": str(_free_ports(3)),
    }
    script = SCRIPTS / f"{name}.sh"
    started = subprocess.run(
        [script, "start", *settings], env=environment, capture_output=True, text=True, check=False
    )
    try:
        if started.returncode == _CANNOT:
            pytest.skip(started.stderr.strip())
        assert started.returncode == 0, started.stderr
        yield started.stdout.strip()
    finally:
        subprocess.run([script, "remove"], env=environment, check=True, capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)


def _free_ports(count: int) -> int:
    """Return the first of ``count`` free ports in a row on the loopback address."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            first = int(probe.getsockname()[1])
        if first + count < 65536 and all(_is_free(port) for port in range(first, first + count)):
            return first


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
