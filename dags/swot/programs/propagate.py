"""Propagate a two-line element set with SGP4 to a ground track, a CF trajectory in NetCDF."""

import argparse
from datetime import datetime
from pathlib import Path

import numpy as np
from elements import ElementSet, read_elements
from geodesy import Array, greenwich_sidereal_angle, teme_to_earth_fixed, to_geodetic
from inputs import InputError, format_utc, parse_utc, run
from netCDF4 import Dataset
from sgp4.api import SGP4_ERRORS, Satrec, jday  # type: ignore[import-untyped]

SECONDS_PER_DAY = 86400.0


def propagate(elements: ElementSet, start: datetime, seconds: Array) -> tuple[Array, Array, Array]:
    """Return where the satellite is over.

    Args:
        elements: Element set.
        start: UTC.
        seconds: Seconds after ``start``.

    Returns:
        Geodetic latitude and longitude in degrees, altitude in metres.

    Raises:
        InputError: SGP4 refuses the elements or the period (for example a decayed orbit).
    """
    satellite = Satrec.twoline2rv(elements.line1, elements.line2)
    second = start.second + start.microsecond * 1e-6
    day, fraction = jday(start.year, start.month, start.day, start.hour, start.minute, second)
    fractions = fraction + seconds / SECONDS_PER_DAY
    errors, position, _ = satellite.sgp4_array(np.full(seconds.shape, day), fractions)
    if np.any(errors):
        raise InputError(f"SGP4: {SGP4_ERRORS[int(errors[np.nonzero(errors)][0])]}")
    fixed = teme_to_earth_fixed(position * 1000.0, greenwich_sidereal_angle(day, fractions))
    return to_geodetic(fixed)


def sample_times(elements: ElementSet, days: float, step: float) -> Array:
    """Return seconds after the start that cover every pass which begins within ``days``.

    The track goes on for half a revolution so that the last pass is whole, and starts two steps early so that
    a pass which begins exactly at the start is seen to begin.
    """
    half_orbit = SECONDS_PER_DAY / elements.revolutions_per_day / 2
    # Half revolutions from turning point to turning point vary by seconds with the Earth's shape.
    last = days * SECONDS_PER_DAY + half_orbit * 1.02 + 2 * step
    return np.arange(-2, np.ceil(last / step) + 1) * step


def write_track(
    path: Path,
    elements: ElementSet,
    start: datetime,
    days: float,
    seconds: Array,
    track: tuple[Array, Array, Array],
) -> None:
    """Write the track as a NetCDF file after CF-1.11 (discrete sampling geometry ``trajectory``)."""
    latitude, longitude, altitude = track
    columns = {
        "time": (seconds, f"seconds since {format_utc(start)}", "time", "time"),
        "lat": (latitude, "degrees_north", "latitude", "geodetic latitude of the nadir point"),
        "lon": (longitude, "degrees_east", "longitude", "longitude of the nadir point"),
        "alt": (altitude, "m", "height_above_reference_ellipsoid", "height above the WGS 84 ellipsoid"),
    }
    with Dataset(path, "w", format="NETCDF4") as file:
        file.setncatts({
            "Conventions": "CF-1.11",
            "featureType": "trajectory",
            "title": f"Ground track of {elements.name or elements.catalogue_number}",
            "source": f"SGP4 propagation of the two-line elements of {format_utc(elements.epoch)}",
            "history": f"propagate.py, {days:g} days from {format_utc(start)}",
            "period_start": format_utc(start),
            "period_days": days,
        })  # fmt: skip
        file.createDimension("time", seconds.size)
        trajectory = file.createVariable("trajectory", "i4")
        trajectory.setncatts({"long_name": "NORAD catalogue number", "cf_role": "trajectory_id"})
        trajectory[...] = elements.catalogue_number
        for name, (values, units, standard_name, long_name) in columns.items():
            variable = file.createVariable(name, "f8", ("time",), compression="zlib", complevel=1)
            variable.setncatts({"standard_name": standard_name, "long_name": long_name, "units": units})
            variable[:] = values
        file["time"].setncatts({"calendar": "standard", "axis": "T"})
        file["alt"].setncatts({"positive": "up", "coordinates": "time lat lon trajectory"})


def main() -> None:
    """Propagate the one element set of a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("elements", type=Path, help="file with one two-line element set")
    parser.add_argument("--start", type=parse_utc, required=True, help="start of the period, UTC")
    parser.add_argument("--days", type=float, required=True, help="length of the period, days")
    parser.add_argument("--step", type=float, default=10.0, help="time between samples, seconds")
    parser.add_argument("--output", type=Path, required=True, help="NetCDF file to write")
    arguments = parser.parse_args()
    if not 0 < arguments.days <= 400:
        raise InputError(f"the period must be longer than 0 and at most 400 days, not {arguments.days:g}")
    if not 1 <= arguments.step <= 60:
        raise InputError(f"the step must be 1 to 60 seconds, not {arguments.step:g}")
    sets = read_elements(arguments.elements.read_text())
    if len(sets) != 1:
        raise InputError(f"{arguments.elements.name} has {len(sets)} element sets instead of one")
    seconds = sample_times(sets[0], arguments.days, arguments.step)
    track = propagate(sets[0], arguments.start, seconds)
    write_track(arguments.output, sets[0], arguments.start, arguments.days, seconds, track)


if __name__ == "__main__":
    run("propagate", main)
