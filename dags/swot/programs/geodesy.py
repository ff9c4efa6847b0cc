"""Geometry of the Earth (WGS 84) for ground tracks and swaths. Angles are in degrees, lengths in metres."""

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

SEMI_MAJOR_AXIS = 6378137.0
INVERSE_FLATTENING = 298.257223563
_E2 = (2 - 1 / INVERSE_FLATTENING) / INVERSE_FLATTENING


def greenwich_sidereal_angle(julian_day: float, fraction: Array) -> Array:
    """Return Greenwich mean sidereal time (IAU 1982, the one that SGP4's TEME frame refers to).

    Args:
        julian_day: Julian day, UT1. UTC serves as UT1 here: at most 0.9 s, which is 420 m at the equator.
        fraction: Fractions of a day to add.

    Returns:
        Angles in degrees, 0 to 360.
    """
    days = (julian_day - 2451545.0) + fraction
    centuries = days / 36525.0
    angle = 280.46061837 + 360.98564736629 * days + (0.000387933 - centuries / 38710000.0) * centuries**2
    return np.mod(angle, 360.0)


def teme_to_earth_fixed(position: Array, sidereal_angle: Array) -> Array:
    """Turn positions (n, 3) of SGP4's TEME frame into the Earth-fixed frame; polar motion is left out."""
    angle = np.radians(sidereal_angle)
    cosine, sine = np.cos(angle), np.sin(angle)
    x, y, z = position.T
    return np.stack([cosine * x + sine * y, cosine * y - sine * x, z], axis=-1)


def to_geodetic(position: Array) -> tuple[Array, Array, Array]:
    """Convert Earth-fixed positions (..., 3) to geodetic latitude, longitude (-180 to 180) and height.

    Bowring's closed form: the latitude is right within a millimetre from the ground up to low orbits.
    """
    x, y, z = position[..., 0], position[..., 1], position[..., 2]
    semi_minor = SEMI_MAJOR_AXIS * np.sqrt(1 - _E2)
    distance = np.hypot(x, y)
    parametric = np.arctan2(z * SEMI_MAJOR_AXIS, distance * semi_minor)
    latitude = np.arctan2(
        z + _E2 / (1 - _E2) * semi_minor * np.sin(parametric) ** 3,
        distance - _E2 * SEMI_MAJOR_AXIS * np.cos(parametric) ** 3,
    )
    normal = SEMI_MAJOR_AXIS / np.sqrt(1 - _E2 * np.sin(latitude) ** 2)
    # This form of the height has no division by a cosine and so holds near the poles too.
    height = distance * np.cos(latitude) + z * np.sin(latitude) - SEMI_MAJOR_AXIS**2 / normal
    return np.degrees(latitude), np.degrees(np.arctan2(y, x)), height


def to_earth_fixed(latitude: Array, longitude: Array) -> Array:
    """Convert points on the ellipsoid to Earth-fixed positions (..., 3)."""
    phi, lam = np.radians(latitude), np.radians(longitude)
    normal = SEMI_MAJOR_AXIS / np.sqrt(1 - _E2 * np.sin(phi) ** 2)
    return np.stack(
        [
            normal * np.cos(phi) * np.cos(lam),
            normal * np.cos(phi) * np.sin(lam),
            normal * (1 - _E2) * np.sin(phi),
        ],
        axis=-1,
    )


def across_track(latitude: Array, longitude: Array, distance: Array | float) -> tuple[Array, Array]:
    """Return points at right angles to a ground track.

    Args:
        latitude: Latitudes of the ground track (n,), in the order of flight, n at least 2.
        longitude: Longitudes of the ground track (n,).
        distance: Distance from the track on the ground, positive to the right as seen in flight; it must
            broadcast against (n,), so an (m, 1) array gives m parallel lines.

    Returns:
        Latitudes and longitudes (-180 to 180), right within some metres for distances up to 100 km.
    """
    track = to_earth_fixed(latitude, longitude)
    phi, lam = np.radians(latitude), np.radians(longitude)
    up = np.stack([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)], axis=-1)
    along = np.gradient(track, axis=0)
    right = np.cross(along, up)
    right /= np.linalg.norm(right, axis=-1, keepdims=True)
    # Radius of curvature of the ellipsoid in the direction `right` (Euler): the line across the track is
    # followed as an arc of that circle, which keeps the error far below one swath cell.
    east = np.stack([-np.sin(lam), np.cos(lam), np.zeros_like(lam)], axis=-1)
    normal = SEMI_MAJOR_AXIS / np.sqrt(1 - _E2 * np.sin(phi) ** 2)
    meridian = normal * (1 - _E2) / (1 - _E2 * np.sin(phi) ** 2)
    east_part = np.sum(right * east, axis=-1) ** 2
    radius = 1 / (east_part / normal + (1 - east_part) / meridian)
    angle = (np.asarray(distance) / radius)[..., None]
    position = track + radius[:, None] * (np.sin(angle) * right - (1 - np.cos(angle)) * up)
    found_latitude, found_longitude, _ = to_geodetic(position)
    return found_latitude, found_longitude


def wrap_longitude(longitude: Array, centre: float) -> Array:
    """Move longitudes by whole turns to within 180 degrees of ``centre``, away from any date line."""
    return np.mod(longitude - centre + 180.0, 360.0) - 180.0 + centre


def cell_area(latitude: Array, spacing: float) -> Array:
    """Return the areas, in square metres, of cells of ``spacing`` degrees each way at the given latitudes."""
    phi, step = np.radians(latitude), np.radians(spacing)
    normal = SEMI_MAJOR_AXIS / np.sqrt(1 - _E2 * np.sin(phi) ** 2)
    meridian = normal * (1 - _E2) / (1 - _E2 * np.sin(phi) ** 2)
    area: Array = normal * np.cos(phi) * meridian * step**2
    return area
