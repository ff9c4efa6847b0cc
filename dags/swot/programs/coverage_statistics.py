"""Sum up a revisit grid: how much of the sea is seen, how often, and how long places wait between visits."""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from geodesy import cell_area
from grid_file import NOT_IN_AREA, Grid, read_grid
from inputs import InputError, read_json, run, write_json


def summarise(grid: Grid, spacing: float) -> dict[str, Any]:
    """Compute the statistics of a grid.

    Args:
        grid: Revisit grid.
        spacing: Size of a cell, degrees.

    Returns:
        Areas in km2, shares 0 to 1, gaps in days (None where nothing was seen), and one histogram entry for
        each number of revisits from 0 up. They are of the ``surface`` named: the sea, or the whole area when
        it has no sea. ``revisit_area_km2`` is the area times the visits of every cell, land too: the area
        that all swaths together cover.

    Raises:
        InputError: The area has no cell, so the grid is too coarse for it.
    """
    areas = np.broadcast_to(cell_area(grid.latitude, spacing)[:, None] / 1e6, grid.count.shape)
    inside = grid.count != NOT_IN_AREA
    if not inside.any():
        raise InputError("no cell centre lies in the area: take a finer spacing")
    area, count, gap = areas[inside], grid.count[inside], grid.longest_gap[inside]
    sea = area * grid.sea[inside]
    at_sea = bool(sea.sum() > 0)
    surface = sea if at_sea else area
    total = float(surface.sum())
    by_count = [
        float(surface[count == revisits].sum()) for revisits in range(int(count[surface > 0].max()) + 1)
    ]
    seen = (count > 0) & (surface > 0)
    gaps, weights = gap[seen], surface[seen]
    return {
        "area_km2": round(float(area.sum())),
        "cell_km2": round(float(area.mean()), 3),
        "sea_area_km2": round(float(sea.sum())),
        "surface": "sea" if at_sea else "area",
        "observed_share": _share(float(weights.sum()), total),
        "mean_revisits": round(float((surface * count).sum()) / total, 3),
        "most_revisits": len(by_count) - 1,
        "longest_gap_days": round(float(gaps.max()), 2) if gaps.size else None,
        "mean_longest_gap_days": round(float(np.average(gaps, weights=weights)), 2) if gaps.size else None,
        "revisit_area_km2": round(float((area * count).sum())),
        "histogram": [
            {"revisits": revisits, "area_km2": round(part), "share": _share(part, total)}
            for revisits, part in enumerate(by_count)
        ],
    }


def _share(part: float, whole: float) -> float:
    return round(part / whole, 4)


def main() -> None:
    """Read grid and swaths; write the summary."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("grid", type=Path, help="revisit grid (NetCDF)")
    parser.add_argument("swaths", type=Path, help="swaths that were counted (GeoJSON)")
    parser.add_argument("--output", type=Path, required=True, help="summary to write (JSON)")
    arguments = parser.parse_args()

    grid, attributes = read_grid(arguments.grid)
    collection = read_json(arguments.swaths)
    properties = [feature["properties"] for feature in collection["features"]]
    summary = {
        "satellite": collection["satellite"],
        "area": attributes["area"],
        "period": collection["period"],
        "elements_epoch": collection["elements_epoch"],
        "cycles": sorted({each["cycle"] for each in properties}),
        "passes": len({(each["cycle"], each["pass"]) for each in properties}),
        "swath_area_km2": sum(each["area_km2"] for each in properties),
        **summarise(grid, float(attributes["spacing"])),
    }
    write_json(arguments.output, summary)


if __name__ == "__main__":
    run("coverage_statistics", main)
