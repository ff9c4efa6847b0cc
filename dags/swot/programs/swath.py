"""Make the two KaRIn swaths of one pass, cut to an area of interest, with the share of water under them."""

import argparse
import csv
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import shapely
from area import Area, read_area
from geodesy import Array, across_track, to_earth_fixed, to_geodetic, wrap_longitude
from inputs import InputError, format_utc, parse_utc, run, write_json
from raster import Raster, read_raster

# KaRIn's low-rate products come on a grid of 2 km: the same grid is used to measure what the swath covers.
CELL = 2000.0

Cells = npt.NDArray[np.int64]
Feature = dict[str, Any]


class Track(NamedTuple):
    """A piece of ground track: seconds after ``start``, latitude and longitude in degrees."""

    start: datetime
    seconds: Array
    latitude: Array
    longitude: Array


def read_track(path: Path) -> Track:
    """Read a piece of track.

    Raises:
        InputError: A column is missing or there are fewer than three samples.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        times = [parse_utc(row["time"]) for row in rows]
        latitude = np.array([float(row["latitude"]) for row in rows])
        longitude = np.array([float(row["longitude"]) for row in rows])
    except (KeyError, ValueError) as error:
        raise InputError(f"{path.name} has no usable columns time, latitude, longitude: {error}") from error
    if len(times) < 3:
        raise InputError(f"{path.name} has {len(times)} samples; a swath needs three")
    seconds = np.array([(each - times[0]).total_seconds() for each in times])
    return Track(times[0], seconds, latitude, longitude)


def resample(track: Track, spacing: float) -> Track:
    """Return the track with samples every ``spacing`` metres, on great circles between the given samples."""
    position = to_earth_fixed(track.latitude, track.longitude)
    way = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(position, axis=0), axis=1))])
    wanted = np.arange(0.0, way[-1], spacing)
    points = np.stack([np.interp(wanted, way, axis) for axis in position.T], axis=-1)
    latitude, longitude, _ = to_geodetic(points)
    return Track(track.start, np.interp(wanted, way, track.seconds), latitude, longitude)


def outline(track: Track, side: int, inner: float, outer: float, area: Area) -> shapely.Geometry:
    """Return one swath cut to the area.

    Args:
        track: Piece of track that reaches beyond the area.
        side: 1 for the right of the flight, -1 for the left.
        inner: Inner edge, metres from nadir.
        outer: Outer edge, metres from nadir.
        area: Area of interest.

    Returns:
        Polygon or multipolygon with coordinates of 5 decimals (about a metre), empty without an overlap.
    """
    edges = side * np.array([[inner], [outer]])
    (inner_lat, outer_lat), (inner_lon, outer_lon) = across_track(track.latitude, track.longitude, edges)
    ring_lat = np.concatenate([inner_lat, outer_lat[::-1]])
    ring_lon = wrap_longitude(np.concatenate([inner_lon, outer_lon[::-1]]), area.centre_longitude)
    cut = shapely.intersection(shapely.Polygon(np.stack([ring_lon, ring_lat], axis=-1)), area.geometry)
    # A swath that meets a corner can leave lines and points: only surfaces are kept.
    parts = [part for part in shapely.get_parts(cut) if part.geom_type == "Polygon"]
    return shapely.orient_polygons(shapely.set_precision(shapely.union_all(parts), 1e-5))


def measure(
    track: Track, side: int, inner: float, outer: float, area: Area, land: Raster
) -> tuple[Cells, float]:
    """Measure one swath on the 2 km grid.

    Args:
        track: Track with a sample every 2 km.
        side: 1 for the right of the flight, -1 for the left.
        inner: Inner edge, metres from nadir.
        outer: Outer edge, metres from nadir.
        area: Area of interest.
        land: Land percentage about the area.

    Returns:
        How many cells of each line lie in the area, and how many of all these are water.
    """
    centres = side * np.arange(inner + CELL / 2, outer, CELL)
    latitude, longitude = across_track(track.latitude, track.longitude, centres[:, None])
    longitude = wrap_longitude(longitude, area.centre_longitude)
    inside = shapely.contains_xy(area.geometry, longitude, latitude)
    water = 1.0 - land.sample(latitude[inside], longitude[inside]) / 100.0
    return inside.sum(axis=0), float(water.sum())


def cover(
    given: Track, edges: tuple[float, float], area: Area, land: Raster
) -> tuple[list[Feature], Feature]:
    """Make both swaths of a pass and sum up what they cover.

    Args:
        given: Piece of track that reaches beyond the area.
        edges: Inner and outer edge, metres from nadir.
        area: Area of interest.
        land: Land percentage about the area.

    Returns:
        One GeoJSON feature for each side that meets the area, and the totals of the pass.
    """
    lines = resample(given, CELL)
    counts = np.zeros(lines.seconds.size, dtype=np.int64)
    features: list[Feature] = []
    water = 0.0
    for name, side in (("left", -1), ("right", 1)):
        in_area, water_cells = measure(lines, side, *edges, area, land)
        if not in_area.any():
            continue
        counts += in_area
        water += water_cells
        summary = {"side": name, **_share(int(in_area.sum()), water_cells)}
        geometry = json.loads(shapely.to_geojson(outline(given, side, *edges, area)))
        features.append({"type": "Feature", "properties": summary, "geometry": geometry})
    seen = lines.seconds[counts > 0]
    # The strip about a pass can meet the area while no cell of either swath does: then there are no times.
    times = [format_utc(given.start + timedelta(seconds=float(seconds))) for seconds in seen]
    first, last = (times[0], times[-1]) if times else (None, None)
    seconds_per_line = float(lines.seconds[-1]) / (lines.seconds.size - 1)
    totals = {"seconds_in_area": round(seen.size * seconds_per_line, 1), **_share(int(counts.sum()), water)}
    return features, {"first": first, "last": last, **totals}


def _share(cells: int, water: float) -> Feature:
    return {
        "area_km2": round(cells * (CELL / 1000) ** 2),
        "water_share": round(water / cells, 4) if cells else None,
    }


def main() -> None:
    """Write the swaths as GeoJSON and what they cover as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("track", type=Path, help="piece of ground track near the area (CSV)")
    parser.add_argument("area", type=Path, help="area of interest (GeoJSON)")
    parser.add_argument("land", type=Path, help="land percentage about the area (BIL with header)")
    parser.add_argument("--cycle", type=int, required=True)
    parser.add_argument("--number", type=int, required=True)
    parser.add_argument("--direction", choices=("ascending", "descending"), required=True)
    parser.add_argument("--inner", type=float, default=10.0, help="inner edge, km from nadir")
    parser.add_argument("--outer", type=float, default=60.0, help="outer edge, km from nadir")
    parser.add_argument("--swath", type=Path, required=True, help="GeoJSON file to write")
    parser.add_argument("--coverage", type=Path, required=True, help="JSON file to write")
    arguments = parser.parse_args()
    if not 0 <= arguments.inner < arguments.outer <= 100:
        raise InputError("the edges of the swath must be 0 <= inner < outer <= 100 km")

    edges = (arguments.inner * 1000, arguments.outer * 1000)
    area, land = read_area(arguments.area), read_raster(arguments.land)
    features, totals = cover(read_track(arguments.track), edges, area, land)
    when = {"first": totals["first"], "last": totals["last"]}
    for feature in features:
        identity = {"cycle": arguments.cycle, "pass": arguments.number, "direction": arguments.direction}
        feature["properties"] = {**identity, **when, **feature["properties"]}
    write_json(arguments.swath, {"type": "FeatureCollection", "features": features}, indent=None)
    write_json(arguments.coverage, {"cycle": arguments.cycle, "number": arguments.number, **totals})


if __name__ == "__main__":
    run("swath", main)
