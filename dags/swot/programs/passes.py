"""Half-orbit passes: where a ground track turns, and the number that the mission gives to each pass."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from geodesy import Array
from inputs import InputError, parse_utc

PASSES_PER_CYCLE = 584
# A ground track that is kept over its repeat positions passes its turning points within seconds of the
# published times; a minute and more means another orbit (or elements that are far too old).
LARGEST_OFFSET = 120.0


@dataclass(frozen=True)
class Pass:
    """One half-orbit pass.

    Attributes:
        cycle: Repeat cycle, or 0 when the numbers are relative to the start of the period.
        number: 1 to 584 within the cycle (odd = ascending), or 1, 2, 3 … when relative.
        ascending: Whether the satellite goes north.
        start: Time of the turning point where the pass begins, in the unit of the track.
        end: Time of the turning point where it ends.
    """

    cycle: int
    number: int
    ascending: bool
    start: float
    end: float


def turning_points(time: Array, latitude: Array) -> tuple[Array, list[bool]]:
    """Find where a track turns.

    Args:
        time: Times of the samples, evenly spaced.
        latitude: Latitudes of the samples, degrees.

    Returns:
        Times of the northern and southern turning points, by a parabola through the three samples about each
        (some milliseconds with 10 s between samples), and for each whether the track rises after it.
    """
    slope = np.sign(np.diff(latitude))
    middle = np.nonzero(slope[1:] != slope[:-1])[0] + 1
    before, at, after = latitude[middle - 1], latitude[middle], latitude[middle + 1]
    offset = 0.5 * (before - after) / (before - 2 * at + after)
    rising = [bool(difference > 0) for difference in after - at]
    return time[middle] + offset * (time[1] - time[0]), rising


def read_reference(path: Path) -> tuple[Array, Array]:
    """Read published pass start times.

    Args:
        path: CSV file with the columns cycle, pass and start (UTC).

    Returns:
        Passes counted from pass 1 of cycle 1 (which is 0), and their starts as seconds since 1970.

    Raises:
        InputError: Fewer than two passes, or a column is missing.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        counts = [(int(row["cycle"]) - 1) * PASSES_PER_CYCLE + int(row["pass"]) - 1 for row in rows]
        starts = [parse_utc(row["start"]).timestamp() for row in rows]
    except (KeyError, ValueError) as error:
        raise InputError(f"{path.name} has no usable columns cycle, pass, start: {error}") from error
    if len(counts) < 2:
        raise InputError(f"{path.name} needs at least two passes")
    return np.array(counts, dtype=np.float64), np.array(starts)


def count_passes(starts: Array, reference: tuple[Array, Array]) -> list[int] | None:
    """Count passes from pass 1 of cycle 1, by the straight line through the published pass times.

    Args:
        starts: Pass starts, seconds since 1970.
        reference: Result of :func:`read_reference`.

    Returns:
        The count of each pass, 0 for pass 1 of cycle 1; None when a pass begins more than ``LARGEST_OFFSET``
        seconds from where a published pass would: then the numbers could be wrong.
    """
    counts, times = reference
    interval, _ = np.polyfit(counts, times - times[-1], 1)
    # The line's slope is taken from all passes, its place from the published pass that is nearest in time.
    anchor = int(np.argmin(np.abs(times - starts.mean())))
    exact = counts[anchor] + (starts - times[anchor]) / interval
    nearest = np.rint(exact)
    if np.abs(exact - nearest).max() * interval > LARGEST_OFFSET:
        return None
    return [int(value) for value in nearest]


def split(
    time: Array, latitude: Array, epoch: float, end: float, reference: tuple[Array, Array] | None
) -> list[Pass]:
    """Split a track at its turning points.

    Args:
        time: Times of the samples, seconds after ``epoch``.
        latitude: Latitudes of the samples, degrees.
        epoch: Seconds since 1970 of time 0.
        end: End of the period; passes that begin in [0, end) are returned.
        reference: Published pass times, or None to number relative to the start.

    Returns:
        The passes in the order of time, each whole. They have cycle 0 and the numbers 1, 2, 3 … when there is
        no reference or it does not fit: another orbit, elements that are too old, odd passes that descend.
    """
    turns, rising = turning_points(time, latitude)
    chosen = [i for i in range(len(turns) - 1) if 0 <= turns[i] < end]
    numbers = [(0, i + 1) for i in range(len(chosen))]
    if chosen and reference is not None:
        counts = count_passes(turns[chosen] + epoch, reference)
        if counts and all(rising[i] == (count % 2 == 0) for i, count in zip(chosen, counts, strict=True)):
            numbers = [(count // PASSES_PER_CYCLE + 1, count % PASSES_PER_CYCLE + 1) for count in counts]
    return [
        Pass(cycle, number, rising[i], float(turns[i]), float(turns[i + 1]))
        for i, (cycle, number) in zip(chosen, numbers, strict=True)
    ]
