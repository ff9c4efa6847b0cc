"""The types of CHRONOS in an Atlas, and what it lacks of the history."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from chronos_plugin.exporters.atlas import PROCESS, process_name, typedefs
from chronos_plugin.hooks.atlas.client import AtlasClient
from chronos_plugin.lineage.model import Run


def bring_types(client: AtlasClient, *, dry_run: bool = False) -> dict[str, str]:
    """Make the types that are not there, and add the attributes that the others lack.

    Types and attributes that Atlas has beyond that stay.

    Args:
        dry_run: Only tell.

    Returns:
        By type: ``made``, ``extended by NAMES``, or ``as it should be``.
    """
    wanted = {definition["name"]: definition for definition in typedefs()["entityDefs"]}
    there = client.types(list(wanted))
    new = [definition for name, definition in wanted.items() if name not in there]
    said = {definition["name"]: "made" for definition in new}
    longer = []
    for name, known in there.items():
        lacks = _lacking(known, wanted[name])
        said[name] = f"extended by {', '.join(a['name'] for a in lacks)}" if lacks else "as it should be"
        if lacks:
            longer.append({**known, "attributeDefs": [*(known.get("attributeDefs") or ()), *lacks]})
    if new and not dry_run:
        client.create_types({**typedefs(), "entityDefs": new})
    if longer and not dry_run:
        client.update_types({**typedefs(), "entityDefs": longer})
    return said


def lacking(client: AtlasClient, runs: Sequence[Run], instance: str) -> list[Run]:
    """Return those of the runs that Atlas has no process of."""
    names = {process_name(run, instance): run for run in runs}
    there = client.existing(PROCESS, list(names))
    return [run for name, run in names.items() if name not in there]


def _lacking(known: dict[str, Any], wanted: dict[str, Any]) -> list[dict[str, Any]]:
    has: Iterable[str] = {a["name"] for a in known.get("attributeDefs") or ()}
    return [attribute for attribute in wanted["attributeDefs"] if attribute["name"] not in has]
