"""Formal parameters of a crate: the ports of workflow and tools that values were seen at."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from chronos_plugin.lineage.model import Direction

_PROFILE = "https://bioschemas.org/profiles/FormalParameter/1.0-RELEASE"


class Parameters:
    """Collects ports while runs are described."""

    def __init__(self) -> None:
        self._found: dict[str, dict[str, Any]] = {}
        self._of: dict[tuple[str, Direction], list[str]] = {}
        self._examples: dict[str, list[str]] = {}

    def add(self, of: str, direction: Direction, port: str, value: str, kind: str) -> None:
        """Say that a value was at a port.

        Args:
            of: Id of the workflow or tool.
            value: Id of the file or value.
            kind: RO-Crate's type of it.
        """
        identity = f"#{quote(of.lstrip('#'), safe='/-_.')}-{direction.value}-{quote(port, safe='/-_.')}"
        if identity not in self._found:
            self._found[identity] = {"name": port, "kind": kind, "values": {}}
            self._of.setdefault((of, direction), []).append(identity)
        known = self._found[identity]
        if value not in known["values"]:
            known["values"][value] = None
            self._examples.setdefault(value, []).append(identity)

    def of(self, of: str, direction: Direction) -> list[dict[str, str]]:
        """Return references to the ports on one side of a workflow or tool."""
        return [{"@id": identity} for identity in self._of.get((of, direction), ())]

    def examples(self, value: str) -> dict[str, Any]:
        """Return the property by which a value names the ports that it was at; nothing for none."""
        ports = self._examples.get(value)
        return {"exampleOfWork": [{"@id": identity} for identity in ports]} if ports else {}

    def entities(self) -> Iterable[dict[str, Any]]:
        """Yield the parameters' entities."""
        for identity, known in self._found.items():
            yield {
                "@id": identity,
                "@type": "FormalParameter",
                "conformsTo": {"@id": _PROFILE},
                "name": known["name"],
                "additionalType": known["kind"],
                "workExample": [{"@id": value} for value in known["values"]],
            }
