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


_PROBES: dict[str, Callable[[], str | None]] = {"docker": _docker}
MARKERS = tuple(_PROBES)


@cache
def lacking(marker: str) -> str | None:
    """Return why tests with ``marker`` cannot run here; None if they can."""
    return _PROBES[marker]()
