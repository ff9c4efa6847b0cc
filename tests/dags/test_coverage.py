"""Swaths, land, grid and statistics: one day of the chain, and small made-up cases."""

import csv
import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

np = pytest.importorskip("numpy")
shapely = pytest.importorskip("shapely")
netCDF4 = pytest.importorskip("netCDF4")  # noqa: N816

import geodesy  # noqa: E402
from area import Area, read_area  # noqa: E402
from extract_land import land_percentage, window  # noqa: E402
from inputs import InputError, read_json  # noqa: E402
from merge_swaths import coverage_rows  # noqa: E402
from raster import Raster, read_raster, write_raster  # noqa: E402
from revisit_grid import axes, count_visits, make_grid  # noqa: E402
from swath import Track, cover, measure, outline, resample  # noqa: E402

BOX = Area("box", shapely.box(0.0, 40.0, 5.0, 42.0))


def northward(longitude: float) -> Track:
    """Return a track along a meridian through the box, a sample about every 66 km."""
    latitude = np.arange(38.0, 44.0, 0.6)
    start = datetime(2026, 10, 1, tzinfo=UTC)
    return Track(start, np.arange(latitude.size) * 10.0, latitude, np.full(latitude.size, longitude))


def half_land() -> Raster:
    """Return land west of 2.5 degrees east."""
    values = np.zeros((60, 100), dtype=np.uint8)
    values[:, :45] = 100
    return Raster(values, west=-1.95, north=43.95, spacing=0.1)


def test_each_swath_is_50_km_wide() -> None:
    for side in (-1, 1):
        swath = outline(northward(2.5), side, 10e3, 60e3, BOX)
        west, _, east, _ = shapely.bounds(
            shapely.intersection(swath, shapely.LineString([(-5, 41), (9, 41)]))
        )
        ends = geodesy.to_earth_fixed(np.array([41.0, 41.0]), np.array([west, east]))
        assert np.linalg.norm(ends[1] - ends[0]) == pytest.approx(50e3, rel=2e-3)
        assert (west > 2.5) if side == 1 else (east < 2.5)


def test_lines_are_2_km_apart() -> None:
    lines = resample(northward(2.5), 2000.0)
    step = np.linalg.norm(np.diff(geodesy.to_earth_fixed(lines.latitude, lines.longitude), axis=0), axis=1)
    np.testing.assert_allclose(step, 2000.0, rtol=1e-3)


def test_cells_fill_the_outline() -> None:
    track = northward(2.5)
    cells, _ = measure(resample(track, 2000.0), 1, 10e3, 60e3, BOX, half_land())
    height = 2 * np.pi / 180 * 6.359e6  # 2 degrees of latitude at 41 degrees north
    assert cells.sum() * 4e6 == pytest.approx(50e3 * height, rel=0.01)


def test_water_share_of_each_side() -> None:
    features, totals = cover(northward(2.55), (10e3, 60e3), BOX, half_land())
    assert [each["properties"]["side"] for each in features] == ["left", "right"]
    assert [each["properties"]["water_share"] for each in features] == [0.0, 1.0]
    assert totals["water_share"] == pytest.approx(0.5, abs=0.001)
    # 222 km at a sample each 10 s, 66.6 km
    assert totals["seconds_in_area"] == pytest.approx(33.3, abs=0.5)


def test_a_pass_beside_the_area_covers_nothing() -> None:
    features, totals = cover(northward(6.0), (10e3, 60e3), BOX, half_land())
    assert features == []
    assert totals == {"first": None, "last": None, "seconds_in_area": 0.0, "area_km2": 0, "water_share": None}


def test_raster_and_header_survive_a_round_trip(tmp_path: Path) -> None:
    write_raster(tmp_path / "land.bil", half_land())
    found = read_raster(tmp_path / "land.bil")
    assert np.array_equal(found.values, half_land().values)
    assert (found.west, found.north, found.spacing) == (-1.95, 43.95, 0.1)
    assert found.sample(np.array([41.0, 41.0]), np.array([0.0, 4.0])).tolist() == [100, 0]
    with pytest.raises(InputError, match="does not cover"):
        found.sample(np.array([80.0]), np.array([0.0]))
    (tmp_path / "land.hdr").unlink()
    with pytest.raises(InputError, match=r"land\.hdr"):
        read_raster(tmp_path / "land.bil")


def test_land_window_covers_the_area_in_whole_blocks() -> None:
    rows, columns = window((-5.6, 35.0, 16.1, 44.5), 1.5, 4)
    assert len(rows) % 4 == len(columns) % 4 == 0
    assert 90 - rows.start / 120 >= 46.0 > 33.5 >= 90 - rows.stop / 120
    assert land_percentage(np.array([[1, 1], [1, 0]], dtype=np.uint8), 2).tolist() == [[25]]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"type": "Point", "coordinates": [0, 0]}, "no polygon"),
        ({"type": "Polygon", "coordinates": [[[0, 0], [2, 2], [2, 0], [0, 2], [0, 0]]]}, "invalid"),
        ({"type": "Polygon", "coordinates": [[[0, 70], [2, 70], [2, 80], [0, 70]]]}, "75 degrees"),
        ({"type": "Polygon", "coordinates": [[[-179, 0], [179, 0], [179, 5], [-179, 0]]]}, "date line"),
        ([], "GeoJSON"),
    ],
)
def test_unusable_areas_are_refused(tmp_path: Path, document: object, message: str) -> None:
    path = tmp_path / "area.geojson"
    path.write_text(json.dumps(document))
    with pytest.raises(InputError, match=message):
        read_area(path)


def test_visits_and_gaps_are_counted() -> None:
    west, all_of_it = shapely.box(0.0, 40.0, 2.0, 42.0), shapely.box(0.0, 40.0, 5.0, 42.0)
    days = [datetime(2026, 10, day, tzinfo=UTC) for day in (3, 1, 8)]
    latitude, longitude = axes((0.0, 40.0, 5.0, 42.0), 1.0)
    count, gap = count_visits(
        {days[0]: [west], days[1]: [all_of_it], days[2]: [west]}, BOX, latitude, longitude, 20.0
    )
    assert count.tolist() == [[3, 3, 1, 1, 1]] * 2
    # Visits on days 1, 3 and 8 of a period of 20 days that repeats: 8 to 21 is the longest gap.
    assert gap.tolist() == [[13.0, 13.0, 20.0, 20.0, 20.0]] * 2


def test_no_pass_makes_an_empty_grid() -> None:
    collection = {"features": [], "period": ["2026-10-01T00:00:00Z", "2026-10-02T00:00:00Z"]}
    grid = make_grid(collection, BOX, half_land(), 0.5)
    assert (grid.count == 0).all()
    assert np.isnan(grid.longest_gap).all()


def test_coverage_of_an_unknown_pass_is_refused() -> None:
    with pytest.raises(InputError, match="no candidates"):
        coverage_rows([], [{"cycle": 57, "number": 3}])


def test_a_day_over_the_western_mediterranean(chain: Path) -> None:
    listed = read_json(chain / "passes.json")
    assert listed["total"] == 28
    crossing = [each["number"] for each in listed["passes"] if each["crosses_area"]]
    assert crossing == [1, 14]
    assert len(list(chain.glob("track_*.csv"))) == len(listed["passes"]) >= len(crossing)
    with (chain / "passes.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["pass"] for row in rows if row["area_km2"]] == ["1", "14"]
    assert all(0 <= float(row["water_share"]) <= 1 for row in rows if row["water_share"])


def test_two_ways_to_the_covered_area_agree(chain: Path) -> None:
    summary = read_json(chain / "summary.json")
    assert summary["passes"] == 2
    assert summary["revisit_area_km2"] == pytest.approx(summary["swath_area_km2"], rel=0.03)
    assert sum(each["share"] for each in summary["histogram"]) == pytest.approx(1, abs=1e-3)


def test_swath_polygons_are_wound_as_rfc_7946_wants(chain: Path) -> None:
    for feature in read_json(chain / "swaths.geojson")["features"]:
        geometry = shapely.geometry.shape(feature["geometry"])
        assert geometry.is_valid
        for part in shapely.get_parts(geometry):
            assert part.exterior.is_ccw


def test_grid_follows_the_cf_conventions(chain: Path) -> None:
    with netCDF4.Dataset(chain / "revisit.nc") as file:
        assert file.Conventions == "CF-1.11"
        for name in ("title", "source", "history", "summary"):
            assert file.getncattr(name)
        for name, units, axis in (("lat", "degrees_north", "Y"), ("lon", "degrees_east", "X")):
            assert (file[name].units, file[name].axis) == (units, axis)
            assert file[file[name].bounds].shape == (file[name].size, 2)
            assert (np.diff(file[name][:]) > 0).all()
        assert file["time"].standard_name == "time"
        assert file["time_bounds"][:].tolist() == [[0.0, 1.0]]
        for name in ("revisit_count", "longest_gap", "sea_fraction"):
            field = file[name]
            assert file[field.grid_mapping].grid_mapping_name == "latitude_longitude"
            assert field.dimensions[-2:] == ("lat", "lon")
            assert field.units
            assert field.long_name
        assert file["sea_fraction"].standard_name == "sea_area_fraction"
        sea = file["sea_fraction"][:]
        assert 0 <= sea.min() < sea.max() <= 1


def test_results_depend_on_the_inputs_only(
    chain: Path, tmp_path: Path, run_chain: Callable[[Path, float, float], None]
) -> None:
    run_chain(tmp_path, 1.0, 0.25)

    def checksums(folder: Path) -> dict[str, str]:
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}

    assert checksums(tmp_path) == checksums(chain)


def test_map_is_a_picture_that_repeats(chain: Path, call: Any, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    area = Path(__file__).parents[2] / "dags/swot/data/western_mediterranean.geojson"
    pictures = []
    for name in ("first.png", "second.png"):
        given = [chain / each for each in ("revisit.nc", "land.bil", "swaths.geojson")]
        call(tmp_path, "draw_map", *given, area, chain / "summary.json", "--output", name)
        pictures.append((tmp_path / name).read_bytes())
    assert pictures[0] == pictures[1]
    assert pictures[0].startswith(b"\x89PNG")
    assert int.from_bytes(pictures[0][16:20], "big") == 2000


def test_a_program_ends_with_one_plain_line(tmp_path: Path) -> None:
    program = Path(__file__).parents[2] / "dags/swot/programs/select_elements.py"
    arguments: list[str | Path] = [
        "--satellite",
        "1",
        "--start",
        "2026-10-01",
        "--output",
        tmp_path / "e.tle",
    ]
    command: list[str | Path] = [sys.executable, "-B", program, tmp_path / "none.tle", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("select_elements: ")
    assert done.stderr.count("\n") == 1
