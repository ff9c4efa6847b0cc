"""Rasters of bytes as ESRI BIL files: a file of values and, beside it, a header file that any GIS reads."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from inputs import InputError


@dataclass(frozen=True)
class Raster:
    """A regular grid of bytes in longitude and latitude.

    Attributes:
        values: Rows from north to south, columns from west to east.
        west: Longitude of the centre of the first column, degrees.
        north: Latitude of the centre of the first row, degrees.
        spacing: Distance between neighbouring centres both ways, degrees.
    """

    values: npt.NDArray[np.uint8]
    west: float
    north: float
    spacing: float

    @property
    def longitude(self) -> npt.NDArray[np.float64]:
        """Longitudes of the column centres, degrees."""
        return self.west + self.spacing * np.arange(self.values.shape[1], dtype=np.float64)

    @property
    def latitude(self) -> npt.NDArray[np.float64]:
        """Latitudes of the row centres, degrees, falling."""
        return self.north - self.spacing * np.arange(self.values.shape[0], dtype=np.float64)

    def sample(
        self, latitude: npt.NDArray[np.float64], longitude: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.uint8]:
        """Return the value of the cell that holds each point.

        Raises:
            InputError: A point lies outside the raster.
        """
        row = np.floor((self.north - latitude) / self.spacing + 0.5).astype(np.int64)
        column = np.floor((longitude - self.west) / self.spacing + 0.5).astype(np.int64)
        rows, columns = self.values.shape
        if np.any((row < 0) | (row >= rows) | (column < 0) | (column >= columns)):
            raise InputError("the raster does not cover the area")
        return self.values[row, column]


def write_raster(path: Path, raster: Raster) -> None:
    """Write ``path`` (values) and the header of the same name that ends in ``.hdr``."""
    rows, columns = raster.values.shape
    header = {
        "BYTEORDER": "I", "LAYOUT": "BIL", "NROWS": rows, "NCOLS": columns, "NBANDS": 1, "NBITS": 8,
        "BANDROWBYTES": columns, "TOTALROWBYTES": columns, "PIXELTYPE": "UNSIGNEDINT",
        "ULXMAP": repr(raster.west), "ULYMAP": repr(raster.north),
        "XDIM": repr(raster.spacing), "YDIM": repr(raster.spacing),
    }  # fmt: skip
    path.write_bytes(np.ascontiguousarray(raster.values).tobytes())
    path.with_suffix(".hdr").write_text("".join(f"{key:<14}{value}\n" for key, value in header.items()))


def read_raster(path: Path) -> Raster:
    """Read a raster written by :func:`write_raster`.

    Raises:
        InputError: The header is missing or does not fit the values.
    """
    header_path = path.with_suffix(".hdr")
    if not header_path.is_file():
        raise InputError(f"{path.name} comes without its header {header_path.name}")
    header = dict(line.split(None, 1) for line in header_path.read_text().splitlines() if line.strip())
    try:
        rows, columns = int(header["NROWS"]), int(header["NCOLS"])
        west, north, spacing = (float(header[key]) for key in ("ULXMAP", "ULYMAP", "XDIM"))
    except (KeyError, ValueError) as error:
        raise InputError(f"{header_path.name} is not a usable header: {error}") from error
    values = np.fromfile(path, dtype=np.uint8)
    if values.size != rows * columns:
        raise InputError(f"{path.name} has {values.size} bytes, its header promises {rows} by {columns}")
    return Raster(values.reshape(rows, columns), west, north, spacing)
