"""Two-line elements: reading, checksums, choice of a set."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from elements import nearest, read_elements
from inputs import InputError, format_utc, parse_utc

TLE = Path(__file__).parents[2] / "dags/swot/data/swot.tle"


def test_the_shipped_file_has_valid_sets_of_swot() -> None:
    sets = read_elements(TLE.read_text())
    assert [each.catalogue_number for each in sets] == [54754] * 3
    assert [each.epoch for each in sets] == sorted(each.epoch for each in sets)
    assert all(each.revolutions_per_day == pytest.approx(14.0017, abs=1e-4) for each in sets)


def test_epoch() -> None:
    newest = read_elements(TLE.read_text())[-1]
    assert format_utc(newest.epoch) == "2026-10-04T14:22:35Z"


@pytest.mark.parametrize(("start", "year"), [("2024-01-01", 2025), ("2026-03-01", 2026)])
def test_the_nearest_set_is_chosen(start: str, year: int) -> None:
    assert nearest(read_elements(TLE.read_text()), 54754, parse_utc(start)).epoch.year == year


def test_a_changed_digit_is_refused() -> None:
    with pytest.raises(InputError, match="checksum"):
        read_elements(TLE.read_text().replace("77.6112", "78.6112"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 54754U 22173A   26277.59902338  .00000094  00000+0  65386-4 0  9997\n", "no second line"),
        ("1 54754U 22173A\n2 54754\n", "characters"),
    ],
)
def test_cut_sets_are_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_elements(text)


def test_another_satellite_is_refused_with_what_there_is() -> None:
    with pytest.raises(InputError, match=r"25544.*\[54754\]"):
        nearest(read_elements(TLE.read_text()), 25544, datetime(2026, 1, 1, tzinfo=UTC))


def test_elements_far_from_the_start_are_warned_about(
    call: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert callable(call)
    for start, warned in (("2026-10-01", False), ("2023-05-01", True)):
        call(tmp_path, "select_elements", TLE, "--satellite", 54754, "--start", start, "--output", "e.tle")
        assert ("WARNING" in capsys.readouterr().err) is warned


def test_times_without_offset_are_utc() -> None:
    assert format_utc(parse_utc("2026-10-01")) == "2026-10-01T00:00:00Z"
    assert format_utc(parse_utc("2026-10-01T02:00:00+02:00")) == "2026-10-01T00:00:00Z"
    with pytest.raises(InputError, match="tomorrow"):
        parse_utc("tomorrow")
