"""Gather the swaths of all passes into one GeoJSON file and their coverage into one table."""

import argparse
import csv
from datetime import timedelta
from pathlib import Path
from typing import Any

from elements import read_elements
from inputs import InputError, format_utc, parse_utc, read_json, run, write_json

COLUMNS = (
    "cycle", "pass", "direction", "start", "end", "crosses_area", "first", "last", "seconds_in_area",
    "area_km2", "water_share",
)  # fmt: skip


def coverage_rows(passes: list[dict[str, Any]], coverage: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Join the candidate passes with what each covers.

    Args:
        passes: Candidate passes (``split_passes.py``).
        coverage: Totals of the passes whose swath was made (``swath.py``).

    Returns:
        One row a candidate in the order of the passes; passes without a swath have no coverage columns.

    Raises:
        InputError: There is coverage of a pass that is no candidate.
    """
    covered = {(each["cycle"], each["number"]): each for each in coverage}
    rows = []
    for each in passes:
        found = covered.pop((each["cycle"], each["number"]), {})
        row = {**found, **each, "pass": each["number"], "crosses_area": str(each["crosses_area"]).lower()}
        rows.append({column: row.get(column) for column in COLUMNS})
    if covered:
        raise InputError(f"coverage of passes that are no candidates: {sorted(covered)}")
    return rows


def main() -> None:
    """Write the collection and the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("inputs", type=Path, help="JSON with the lists passes, coverage and swaths")
    parser.add_argument("--elements", type=Path, required=True, help="two-line elements that were propagated")
    parser.add_argument("--start", type=parse_utc, required=True, help="start of the period, UTC")
    parser.add_argument("--days", type=float, required=True, help="length of the period, days")
    parser.add_argument("--swaths", type=Path, required=True, help="GeoJSON file to write")
    parser.add_argument("--table", type=Path, required=True, help="CSV file to write")
    arguments = parser.parse_args()

    given = read_json(arguments.inputs)
    features = [feature for path in given["swaths"] for feature in read_json(Path(path))["features"]]
    features.sort(key=lambda feature: (feature["properties"]["first"], feature["properties"]["side"]))
    elements = read_elements(arguments.elements.read_text())[0]
    collection = {
        "type": "FeatureCollection",
        "name": f"{elements.name or elements.catalogue_number} swaths",
        # Members that RFC 7946 calls foreign: readers of GeoJSON pass over them.
        "satellite": elements.name or str(elements.catalogue_number),
        "elements_epoch": format_utc(elements.epoch),
        "period": [format_utc(arguments.start), format_utc(arguments.start + timedelta(days=arguments.days))],
        "features": features,
    }
    write_json(arguments.swaths, collection, indent=None)
    with arguments.table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(coverage_rows(given["passes"], given["coverage"]))


if __name__ == "__main__":
    run("merge_swaths", main)
