"""The jobs of all runs that are not concluded, found by their folders."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from chronos_plugin.execution.store import Key, run_folder
from chronos_plugin.execution.targets.folder import JobFolder


def open_jobs(work_root: Path) -> Iterator[JobFolder]:
    """Yield the open jobs of all runs below ``work_root``."""
    for work in sorted(work_root.glob("[!.]*/*/work")):
        yield from _below(work)


def open_jobs_of_run(work_root: Path, dag_id: str, run_id: str, step: Key = ()) -> Iterator[JobFolder]:
    """Yield the open jobs of a run, or of one of its steps: all its elements where ``step`` names none."""
    for folder in _below(run_folder(work_root, dag_id, run_id) / "work"):
        names = [_parsed(part) for part in _key_parts(folder)]
        if len(names) >= len(step) and all(
            name == wanted and element in (None, index)
            for (name, index), (wanted, element) in zip(names, step, strict=False)
        ):
            yield folder


def step_of(folder: JobFolder) -> str:
    """Return the execution that a job is a try of, as ``STEP[@N][/STEP…]``."""
    return "/".join(_key_parts(folder))


def parse_key(text: str) -> Key:
    """Return the key that ``STEP[@N][/STEP…]`` means."""
    return tuple(_parsed(part) for part in text.split("/"))


def _parsed(part: str) -> tuple[str, int | None]:
    name, at, number = part.rpartition("@")
    return (name, int(number)) if at and number.isdigit() else (part, None)


def _key_parts(folder: JobFolder) -> tuple[str, ...]:
    parts = folder.path.parent.parts
    return parts[len(parts) - parts[::-1].index("work") :]


def _below(folder: Path) -> Iterator[JobFolder]:
    """Descend to the tries; what lies in them are the tools' files."""
    children: list[Path] = []
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        children = sorted(Path(e.path) for e in entries if e.is_dir(follow_symlinks=False))
    for child in children:
        job = JobFolder(child)
        if not child.name.startswith("try-"):
            yield from _below(child)
        elif job.open:
            yield job
