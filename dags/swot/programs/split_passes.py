"""Split a ground track into half-orbit passes and find those whose swath can touch an area of interest."""

import argparse
import csv
import json
import sys
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import shapely
from area import Area, read_area
from geodesy import Array, across_track, wrap_longitude
from inputs import InputError, format_utc, parse_utc, run
from netCDF4 import Dataset
from passes import Pass, read_reference, split

# A runner reads at most this much of a file into an expression (CWL v1.2, loadContents).
LARGEST_LIST = 64 * 1024


def near_box(area: Area, neighbourhood: float, latitude: Array, longitude: Array) -> np.ndarray:
    """Tell which points lie in the area's bounding box widened by ``neighbourhood`` degrees on each side."""
    west, south, east, north = area.bounds
    return (
        (longitude >= west - neighbourhood) & (longitude <= east + neighbourhood)
        & (latitude >= south - neighbourhood) & (latitude <= north + neighbourhood)
    )  # fmt: skip


def touches(area: Area, latitude: Array, longitude: Array, reach: float) -> bool:
    """Tell whether the strip of ``reach`` metres on both sides of a piece of track meets the area."""
    sides = [across_track(latitude, longitude, distance) for distance in (reach, -reach)]
    (right_lat, right_lon), (left_lat, left_lon) = sides
    ring_lon = wrap_longitude(np.concatenate([right_lon, left_lon[::-1]]), area.centre_longitude)
    ring = np.stack([ring_lon, np.concatenate([right_lat, left_lat[::-1]])], axis=-1)
    return bool(shapely.intersects(shapely.Polygon(ring), area.geometry))


def write_piece(path: Path, start: datetime, time: Array, latitude: Array, longitude: Array) -> None:
    """Write a piece of track as CSV: time (UTC), latitude and longitude in degrees."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["time", "latitude", "longitude"])
        for seconds, lat, lon in zip(time, latitude, longitude, strict=True):
            moment = format_utc(start + timedelta(seconds=float(seconds)), "milliseconds")
            writer.writerow([moment, f"{lat:.7f}", f"{lon:.7f}"])


def candidates(
    found: list[Pass], track: tuple[Array, Array, Array], area: Area, neighbourhood: float, reach: float
) -> list[tuple[Pass, slice, bool]]:
    """Choose the passes near the area.

    Args:
        found: All passes.
        track: Time, latitude and longitude, the latter wrapped about the area.
        area: Area of interest.
        neighbourhood: Degrees about the area's bounding box within which a pass is a candidate.
        reach: Outer edge of the swath, metres from nadir.

    Returns:
        For each candidate the pass, its piece of track near the area, and whether its swath meets the area.
    """
    time, latitude, longitude = track
    near = near_box(area, neighbourhood, latitude, longitude)
    result = []
    for each in found:
        inside = np.nonzero(near & (time >= each.start) & (time <= each.end))[0]
        if inside.size:
            # Two samples more at both ends: the piece must leave the box with the whole width of the swath.
            piece = slice(max(int(inside[0]) - 2, 0), int(inside[-1]) + 3)
            result.append((each, piece, touches(area, latitude[piece], longitude[piece], reach)))
    return result


def main() -> None:
    """Write the list of candidate passes and, for each, its piece of ground track near the area."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("orbit", type=Path, help="ground track (NetCDF)")
    parser.add_argument("area", type=Path, help="area of interest (GeoJSON)")
    parser.add_argument("--reference", type=Path, help="published pass times (CSV), to number by")
    parser.add_argument("--neighbourhood", type=float, default=4.0, help="degrees, 2 or more")
    parser.add_argument("--reach", type=float, default=60.0, help="outer edge of the swath, km from nadir")
    parser.add_argument("--output", type=Path, required=True, help="list of candidate passes to write (JSON)")
    arguments = parser.parse_args()
    if arguments.neighbourhood < 2:
        raise InputError("the neighbourhood must be at least 2 degrees, or swaths could be missed")
    area = read_area(arguments.area)
    with Dataset(arguments.orbit) as file:
        start, days = parse_utc(file.period_start), float(file.period_days)
        time, latitude, longitude = (file[name][:].filled(np.nan) for name in ("time", "lat", "lon"))
    reference = read_reference(arguments.reference) if arguments.reference else None
    found = split(time, latitude, start.timestamp(), days * 86400, reference)
    if reference is not None and any(each.cycle == 0 for each in found):
        sys.stderr.write(
            "WARNING: the passes do not begin where published passes would (another orbit, or old elements), "
            "so they are numbered 1, 2, 3 … from the start, and the cycle is 0.\n"
        )
    track = (time, latitude, wrap_longitude(longitude, area.centre_longitude))
    records = []
    near = candidates(found, track, area, arguments.neighbourhood, arguments.reach * 1000)
    for each, piece, crosses in near:
        path = Path(f"track_{each.cycle:03d}_{each.number:05d}.csv")
        write_piece(path, start, time[piece], latitude[piece], longitude[piece])
        records.append({
            "cycle": each.cycle,
            "number": each.number,
            "direction": "ascending" if each.ascending else "descending",
            "start": format_utc(start + timedelta(seconds=each.start)),
            "end": format_utc(start + timedelta(seconds=each.end)),
            "crosses_area": crosses,
        })  # fmt: skip
    text = json.dumps({"passes": records, "total": len(found)}, separators=(",", ":")) + "\n"
    if len(text) > LARGEST_LIST:
        raise InputError(f"{len(records)} candidate passes are too many: take fewer days or a smaller area")
    arguments.output.write_text(text)


if __name__ == "__main__":
    run("split_passes", main)
