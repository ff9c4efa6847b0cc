"""Jobs that nobody waits for any more, held against Airflow's task instances."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chronos_plugin.errors import ChronosError
from chronos_plugin.execution.jobs import open_jobs
from chronos_plugin.execution.targets.folder import JobFolder
from chronos_plugin.settings import Settings

FINAL = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})
"""States of a task instance in which it will not take up its job by itself."""


@dataclass(frozen=True)
class Forsaken:
    """An open job whose task instance has ended; ``row`` is what is shown of it."""

    folder: JobFolder
    row: Mapping[str, Any]


def forsaken(work_root: Path) -> Iterator[Forsaken]:
    """Yield the open jobs that a target has or may have, and that no task instance will take up."""
    for folder in open_jobs(work_root):
        job, target, _ = folder.job()
        labels = job.labels
        if "dag_id" not in labels:
            continue
        state = _state(labels)
        if state is None or state in FINAL:
            why = state or "not known to Airflow"
            yield Forsaken(folder, {"job": job.id, "name": job.name, "target": target, "why": why, **labels})


async def cancel_all(found: Iterable[Forsaken], settings: Settings) -> dict[Path, str]:
    """Cancel jobs on their targets; return why some could not be, by their folders."""
    from chronos_plugin.execution.targets.watchers import Watchers

    watchers = Watchers(settings.targets_file)

    async def cancel(one: Forsaken) -> str | None:
        try:
            async with asyncio.timeout(60):
                await watchers.of(str(one.row["target"])).cancel(one.folder)
        except (ChronosError, OSError) as error:
            return str(error) or "timed out"
        one.folder.conclude("abandoned")
        return None

    jobs = list(found)
    try:
        answers = await asyncio.gather(*map(cancel, jobs))
    finally:
        await watchers.close()
    return {one.folder.path: why for one, why in zip(jobs, answers, strict=True) if why is not None}


def _state(labels: Mapping[str, str]) -> str | None:
    """Return the state of a job's task instance, ``none`` before it is scheduled; None if there is none."""
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from sqlalchemy import select

    wanted = select(TaskInstance.state).where(
        TaskInstance.dag_id == labels["dag_id"],
        TaskInstance.run_id == labels["run_id"],
        TaskInstance.task_id == labels["task_id"],
        TaskInstance.map_index == int(labels["map_index"]),
    )
    with create_session() as session:
        row = session.execute(wanted).first()
    return None if row is None else str(row.state or "none")
