"""The area of interest: a GeoJSON polygon read into planar longitude and latitude."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import shapely
from inputs import InputError, read_json

# Beyond this latitude passes run almost along the parallels and a box of longitudes no longer bounds an area.
HIGHEST_LATITUDE = 75.0


@dataclass(frozen=True)
class Area:
    """An area of interest.

    Attributes:
        name: Name shown in titles.
        geometry: Polygon or multipolygon, x = longitude and y = latitude in degrees.
    """

    name: str
    geometry: shapely.Geometry

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east, north in degrees."""
        west, south, east, north = (float(value) for value in shapely.bounds(self.geometry))
        return west, south, east, north

    @property
    def centre_longitude(self) -> float:
        """Longitude of the middle of the area, degrees."""
        west, _, east, _ = self.bounds
        return (west + east) / 2


def read_area(path: Path) -> Area:
    """Read an area from a GeoJSON geometry, feature or feature collection (all its polygons together).

    Raises:
        InputError: There is no polygon, it is invalid, spans 180 degrees of longitude or more, or reaches
            beyond 75 degrees of latitude.
    """
    document = read_json(path)
    features = _features(document)
    try:
        geometries = [shapely.from_geojson(_text(feature)) for feature in features]
    except (shapely.errors.GEOSException, KeyError, TypeError) as error:
        raise InputError(f"{path.name} is not GeoJSON: {error}") from error
    polygons = [each for each in geometries if each and each.geom_type in ("Polygon", "MultiPolygon")]
    if not polygons:
        raise InputError(f"{path.name} has no polygon")
    for polygon in polygons:
        if not polygon.is_valid:
            raise InputError(f"a polygon of {path.name} is invalid: {shapely.is_valid_reason(polygon)}")
    name = next((str(p["name"]) for f in features if (p := f.get("properties") or {}).get("name")), path.stem)
    area = Area(name, shapely.union_all(polygons))
    west, south, east, north = area.bounds
    if east - west >= 180:
        raise InputError(
            f"the area spans {east - west:.0f} degrees of longitude; areas across the date line do not work"
        )
    if max(-south, north) > HIGHEST_LATITUDE:
        raise InputError(f"the area reaches beyond {HIGHEST_LATITUDE:g} degrees of latitude")
    return area


def _features(document: Any) -> list[dict[str, Any]]:
    if not isinstance(document, dict):
        raise InputError("the area is not a GeoJSON object")
    if document.get("type") == "FeatureCollection":
        return list(document.get("features") or [])
    if document.get("type") == "Feature":
        return [document]
    return [{"type": "Feature", "properties": {}, "geometry": document}]


def _text(feature: dict[str, Any]) -> str:
    return json.dumps(feature["geometry"])
