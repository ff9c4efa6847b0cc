"""Why two runs differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from chronos_plugin.lineage.model import Direction, Run


@dataclass(frozen=True)
class Difference:
    """One thing that is not the same in two runs.

    Attributes:
        what: Where it is: ``job.version``, ``input reference``, ``context.environment.LANG`` …
        first: In the first run; None: not there.
        second: In the second run.
    """

    what: str
    first: Any
    second: Any


def compare(first: Run, second: Run) -> list[Difference]:
    """Return what differs, causes before effects: the job, where it ran, inputs, parameters, then results.

    Times, ids and outputs' places always differ and are left out; outputs are compared by content.
    """
    found = [*_values(_job(first), _job(second)), *_values(_place(first), _place(second))]
    found += _datasets(first, second, Direction.INPUT)
    found += _values(_flat(_comparable(first)), _flat(_comparable(second)))
    found += _values(_result(first), _result(second))
    found += _datasets(first, second, Direction.OUTPUT)
    return found


def _values(first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterable[Difference]:
    for key in dict.fromkeys([*first, *second]):
        a, b = first.get(key), second.get(key)
        if a != b:
            yield Difference(key, a, b)


def _job(run: Run) -> dict[str, Any]:
    job = run.job
    values = {"job": job.name, "job.version": job.version, "job.image": job.image}
    return {**values, **{f"job.{k}": v for k, v in _flat(job.facets).items()}}


def _place(run: Run) -> dict[str, Any]:
    return {"target": run.target, "node": run.node}


def _result(run: Run) -> dict[str, Any]:
    return {"state": run.state.name, "exit_code": run.exit_code, "error": run.error}


def _comparable(run: Run) -> dict[str, Any]:
    """Return the facets without what is another for every run."""
    facets = {k: v for k, v in run.facets.items() if k not in ("airflow", "element", "error")}
    context = facets.get("context")
    if isinstance(context, Mapping):
        own = ("work_directory", "native_id", "log")
        folder = str(context.get("work_directory", ""))
        cleaned = {k: v for k, v in context.items() if k not in own}
        if folder and isinstance(cleaned.get("command"), list):
            cleaned["command"] = [str(w).replace(folder, "…") for w in cleaned["command"]]
        facets["context"] = cleaned
    return facets


def _flat(value: Any, name: str = "") -> dict[str, Any]:
    if not isinstance(value, Mapping):
        return {name: value}
    found: dict[str, Any] = {}
    for key, inner in value.items():
        found.update(_flat(inner, f"{name}.{key}" if name else str(key)))
    return found


def _datasets(first: Run, second: Run, direction: Direction) -> Iterable[Difference]:
    a, b = _by_port(first, direction), _by_port(second, direction)
    for port in dict.fromkeys([*a, *b]):
        ours, theirs = a.get(port, []), b.get(port, [])
        # What both have is no difference, wherever it lies.
        only = [_shown(x) for x in ours if x not in theirs], [_shown(x) for x in theirs if x not in ours]
        if only[0] or only[1]:
            yield Difference(f"{direction.value} {port}".strip(), only[0] or None, only[1] or None)


def _by_port(run: Run, direction: Direction) -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = {}
    for link in run.links or ():
        if link.direction is direction:
            dataset = link.dataset
            found.setdefault(link.port, []).append((dataset.name, dataset.checksum or str(dataset.id)))
    return found


def _shown(dataset: tuple[str, str]) -> str:
    return f"{dataset[0]} ({dataset[1]})"
