"""Choose the published two-line element set that is nearest to the start of a period."""

import argparse
import sys
from pathlib import Path

from elements import nearest, read_elements
from inputs import format_utc, parse_utc, run


def main() -> None:
    """Write the chosen set to ``--output``; warn on standard error when it is far from the start."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tle", type=Path, help="file of two-line element sets")
    parser.add_argument("--satellite", type=int, required=True, help="NORAD catalogue number")
    parser.add_argument("--start", type=parse_utc, required=True, help="start of the period, UTC")
    parser.add_argument("--warn-days", type=float, default=14.0, help="largest distance of the epoch, days")
    parser.add_argument("--output", type=Path, required=True, help="file to write")
    arguments = parser.parse_args()

    chosen = nearest(read_elements(arguments.tle.read_text()), arguments.satellite, arguments.start)
    distance = (chosen.epoch - arguments.start).total_seconds() / 86400
    side = "after" if distance > 0 else "before"
    sys.stderr.write(f"elements of {format_utc(chosen.epoch)}, {abs(distance):.1f} days {side} the start\n")
    if abs(distance) > arguments.warn_days:
        sys.stderr.write(
            f"WARNING: the nearest elements are {abs(distance):.0f} days away; the orbit can be off by many "
            "kilometres. Add elements published nearer to the start to the file.\n"
        )
    arguments.output.write_text(chosen.text())


if __name__ == "__main__":
    run("select_elements", main)
