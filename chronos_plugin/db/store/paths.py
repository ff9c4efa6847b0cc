"""Finding datasets by namespace and path, many at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from chronos_plugin.db.store.dictionaries import Dictionaries
from chronos_plugin.lineage import names

Path = tuple[str, str]
"""A namespace and a path in it."""


class Version(NamedTuple):
    """A dataset that lies, or lay, at a path."""

    id: int
    size: int | None
    checksum: bytes | None


_POSTGRESQL = """
    SELECT w.place, d.id, d.size, d.checksum
    FROM unnest(CAST(:places AS int[]), CAST(:templates AS int[]), CAST(:numbers AS bytea[]))
         AS w(place, template, numbers)
    CROSS JOIN LATERAL (
        SELECT id, size, checksum FROM chronos.dataset
        WHERE template = w.template AND numbers = w.numbers OFFSET 0
    ) d
    UNION ALL
    SELECT w.place, d.id, d.size, d.checksum
    FROM unnest(CAST(:places AS int[]), CAST(:templates AS int[]), CAST(:numbers AS bytea[]))
         AS w(place, template, numbers)
    CROSS JOIN LATERAL (
        SELECT dataset FROM chronos.location
        WHERE template = w.template AND numbers = w.numbers OFFSET 0
    ) l
    CROSS JOIN LATERAL (
        SELECT id, size, checksum FROM chronos.dataset WHERE id = l.dataset OFFSET 0
    ) d
"""
_SQLITE = """
    SELECT id, size, checksum FROM dataset WHERE template = :template AND numbers = :numbers
    UNION ALL
    SELECT d.id, d.size, d.checksum FROM location l JOIN dataset d ON d.id = l.dataset
    WHERE l.template = :template AND l.numbers = :numbers
"""


def find(
    connection: Connection, dictionaries: Dictionaries, paths: Iterable[Path]
) -> Mapping[Path, list[Version]]:
    """Return the datasets at each path, oldest first; paths that nothing is known of are left out."""
    wanted: list[tuple[Path, int, bytes]] = []
    for path in paths:
        template, numbers = names.encode(path[1])
        number = dictionaries.template_id(path[0], template)
        if number is not None:
            wanted.append((path, number, numbers))
    found: dict[Path, list[Version]] = {}
    for path, version in _query(connection, wanted):
        found.setdefault(path, []).append(version)
    return {path: sorted(versions) for path, versions in found.items()}


def _query(connection: Connection, wanted: list[tuple[Path, int, bytes]]) -> Iterable[tuple[Path, Version]]:
    if not wanted:
        return
    if connection.dialect.name == "postgresql":
        parameters: dict[str, Any] = {
            "places": list(range(len(wanted))),
            "templates": [template for _, template, _ in wanted],
            "numbers": [numbers for _, _, numbers in wanted],
        }
        plan_lookups(connection)
        for row in connection.execute(text(_POSTGRESQL), parameters):
            yield wanted[row[0]][0], Version(*row[1:])
        return
    statement = text(_SQLITE)
    for path, template, numbers in wanted:
        for version in connection.execute(statement, {"template": template, "numbers": numbers}):
            yield path, Version(*version)


def plan_lookups(connection: Connection) -> None:
    """Have this transaction look rows up by index, whatever the planner believes about long arrays.

    Plans are kept, too: making one anew, with all partitions and their indexes, takes longer than the lookup.
    """
    connection.exec_driver_sql(_LOOKUPS)


_LOOKUPS = "SELECT set_config('plan_cache_mode', 'force_generic_plan', true), " + ", ".join(
    f"set_config('{setting}', 'off', true)"
    for setting in (
        "enable_seqscan",
        "enable_bitmapscan",
        "enable_hashjoin",
        "enable_mergejoin",
        "enable_material",
    )
)


def plan_summaries(connection: Connection) -> None:
    """Have this transaction use the summaries of page ranges (BRIN), whose price the planner overrates."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(_SUMMARIES)


_SUMMARIES = (
    "SELECT set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'on', true), "
    "set_config('max_parallel_workers_per_gather', '0', true)"
)
