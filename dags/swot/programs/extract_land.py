"""Cut the window about an area out of the global land mask and write it as a raster of land percentage.

The mask (GLOBE, 30 arc seconds) comes with the package ``global_land_mask``. Importing that package expands
the whole globe, 0.9 GB and several seconds; reading its archive as a stream up to the window's last row needs
a few megabytes and a fifth of the time.
"""

import argparse
import zipfile
from importlib.util import find_spec
from math import ceil, floor
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt
from area import read_area
from inputs import InputError, run
from raster import Raster, write_raster

ARCHIVE = "globe_combined_mask_compressed.npz"
ROWS, COLUMNS = 21600, 43200
CELLS_PER_DEGREE = 120
CHUNK = 1 << 20


def _skip(stream: IO[bytes], count: int) -> None:
    while count:
        got = len(stream.read(min(count, CHUNK)))
        if not got:
            raise InputError(f"{ARCHIVE} ends too early")
        count -= got


def read_ocean(archive: Path, rows: range, columns: range) -> npt.NDArray[np.uint8]:
    """Read a window of the mask.

    Args:
        archive: Archive of the package, with the member ``mask.npy`` (bytes, 1 = sea).
        rows: Rows of the globe from 90 degrees north down.
        columns: Columns from 180 degrees west.

    Returns:
        1 for sea and 0 for land (lakes and rivers count as land).

    Raises:
        InputError: The archive has another layout than version 1 of the package.
    """
    window = np.empty((len(rows), len(columns)), dtype=np.uint8)
    with zipfile.ZipFile(archive) as file, file.open("mask.npy") as stream:
        np.lib.format.read_magic(stream)
        shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(stream)
        if shape != (ROWS, COLUMNS) or fortran_order or dtype.itemsize != 1:
            raise InputError(f"{ARCHIVE} has an unknown layout: {shape} of {dtype}")
        _skip(stream, rows.start * COLUMNS)
        for index in range(len(rows)):
            line = np.frombuffer(stream.read(COLUMNS), dtype=np.uint8)
            if line.size != COLUMNS:
                raise InputError(f"{ARCHIVE} ends too early")
            window[index] = line[columns.start : columns.stop]
    return window


def land_percentage(ocean: npt.NDArray[np.uint8], block: int) -> npt.NDArray[np.uint8]:
    """Return the percentage of land in square blocks of ``block`` by ``block`` cells."""
    rows, columns = ocean.shape
    share = ocean.reshape(rows // block, block, columns // block, block).mean(axis=(1, 3), dtype=np.float64)
    percentage: npt.NDArray[np.uint8] = np.rint(100 * (1 - share)).astype(np.uint8)
    return percentage


def window(bounds: tuple[float, float, float, float], margin: float, block: int) -> tuple[range, range]:
    """Return the rows and columns of whole blocks that cover ``bounds`` and ``margin`` degrees about it.

    Raises:
        InputError: The window reaches across the date line.
    """
    west, south, east, north = bounds
    if west - margin < -180 or east + margin > 180:
        raise InputError("the area is too near to the date line")
    step = CELLS_PER_DEGREE / block
    top, bottom = floor((90 - north - margin) * step), ceil((90 - south + margin) * step)
    left, right = floor((west - margin + 180) * step), ceil((east + margin + 180) * step)
    return (
        range(max(top, 0) * block, min(bottom, ROWS // block) * block),
        range(max(left, 0) * block, min(right, COLUMNS // block) * block),
    )


def main() -> None:
    """Write the raster and its header."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("area", type=Path, help="area of interest (GeoJSON)")
    parser.add_argument("--margin", type=float, default=1.5, help="degrees added on each side")
    parser.add_argument("--block", type=int, default=2, help="mask cells that make one raster cell, each way")
    parser.add_argument("--output", type=Path, required=True, help="raster to write (.bil)")
    arguments = parser.parse_args()
    if ROWS % arguments.block or not 1 <= arguments.block <= 60:
        raise InputError(f"a block of {arguments.block} cells does not divide the globe; take 1, 2, 3, 4 …")
    rows, columns = window(read_area(arguments.area).bounds, arguments.margin, arguments.block)
    # Unlike an import, this finds the package without loading the globe.
    package = find_spec("global_land_mask")
    if package is None or package.origin is None:
        raise InputError("the package global-land-mask is not installed")
    archive = Path(package.origin).with_name(ARCHIVE)
    spacing = arguments.block / CELLS_PER_DEGREE
    raster = Raster(
        land_percentage(read_ocean(archive, rows, columns), arguments.block),
        # The mask names each cell by its north-western corner, a raster by its centre.
        west=-180 + columns.start / CELLS_PER_DEGREE + spacing / 2,
        north=90 - rows.start / CELLS_PER_DEGREE - spacing / 2,
        spacing=spacing,
    )
    write_raster(arguments.output, raster)


if __name__ == "__main__":
    run("extract_land", main)
