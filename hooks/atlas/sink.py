"""Runs into Apache Atlas: a batch is one request, data sets before the processes between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from chronos_plugin.exporters.atlas import PROCESS, entities_of
from chronos_plugin.exporters.delivery import Item, Problem
from chronos_plugin.hooks.atlas.client import AtlasClient, AtlasRefused

_TYPE_UNKNOWN = ("ATLAS-404-00-001", "ATLAS-400-00-014")
"""The types are not there: not the entry's fault."""


class AtlasSink:
    """Tells runs to one Atlas.

    Args:
        instance: Name of this CHRONOS.
    """

    def __init__(self, client: AtlasClient, instance: str) -> None:
        self._client = client
        self._instance = instance

    def send(self, items: Sequence[Item]) -> Mapping[int, Problem]:
        """Deliver items, as :class:`~chronos_plugin.exporters.delivery.Sink` says."""
        try:
            self._client.upsert(merged(items, self._instance))
        except AtlasRefused as error:
            if error.code in _TYPE_UNKNOWN:
                raise _types_lacking(error) from error
            if len(items) == 1:
                return {items[0].entry.id: Problem(str(error), refused=(error.status or 0) < 500)}
        else:
            return {}
        # Atlas takes all or none, and does not say which is wrong: halves find it in few requests.
        half = len(items) // 2
        return {**self.send(items[:half]), **self.send(items[half:])}

    def close(self) -> None:
        """Close connections."""
        self._client.close()


def merged(items: Sequence[Item], instance: str) -> list[dict[str, Any]]:
    """Return the entities of a batch, each once, with processes last; of several the last counts.

    What a process names is in the same request, and Atlas finds that by its ``guid`` alone: a negative
    number, in the place of which it puts its own.
    """
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for item in items:
        for entity in entities_of(item.run, instance):
            found[entity["typeName"], entity["attributes"]["qualifiedName"]] = entity
    numbered = {key: {**entity, "guid": f"-{n}"} for n, (key, entity) in enumerate(found.items(), start=1)}
    entities = [_by_number(entity, numbered) for entity in numbered.values()]
    return sorted(entities, key=lambda entity: entity["typeName"] == PROCESS)


def _by_number(
    entity: dict[str, Any], numbered: Mapping[tuple[str, str], Mapping[str, Any]]
) -> dict[str, Any]:
    if entity["typeName"] != PROCESS:
        return entity
    sides = {
        side: [
            {
                "guid": numbered[r["typeName"], r["uniqueAttributes"]["qualifiedName"]]["guid"],
                "typeName": r["typeName"],
            }
            for r in entity["attributes"][side]
        ]
        for side in ("inputs", "outputs")
    }
    return {**entity, "attributes": {**entity["attributes"], **sides}}


def _types_lacking(error: AtlasRefused) -> Exception:
    from chronos_plugin.errors import ExportFailed

    return ExportFailed(f"{error}; make the types with airflow chronos atlas init", status=error.status)
