"""Bounds on what a local job may use: control groups where this user may make them, else resource limits.

Only what the document states is a bound: CWL's defaults (one core, 256 MiB) are reservations, and a tool that
asked for nothing must not die of them.
Control groups of both versions are used as the kernel documents them (cgroup-v2, cgroup-v1).
"""

from __future__ import annotations

import contextlib
import os
import resource
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from chronos_plugin.errors import SettingInvalid
from chronos_plugin.execution.targets.base import Resources

MODES = ("auto", "cgroup", "rlimit", "none")
ROOT = Path("/sys/fs/cgroup")
PARENT = "chronos"
_PERIOD = 100_000


@dataclass(frozen=True)
class Cgroup:
    """One job's control group.

    Attributes:
        folders: Its folder, one for each controller in version 1.
        version: Of the kernel's interface, 1 or 2.
    """

    folders: tuple[Path, ...]
    version: int

    def make(self, resources: Resources) -> None:
        """Make it, with the bounds of ``resources``; OSError if this user may not."""
        for folder in self.folders:
            folder.mkdir(parents=True, exist_ok=True)
        if resources.ram_bound is not None:
            memory = round(resources.ram_bound * (1 << 20))
            self._set("memory.max" if self.version == 2 else "memory.limit_in_bytes", str(memory))
            if self.version == 2:
                with contextlib.suppress(OSError):
                    self._set("memory.swap.max", "0")
        if resources.cores_bound is not None:
            quota = round(max(0.01, resources.cores_bound) * _PERIOD)
            if self.version == 2:
                self._set("cpu.max", f"{quota} {_PERIOD}")
            else:
                self._set("cpu.cfs_period_us", str(_PERIOD))
                self._set("cpu.cfs_quota_us", str(quota))

    def enter(self) -> None:
        """Move this process in."""
        for folder in self.folders:
            (folder / "cgroup.procs").write_text(str(os.getpid()))

    def peak(self) -> int | None:
        """Return the largest memory use in bytes, None where the kernel does not say."""
        for folder in self.folders:
            for name in ("memory.peak", "memory.max_usage_in_bytes"):
                with contextlib.suppress(OSError, ValueError):
                    return int((folder / name).read_text())
        return None

    def killed_for_memory(self) -> bool:
        """Whether the kernel ended a process here because the memory was used up."""
        for folder in self.folders:
            for name in ("memory.events", "memory.oom_control"):
                with contextlib.suppress(OSError, ValueError):
                    events = dict(line.split() for line in (folder / name).read_text().splitlines())
                    if int(events.get("oom_kill", 0)) > 0:
                        return True
        return False

    def remove(self) -> None:
        """Remove it; one that still has processes stays."""
        for folder in self.folders:
            with contextlib.suppress(OSError):
                folder.rmdir()

    def _set(self, name: str, value: str) -> None:
        folder = next((f for f in self.folders if (f / name).exists()), self.folders[0])
        (folder / name).write_text(value)


def cgroup(job_id: str, root: Path = ROOT) -> Cgroup | None:
    """Return the control group for a job, not yet made; None where this user can make none."""
    if (root / "cgroup.controllers").exists():
        parent = root / PARENT
        if not {"memory", "cpu"} <= set((root / "cgroup.controllers").read_text().split()):
            return None
        try:
            parent.mkdir(exist_ok=True)
            for folder in (root, parent):
                (folder / "cgroup.subtree_control").write_text("+memory +cpu")
        except OSError:
            return None
        return Cgroup((parent / job_id,), 2)
    found = []
    for controller in ("memory", "cpu"):
        home = root / controller / PARENT
        try:
            home.mkdir(exist_ok=True)
        except OSError:
            return None
        if not os.access(home, os.W_OK):
            return None
        found.append(home / job_id)
    return Cgroup(tuple(found), 1)


def confine(mode: str, job_id: str, resources: Resources) -> tuple[Callable[[], None], Cgroup | None]:
    """Return what a job's process must call before it runs, and its control group if it has one.

    Args:
        mode: One of :data:`MODES`; ``auto``: a control group where that can be, else nothing.

    Raises:
        SettingInvalid: If a control group is demanded and cannot be made.
    """
    if mode in ("auto", "cgroup"):
        group = cgroup(job_id)
        if group is not None:
            try:
                group.make(resources)
            except OSError as error:
                group.remove()
                if mode == "cgroup":
                    raise SettingInvalid(
                        f"caps: cgroup: cannot set up {group.folders[0]}: {error}"
                    ) from error
            else:
                return group.enter, group
        elif mode == "cgroup":
            raise SettingInvalid("caps: cgroup: this user may make no control groups here; use rlimit")
    if mode == "rlimit":
        return lambda: _limit(resources), None
    return lambda: None, None


def _limit(resources: Resources) -> None:
    if resources.ram_bound is not None:
        memory = round(resources.ram_bound * (1 << 20))
        resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    if resources.time_limit:
        seconds = round(resources.time_limit * max(1.0, resources.cores)) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
