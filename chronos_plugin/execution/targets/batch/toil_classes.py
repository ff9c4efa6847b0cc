"""Toil's knowledge of batch systems, without its leader.

A Toil batch system is an object with a thread that keeps the jobs in memory: its jobs end with it. The
methods that build submissions are all that is used here; what they ask of the batch system around them
(Toil calls it the boss) is :class:`Boss`. No thread is started, and no job is remembered.

Toil is imported inside functions: a task process that submits nothing never pays for it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any


@dataclass
class Boss:
    """What submission code asks of its batch system.

    Attributes:
        log: File for the job's standard output and error.
        config: Options of Toil's that submission code reads.
        environment: Variables to set in jobs; none, ``job.sh`` sets its own.
        partitions: Of Slurm.
    """

    log: str
    config: SimpleNamespace
    environment: dict[str, str] = field(default_factory=dict)
    partitions: Any = None

    def format_std_out_err_path(self, toil_job_id: Any, cluster_job_id: str, std: str) -> str:
        """Return where a stream goes: both to the log."""
        del toil_job_id, cluster_job_id, std
        return self.log


def worker(batch_system: type, boss: Boss, **attributes: Any) -> Any:
    """Return what has a batch system's submission methods: its thread, neither initialised nor started."""
    thread_class = batch_system.GridEngineThread  # type: ignore[attr-defined]
    thread = thread_class.__new__(thread_class)
    thread.boss = boss
    for name, value in attributes.items():
        setattr(thread, name, value)
    return thread


def memory_bytes(ram: float) -> int:
    """Return MiB as bytes, at least one MiB (Slurm takes 0 for the whole node)."""
    return max(1, round(ram)) << 20
