"""Orbit, cycle, pass and tile of a mission's products (ALTICA): what is known of them, and finds them.

An orbit repeats: ``PASSES`` passes make a cycle, two passes an orbit. Names tell cycle, pass and tile; the
number of the orbit since launch is in no name, so a facet carries it.
"""

from __future__ import annotations

from typing import Any

from chronos_plugin.lineage.facets import FacetType
from chronos_plugin.lineage.product_types import Rule

PASSES = 584
"""In a cycle."""

FACETS = [
    FacetType(
        name="altica_orbit",
        of="dataset",
        schema={
            "type": "object",
            "properties": {
                "number": {"type": "integer", "minimum": 1},
                "cycle": {"type": "integer", "minimum": 1},
                "pass": {"type": "integer", "minimum": 1, "maximum": PASSES},
                "tile": {"type": "string", "pattern": "^[0-9]{3}[LR]$"},
                "crosses_equator_at": {"type": "number", "minimum": -180, "maximum": 180},
            },
            "required": ["number", "cycle", "pass"],
            "additionalProperties": False,
        },
        # Found by these; all else is only shown.
        indexed=("number", "tile"),
    )
]

RULES = [
    # The name of a tile's product has one part more, so its rule is another type's.
    Rule(
        "ALTICA_{level}_TILE",
        r"ALTICA_(?P<level>L[12][AB]?)_(?P<cycle>\d{3})_(?P<pass>\d{3})_(?P<tile>\d{3}[LR])_(?P<begin>\d{8}T\d{6})\.nc",
        "One tile, 64 km long, left or right of the ground track",
    ),
    Rule(
        "ALTICA_{level}",
        r"ALTICA_(?P<level>L[1-4][AB]?)_(?P<cycle>\d{3})_(?P<pass>\d{3})_(?P<begin>\d{8}T\d{6})\.nc",
        "A whole pass, from one pole to the other",
    ),
]


def orbit(cycle: int, number_of_pass: int, tile: str = "") -> dict[str, dict[str, Any]]:
    """Return the facet of a product, for ``Dataset(…, facets=orbit(42, 13))``."""
    number = ((cycle - 1) * PASSES + number_of_pass - 1) // 2 + 1
    value: dict[str, Any] = {"number": number, "cycle": cycle, "pass": number_of_pass}
    return {"altica_orbit": {**value, "tile": tile} if tile else value}
