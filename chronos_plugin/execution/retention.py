"""Which folders of runs have been kept long enough, how much room they take, and their removal.

A run has three kinds of files: ``work`` (work directories), ``state`` (results, inputs, the output object;
what is left of the run's folder) and ``outputs`` (the published files). Removing ``state`` removes the run's
folder, with the work directories in it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

KINDS = ("work", "state", "outputs")
DAY = 86400.0
STRANGERS = 1.0
"""Days that files of a run are kept at least if nobody knows whether it has ended."""
_REMOVING = ".removing-"


@dataclass(frozen=True)
class Kept:
    """The folders of one run that are there.

    Attributes:
        dag: Name of the DAG's folder in ``work_root`` and ``output_root``.
        run: Name of the run's folder in it.
    """

    dag: str
    run: str
    folder: Path | None
    outputs: Path | None


@dataclass(frozen=True)
class Removal:
    """One kind of files of one run that can go.

    Attributes:
        bytes: Room that the removal frees on the file system. Published files are hard links to files in
            the work directories: they take room until both are gone.
        age: Seconds since the run ended, or since its files changed last, whichever is later.
    """

    kind: str
    path: Path
    bytes: int
    age: float


@dataclass
class _Measure:
    """The files below a folder: when one changed last, how often each is seen, what each takes."""

    newest: float = 0.0
    seen: Counter[tuple[int, int]] = field(default_factory=Counter)
    sizes: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)

    def add(self, path: Path, *, without: Path | None = None) -> None:
        for parent, folders, files in os.walk(path):
            if without is not None and Path(parent) == path and without.parent == path:
                folders[:] = [name for name in folders if name != without.name]
            for name in files:
                try:
                    status = os.lstat(os.path.join(parent, name))
                except OSError:
                    continue  # Gone since: nothing to free.
                key = (status.st_dev, status.st_ino)
                self.newest = max(self.newest, status.st_mtime)
                self.seen[key] += 1
                self.sizes[key] = (status.st_blocks * 512, status.st_nlink)

    def freed(self, removed: Counter[tuple[int, int]]) -> int:
        """Return the bytes freed by removing these files after those in ``removed``; add them there."""
        total = 0
        for key, count in self.seen.items():
            size, links = self.sizes[key]
            removed[key] += count
            if removed[key] >= links:
                total += size
        return total


def kept_runs(work_root: Path, output_root: Path, dag: str | None = None) -> Iterator[Kept]:
    """Yield the runs that have folders, DAG by DAG.

    Args:
        dag: Name of one DAG's folder; None for all.
    """
    names = {dag} if dag is not None else {*_folders(work_root), *_folders(output_root)}
    for name in sorted(names):
        folders, outputs = _folders(work_root / name), _folders(output_root / name)
        for run in sorted({*folders, *outputs}):
            yield Kept(
                name,
                run,
                work_root / name / run if run in folders else None,
                output_root / name / run if run in outputs else None,
            )


def expired(
    kept: Kept, days: Mapping[str, float], *, now: float, ended: float | None = None
) -> list[Removal]:
    """Return what of a run can go, in the order in which it should.

    Args:
        days: Days to keep each kind after the run's end; a kind that is missing is kept for ever.
        now: POSIX timestamp.
        ended: When the run ended, None where nobody knows: the age of the files counts alone then, and
            must be :data:`STRANGERS` at least.
    """
    work = kept.folder / "work" if kept.folder is not None else None
    places = {"work": work, "state": kept.folder, "outputs": kept.outputs}
    measures = {kind: _Measure() for kind in KINDS}
    for kind, place in places.items():
        if place is not None and place.is_dir():
            measures[kind].add(place, without=work if kind == "state" else None)
    last = max(ended or 0.0, *(measure.newest for measure in measures.values()), _changed(kept))
    least = STRANGERS if ended is None else 0.0
    due = {kind for kind in KINDS if kind in days and now - last >= max(days[kind], least) * DAY}
    if "state" in due:
        due.add("work")
    result = []
    removed: Counter[tuple[int, int]] = Counter()
    for kind, place in places.items():
        if kind in due and place is not None and place.is_dir():
            result.append(Removal(kind, place, measures[kind].freed(removed), now - last))
    return result


def remove(removal: Removal) -> None:
    """Remove a folder of a run: it is out of sight at once, and gone when this returns.

    Raises:
        OSError: If it cannot be removed; what is left of it is found by the next :func:`leftovers`.
    """
    if not removal.path.is_dir():
        return
    gone = Path(tempfile.mkdtemp(dir=_beside(removal.path), prefix=_REMOVING))
    removal.path.rename(gone / removal.path.name)
    shutil.rmtree(gone)


def leftovers(roots: Collection[Path]) -> Iterator[Path]:
    """Yield what interrupted removals left in ``work_root`` and ``output_root``."""
    for root in roots:
        yield from root.glob(f"*/{_REMOVING}*")


def _beside(path: Path) -> Path:
    """Return the folder of the DAG, where no task looks for runs while one is removed."""
    return path.parent if path.name != "work" else path.parents[1]


def _changed(kept: Kept) -> float:
    """Return when outputs were published: the files may be older, being links."""
    return kept.outputs.stat().st_mtime if kept.outputs is not None else 0.0


def _folders(path: Path) -> set[str]:
    try:
        with os.scandir(path) as entries:
            return {e.name for e in entries if e.is_dir(follow_symlinks=False) and not e.name.startswith(".")}
    except (FileNotFoundError, NotADirectoryError):
        return set()
