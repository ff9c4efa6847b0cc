"""What tests need of the machine, by marker: whether it is there, and if not, why the test is skipped."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from functools import cache

IMAGE = "debian:stable-slim"


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


_PROBES: dict[str, Callable[[], str | None]] = {
    "docker": _docker,
    "slurm": _slurm,
    "gridengine": _gridengine,
}
MARKERS = tuple(_PROBES)


@cache
def lacking(marker: str) -> str | None:
    """Return why tests with ``marker`` cannot run here; None if they can."""
    return _PROBES[marker]()
