"""The propagated orbit, its passes, and the geometry across the track."""

from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

np = pytest.importorskip("numpy")
pytest.importorskip("sgp4")
pytest.importorskip("netCDF4")

import geodesy  # noqa: E402
import passes  # noqa: E402
from elements import read_elements  # noqa: E402
from propagate import propagate, sample_times  # noqa: E402

DATA = Path(__file__).parents[2] / "dags/swot/data"
START = datetime(2026, 10, 1, 15, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def track() -> tuple[Any, Any, Any, Any]:
    """Return seconds, latitude, longitude and altitude of one day."""
    elements = read_elements((DATA / "swot.tle").read_text())[-1]
    seconds = sample_times(elements, 1.0, 10.0)
    return (seconds, *propagate(elements, START, seconds))


def split(track: tuple[Any, Any, Any, Any], reference: Any) -> list[passes.Pass]:
    return passes.split(track[0], track[1], START.timestamp(), 86400.0, reference)


def test_latitude_is_limited_by_the_inclination(track: tuple[Any, Any, Any, Any]) -> None:
    # Geodetic latitude of the turning point: a little more than the geocentric 77.6 degrees.
    assert track[1].max() == pytest.approx(77.69, abs=0.05)
    assert track[1].min() == pytest.approx(-77.69, abs=0.05)


def test_altitude(track: tuple[Any, Any, Any, Any]) -> None:
    """About 891 km over the equator and 20 to 30 km more over the flattened poles."""
    altitude = track[3]
    assert altitude[np.abs(track[1]) < 1].mean() == pytest.approx(890.6e3, abs=10e3)
    assert altitude.min() > 880e3
    assert altitude.max() < 925e3


def test_a_day_has_28_passes_of_half_an_orbit(track: tuple[Any, Any, Any, Any]) -> None:
    found = split(track, None)
    assert len(found) == 28
    for each in found:
        assert each.end - each.start == pytest.approx(3086.8, abs=2.0)
    assert all(before.end == after.start for before, after in pairwise(found))


def test_odd_passes_ascend_and_carry_the_numbers_of_the_mission(track: tuple[Any, Any, Any, Any]) -> None:
    found = split(track, passes.read_reference(DATA / "reference_passes.csv"))
    assert [(each.cycle, each.number) for each in found] == [(57, number) for number in range(1, 29)]
    time, latitude = track[0], track[1]
    for each in found:
        inside = latitude[(time > each.start + 10) & (time < each.end - 10)]
        assert bool(np.all(np.diff(inside) > 0)) is (each.number % 2 == 1) is each.ascending


def test_numbers_of_another_orbit_are_relative(track: tuple[Any, Any, Any, Any]) -> None:
    counts, times = passes.read_reference(DATA / "reference_passes.csv")
    found = split(track, (counts, times + 700.0))
    assert [(each.cycle, each.number) for each in found] == [(0, number) for number in range(1, 29)]


def test_published_passes_are_one_repeat_orbit() -> None:
    counts, times = passes.read_reference(DATA / "reference_passes.csv")
    interval, offset = np.polyfit(counts, times - times[0], 1)
    assert interval * passes.PASSES_PER_CYCLE / 86400 == pytest.approx(20.86455, abs=2e-4)
    assert np.abs(times - times[0] - offset - interval * counts).max() < 10.0


def test_published_passes_begin_at_the_turning_points_of_old_elements() -> None:
    """Elements of May 2025 give the start of pass 140 of cycle 32 (2025-05-03) within seconds."""
    elements = read_elements((DATA / "swot.tle").read_text())[0]
    start = datetime(2025, 5, 3, tzinfo=UTC)
    seconds = sample_times(elements, 0.1, 10.0)
    latitude, _, _ = propagate(elements, start, seconds)
    turns, rising = passes.turning_points(seconds, latitude)
    nearest = int(np.argmin(np.abs(turns - 142)))  # 00:02:22
    assert turns[nearest] == pytest.approx(142, abs=5)
    assert not rising[nearest]  # an even pass


def test_sidereal_angle_of_a_textbook() -> None:
    # Meeus, Astronomical Algorithms, example 12.b: 1987 April 10, 19:21:00 UT, 128.7378734 degrees.
    angle = geodesy.greenwich_sidereal_angle(2446895.5, np.array([(19 * 60 + 21) / 1440]))
    assert angle[0] == pytest.approx(128.7378734, abs=1e-5)


def test_geodetic_conversion_and_back() -> None:
    latitude = np.array([-89.0, -45.0, 0.0, 30.0, 77.6])
    longitude = np.array([-179.0, -90.0, 0.0, 45.0, 179.0])
    found = geodesy.to_geodetic(geodesy.to_earth_fixed(latitude, longitude))
    for got, wanted in zip(found, (latitude, longitude, np.zeros(5)), strict=True):
        np.testing.assert_allclose(got, wanted, atol=1e-6)


@pytest.mark.parametrize("distance", [10e3, 60e3, -10e3, -60e3])
def test_points_across_the_track_are_at_their_distance(
    track: tuple[Any, Any, Any, Any], distance: float
) -> None:
    latitude, longitude = track[1][:400], track[2][:400]
    found_lat, found_lon = geodesy.across_track(latitude, longitude, distance)
    nadir = geodesy.to_earth_fixed(latitude, longitude)
    chord = geodesy.to_earth_fixed(found_lat, found_lon) - nadir
    # An arc of 60 km is 0.2 m longer than its chord.
    np.testing.assert_allclose(np.linalg.norm(chord, axis=1), abs(distance), atol=5.0)
    along = np.gradient(nadir, axis=0)
    cosine = np.sum(along * chord, axis=1) / np.linalg.norm(along, axis=1) / abs(distance)
    assert np.abs(cosine).max() < 1e-3


def test_right_of_a_northward_track_is_east() -> None:
    _, longitude = geodesy.across_track(np.array([10.0, 10.5, 11.0]), np.array([5.0, 5.0, 5.0]), 10e3)
    assert (longitude > 5.0).all()


def test_cell_areas_add_up_to_the_earth() -> None:
    latitude = np.arange(-89.75, 90, 0.5)
    assert geodesy.cell_area(latitude, 0.5).sum() * 720 == pytest.approx(5.10066e14, rel=1e-4)


def test_longitudes_are_wrapped_about_the_area() -> None:
    np.testing.assert_allclose(geodesy.wrap_longitude(np.array([-179.0, 179.0]), 170.0), [181.0, 179.0])
