"""Lineage as a tree of lines, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chronos_plugin.lineage.questions import Lineage


def lineage_lines(found: Lineage, start: int, *, back: bool) -> Iterator[str]:
    """Yield the lines of a tree: datasets, with the runs between; what came before is named and not repeated.

    Args:
        start: Id of the dataset at the root.
        back: Whether to go to ancestors.
    """
    to_runs: dict[int, list[int]] = {}
    to_datasets: dict[int, list[int]] = {}
    for dataset, number in found.reads:
        (to_datasets.setdefault(number, []) if back else to_runs.setdefault(dataset, [])).append(
            dataset if back else number
        )
    for number, dataset in found.writes:
        (to_runs.setdefault(dataset, []) if back else to_datasets.setdefault(number, [])).append(
            number if back else dataset
        )
    seen: set[int] = set()
    told: set[int] = set()

    def below(dataset: int, indent: str) -> Iterator[str]:
        seen.add(dataset)
        for number in to_runs.get(dataset, ()):
            run = found.runs[number]
            known = number in told
            told.add(number)
            line = f"{indent}{'made by' if back else 'read by'} {run.job.name} ({run.state.name}) {run.id}"
            yield f"{line}{' (above)' if known else ''}"
            for other in () if known else to_datasets.get(number, ()):
                again = other in seen
                yield f"{indent}  {_dataset(found, other)}{' (above)' if again else ''}"
                if not again:
                    yield from below(other, indent + "    ")

    yield _dataset(found, start)
    yield from below(start, "  ")


def _dataset(found: Lineage, identity: int) -> str:
    dataset = found.datasets[identity]
    return f"{dataset.location}  [{identity}]"
