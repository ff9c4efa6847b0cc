"""The revisit grid as a NetCDF file after the CF conventions: writing and reading."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from geodesy import INVERSE_FLATTENING, SEMI_MAJOR_AXIS, Array
from inputs import parse_utc
from netCDF4 import Dataset, Variable

NOT_IN_AREA = -1


@dataclass(frozen=True)
class Grid:
    """Revisits on a grid of cell centres.

    Attributes:
        latitude: Rising, degrees.
        longitude: Rising, degrees.
        count: Passes that see each cell, or ``NOT_IN_AREA``.
        longest_gap: Longest time between two visits in days, NaN where there is none.
        sea: Share of sea in each cell, 0 to 1.
    """

    latitude: Array
    longitude: Array
    count: npt.NDArray[np.int16]
    longest_gap: Array
    sea: Array


def write_grid(path: Path, grid: Grid, collection: dict[str, Any], area_name: str, spacing: float) -> None:
    """Write the grid; nothing in the file depends on when or where it is written."""
    begin, end = (parse_utc(text) for text in collection["period"])
    passes = len({(f["properties"]["cycle"], f["properties"]["pass"]) for f in collection["features"]})
    with Dataset(path, "w", format="NETCDF4") as file:
        file.setncatts({
            "Conventions": "CF-1.11",
            "title": f"{collection['satellite']} KaRIn revisits, {area_name}",
            "summary": f"How often the swaths of {passes} passes see each place of the area in the period.",
            "source": f"SGP4, two-line elements of {collection['elements_epoch']}; land mask GLOBE",
            "history": f"revisit_grid.py: {passes} passes, {' to '.join(collection['period'])}",
            "keywords": "SWOT, KaRIn, swath, coverage, revisit, orbit",
            "area": area_name,
            "satellite": collection["satellite"],
            "elements_epoch": collection["elements_epoch"],
            "passes": np.int32(passes),
            "spacing": spacing,
            "time_coverage_start": collection["period"][0],
            "time_coverage_end": collection["period"][1],
            "geospatial_lat_min": round(grid.latitude[0] - spacing / 2, 9),
            "geospatial_lat_max": round(grid.latitude[-1] + spacing / 2, 9),
            "geospatial_lon_min": round(grid.longitude[0] - spacing / 2, 9),
            "geospatial_lon_max": round(grid.longitude[-1] + spacing / 2, 9),
        })  # fmt: skip
        file.createDimension("bounds", 2)
        _time(file, begin, end)
        north = {"standard_name": "latitude", "units": "degrees_north", "axis": "Y"}
        east = {"standard_name": "longitude", "units": "degrees_east", "axis": "X"}
        _axis(file, "lat", grid.latitude, spacing, north)
        _axis(file, "lon", grid.longitude, spacing, east)
        crs = file.createVariable("crs", "i4")
        crs.setncatts({
            "long_name": "WGS 84",
            "grid_mapping_name": "latitude_longitude",
            "semi_major_axis": SEMI_MAJOR_AXIS,
            "inverse_flattening": INVERSE_FLATTENING,
            "longitude_of_prime_meridian": 0.0,
            "prime_meridian_name": "Greenwich",
            "reference_ellipsoid_name": "WGS 84",
            "horizontal_datum_name": "World Geodetic System 1984",
            "geographic_crs_name": "WGS 84",
        })  # fmt: skip
        count = _field(file, "revisit_count", "i2", ("time", "lat", "lon"), NOT_IN_AREA)
        count.setncatts({
            "long_name": "number of passes whose swath sees the cell centre",
            "units": "1",
            "cell_methods": "area: point time: sum",
            "ancillary_variables": "sea_fraction",
        })  # fmt: skip
        count[0] = grid.count
        gap = _field(file, "longest_gap", "f4", ("time", "lat", "lon"), np.nan)
        gap.setncatts({
            "long_name": "longest time between two passes that see the cell centre",
            "units": "days",
            "cell_methods": "area: point time: maximum",
            "comment": "The period is taken to repeat.",
        })  # fmt: skip
        gap[0] = grid.longest_gap
        sea = _field(file, "sea_fraction", "f4", ("lat", "lon"), None)
        sea.setncatts({
            "standard_name": "sea_area_fraction",
            "long_name": "share of sea in the cell",
            "units": "1",
            "cell_methods": "area: mean",
            "comment": "Lakes and rivers count as land.",
        })  # fmt: skip
        sea[:] = grid.sea


def _axis(file: Dataset, name: str, centres: Array, spacing: float, attributes: dict[str, str]) -> None:
    file.createDimension(name, centres.size)
    variable = file.createVariable(name, "f8", (name,))
    long_name = f"{attributes['standard_name']} of the cell centre"
    variable.setncatts({**attributes, "long_name": long_name, "bounds": f"{name}_bounds"})
    variable[:] = centres
    edges = file.createVariable(f"{name}_bounds", "f8", (name, "bounds"))
    edges[:] = np.stack([centres - spacing / 2, centres + spacing / 2], axis=-1).round(9)


def _time(file: Dataset, begin: datetime, end: datetime) -> None:
    """Write one time, the middle of the period, with the period as its bounds."""
    file.createDimension("time", 1)
    variable = file.createVariable("time", "f8", ("time",))
    variable.setncatts({
        "standard_name": "time",
        "long_name": "middle of the period",
        "units": f"days since {begin:%Y-%m-%dT%H:%M:%SZ}",
        "units_metadata": "leap_seconds: none",
        "calendar": "standard",
        "axis": "T",
        "bounds": "time_bounds",
    })  # fmt: skip
    days = (end - begin).total_seconds() / 86400
    variable[0] = days / 2
    file.createVariable("time_bounds", "f8", ("time", "bounds"))[:] = [[0.0, days]]


def _field(file: Dataset, name: str, kind: str, axes: tuple[str, ...], fill: float | None) -> "Variable[Any]":
    variable = file.createVariable(name, kind, axes, compression="zlib", complevel=4, fill_value=fill)
    variable.setncattr("grid_mapping", "crs")
    return variable


def read_grid(path: Path) -> tuple[Grid, dict[str, Any]]:
    """Read a grid written by :func:`write_grid`.

    Returns:
        The grid, and the file's global attributes.
    """
    with Dataset(path) as file:
        grid = Grid(
            latitude=file["lat"][:].filled(np.nan),
            longitude=file["lon"][:].filled(np.nan),
            count=file["revisit_count"][0].filled(NOT_IN_AREA),
            longest_gap=file["longest_gap"][0].filled(np.nan).astype(np.float64),
            sea=file["sea_fraction"][:].filled(np.nan).astype(np.float64),
        )
        return grid, {name: file.getncattr(name) for name in file.ncattrs()}
