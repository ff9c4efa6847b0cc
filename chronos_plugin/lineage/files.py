"""The files in CWL input and output objects, as datasets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chronos_plugin.lineage.model import Dataset, split_location
from chronos_plugin.lineage.record import Product


def files_in(values: Mapping[str, Any]) -> Iterator[Product]:
    """Yield the files and directories of an object, with the port that each is at.

    Secondary files count; what lies in a directory does not, nor do literals, which have no place.
    """
    for port, value in values.items():
        for entry in _entries(value):
            if dataset := _dataset(entry):
                yield Product(dataset, port)


def published(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Product]:
    """Yield the files of a published output object with the places where they lay before.

    Args:
        before: The output object as the steps made it.
        after: The same, published.
    """
    for port, value in after.items():
        new, old = list(_entries(value)), list(_entries(before.get(port)))
        for number, entry in enumerate(new):
            dataset = _dataset(entry)
            if dataset is None:
                continue
            source = _dataset(old[number]) if len(old) == len(new) else None
            moved = source is not None and source.path != dataset.path
            yield Product(dataset, port, source.path if source is not None and moved else "")


def _entries(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, Mapping):
        if value.get("class") in ("File", "Directory"):
            yield value
            yield from _entries(value.get("secondaryFiles"))
        else:
            for inner in value.values():
                yield from _entries(inner)
    elif isinstance(value, Sequence) and not isinstance(value, str | bytes):
        for inner in value:
            yield from _entries(inner)


def _dataset(entry: Mapping[str, Any]) -> Dataset | None:
    location = str(entry.get("location") or entry.get("path") or "")
    if not location or location.startswith("_:"):
        return None
    namespace, path = split_location(location)
    size = entry.get("size")
    return Dataset(
        namespace,
        path,
        size=int(size) if isinstance(size, int | float) else None,
        checksum=str(entry.get("checksum") or ""),
    )
