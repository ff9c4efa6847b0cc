"""What tests need of the machine, by marker: whether it is there, and if not, why the test is skipped."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from functools import cache

IMAGE = "debian:stable-slim"
START_SERVERS = "CHRONOS_TEST_SERVERS"


def _answers(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=30, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _docker() -> str | None:
    if not _answers("docker", "version"):
        return "no container engine answers (.ci/engine/start.sh)"
    if not _answers("docker", "image", "inspect", IMAGE):
        return f"no image {IMAGE} (.ci/engine/images.sh)"
    return None


def _slurm() -> str | None:
    return None if _answers("scontrol", "ping") else "no Slurm answers (.ci/services/slurm.sh)"


def _gridengine() -> str | None:
    return None if _answers("qconf", "-sel") else "no Grid Engine answers (.ci/services/gridengine.sh)"


def may_start_servers() -> bool:
    """Return whether tests may install and start servers: only where somebody said so."""
    return os.environ.get(START_SERVERS) == "yes"


def given(server: str) -> str | None:
    """Return the address of a server that runs already."""
    return os.environ.get(f"CHRONOS_TEST_{server.upper()}")


def _server(name: str) -> Callable[[], str | None]:
    def probe() -> str | None:
        if given(name) or may_start_servers():
            return None
        return f"no {name} is named (CHRONOS_TEST_{name.upper()}), none may be started ({START_SERVERS}=yes)"

    return probe


def _may_start() -> str | None:
    return None if may_start_servers() else f"nothing may be installed or started ({START_SERVERS}=yes)"


def _browser() -> str | None:
    from tests.browser.browser import executable

    if reason := _may_start():
        return reason
    return None if executable() else "no Chromium (.ci/services/chromium.sh)"


def _asked_for() -> str | None:
    named = "CHRONOS_TEST_API_EXAMPLES"
    return None if os.environ.get(named) else f"takes a minute or more: {named}=10 asks for it"


def _validators() -> str | None:
    return None if given("validators") else "no Python with the validators is named (.ci/validators.sh)"


_PROBES: dict[str, Callable[[], str | None]] = {
    "docker": _docker,
    "podman": _may_start,
    "slurm": _slurm,
    "gridengine": _gridengine,
    "postgres": _server("postgres"),
    "rabbitmq": _server("rabbitmq"),
    "gfal2": _may_start,
    "browser": _browser,
    "schemathesis": _asked_for,
    "validators": _validators,
}
MARKERS = tuple(_PROBES)


@cache
def lacking(marker: str) -> str | None:
    """Return why tests with ``marker`` cannot run here; None if they can."""
    return _PROBES[marker]()
