"""Count on a grid how often the swaths see each place of an area; NetCDF after the CF conventions."""

import argparse
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from area import Area, read_area
from geodesy import Array
from grid_file import NOT_IN_AREA, Grid, write_grid
from inputs import InputError, parse_utc, read_json, run
from raster import Raster, read_raster

LARGEST_GRID = 4_000_000


def axes(bounds: tuple[float, float, float, float], spacing: float) -> tuple[Array, Array]:
    """Return latitudes and longitudes of the cell centres; cell edges lie on multiples of ``spacing``."""
    west, south, east, north = bounds

    def centres(low: float, high: float) -> Array:
        edges = np.arange(np.floor(low / spacing), np.ceil(high / spacing), dtype=np.float64)
        return (edges + 0.5) * spacing

    latitude, longitude = centres(south, north), centres(west, east)
    if latitude.size * longitude.size > LARGEST_GRID:
        raise InputError(f"a spacing of {spacing:g} degrees makes too large a grid for this area")
    return latitude.round(9), longitude.round(9)


def sea_fraction(latitude: Array, longitude: Array, spacing: float, land: Raster) -> Array:
    """Return the share of sea in each cell, from 3 by 3 points of the land raster."""
    offsets = np.array([-1.0, 0.0, 1.0]) * spacing / 3
    fine_lat, fine_lon = np.add.outer(latitude, offsets).ravel(), np.add.outer(longitude, offsets).ravel()
    values = land.sample(*np.meshgrid(fine_lat, fine_lon, indexing="ij"))
    share: Array = values.reshape(latitude.size, 3, longitude.size, 3).mean(axis=(1, 3))
    return np.rint(100 - share) / 100


def count_visits(
    passes: dict[datetime, list[shapely.Geometry]], area: Area, latitude: Array, longitude: Array, days: float
) -> tuple[npt.NDArray[np.int16], Array]:
    """Count passes and find the longest gap for each cell centre.

    Args:
        passes: Time over the area and swaths of each pass.
        area: Area of interest.
        latitude: Cell centres, degrees.
        longitude: Cell centres, degrees.
        days: Length of the period, which is taken to repeat: the gap runs on from its end to its begin. That
            is exact for one repeat cycle.

    Returns:
        Counts, ``NOT_IN_AREA`` outside the area; gaps in days, NaN where the count is not positive.
    """
    x, y = np.meshgrid(longitude, latitude)
    count = np.where(shapely.contains_xy(area.geometry, x, y), 0, NOT_IN_AREA).astype(np.int16)
    first, last, gap = (np.full(x.shape, np.nan) for _ in range(3))
    for time in sorted(passes):
        seen = np.zeros(x.shape, dtype=bool)
        for swath in passes[time]:
            seen |= _contains(swath, x, y)
        seen &= count != NOT_IN_AREA
        now = time.timestamp() / 86400
        gap[seen] = np.fmax(gap[seen], now - last[seen])
        first[seen] = np.fmin(first[seen], now)
        last[seen] = now
        count[seen] += 1
    return count, np.fmax(gap, days - (last - first))


def _contains(swath: shapely.Geometry, x: Array, y: Array) -> npt.NDArray[np.bool_]:
    """Test only the points in the swath's bounding box: most of the grid is far from any one swath."""
    west, south, east, north = shapely.bounds(swath)
    rows = slice(*np.searchsorted(y[:, 0], (south, north)))
    columns = slice(*np.searchsorted(x[0], (west, east)))
    result = np.zeros(x.shape, dtype=bool)
    result[rows, columns] = shapely.contains_xy(swath, x[rows, columns], y[rows, columns])
    return result


def make_grid(collection: dict[str, Any], area: Area, land: Raster, spacing: float) -> Grid:
    """Make the grid from a collection of swaths (``merge_swaths.py``)."""
    passes: dict[datetime, list[shapely.Geometry]] = {}
    for feature in collection["features"]:
        begin, end = (parse_utc(feature["properties"][key]) for key in ("first", "last"))
        geometry = shapely.geometry.shape(feature["geometry"])
        shapely.prepare(geometry)
        passes.setdefault(begin + (end - begin) / 2, []).append(geometry)
    begin, end = (parse_utc(text) for text in collection["period"])
    latitude, longitude = axes(area.bounds, spacing)
    days = (end - begin).total_seconds() / 86400
    count, gap = count_visits(passes, area, latitude, longitude, days)
    return Grid(latitude, longitude, count, gap, sea_fraction(latitude, longitude, spacing, land))


def main() -> None:
    """Read swaths, area and land; write the grid."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("swaths", type=Path, help="swaths (GeoJSON, from merge_swaths.py)")
    parser.add_argument("area", type=Path, help="area of interest (GeoJSON)")
    parser.add_argument("land", type=Path, help="land percentage about the area (BIL with header)")
    parser.add_argument("--spacing", type=float, default=0.025, help="size of a cell, degrees")
    parser.add_argument("--output", type=Path, required=True, help="NetCDF file to write")
    arguments = parser.parse_args()
    if not 0.01 <= arguments.spacing <= 1:
        raise InputError(f"the spacing must be 0.01 to 1 degree, not {arguments.spacing:g}")
    collection, area = read_json(arguments.swaths), read_area(arguments.area)
    grid = make_grid(collection, area, read_raster(arguments.land), arguments.spacing)
    write_grid(arguments.output, grid, collection, area.name, arguments.spacing)


if __name__ == "__main__":
    run("revisit_grid", main)
