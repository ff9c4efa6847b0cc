"""What the tests of the demo chain share: its programs as modules, and a short chain run in-process."""

import json
import os
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

DAGS = Path(__file__).parents[2] / "dags"
PROGRAMS = DAGS / "swot" / "programs"
DATA = DAGS / "swot" / "data"
START = "2026-10-01T15:30:00Z"

# The programs import each other by their plain names, as they do where a step runs them.
sys.path.append(str(PROGRAMS))

Call = Callable[..., None]
RunChain = Callable[[Path, float, float], None]


@pytest.fixture(scope="session")
def call() -> Call:
    """Return a function that runs a program's ``main`` in a folder, with arguments as on the command line."""

    def run(folder: Path, program: str, *arguments: object) -> None:
        module = import_module(program)
        before, argv = Path.cwd(), sys.argv
        os.chdir(folder)
        sys.argv = [f"{program}.py", *(str(each) for each in arguments)]
        try:
            module.main()
        finally:
            os.chdir(before)
            sys.argv = argv

    return run


@pytest.fixture(scope="session")
def run_chain(call: Call) -> RunChain:
    """Return a function that runs all programs of the chain in a folder, as the workflow connects them."""
    for package in ("numpy", "sgp4", "shapely", "netCDF4", "global_land_mask"):
        _skip_without(package)

    def run(folder: Path, days: float, spacing: float) -> None:
        area, period = DATA / "western_mediterranean.geojson", ("--start", START, "--days", days)
        satellite = ("--satellite", 54754)
        call(folder, "select_elements", DATA / "swot.tle", *satellite, *period[:2], "--output", "e.tle")
        call(folder, "propagate", "e.tle", *period, "--output", "orbit.nc")
        reference = ("--reference", DATA / "reference_passes.csv")
        call(folder, "split_passes", "orbit.nc", area, *reference, "--output", "passes.json")
        call(folder, "extract_land", area, "--block", 4, "--output", "land.bil")
        listed = json.loads((folder / "passes.json").read_text())["passes"]
        lists: dict[str, list[Any]] = {"passes": listed, "coverage": [], "swaths": []}
        for each in [each for each in listed if each["crosses_area"]]:
            name = f"{each['cycle']:03d}_{each['number']:05d}"
            number = ("--cycle", each["cycle"], "--number", each["number"], "--direction", each["direction"])
            files = ("--swath", f"swath_{name}.geojson", "--coverage", f"coverage_{name}.json")
            call(folder, "swath", f"track_{name}.csv", area, "land.bil", *number, *files)
            lists["coverage"].append(json.loads((folder / files[3]).read_text()))
            lists["swaths"].append(files[1])
        (folder / "lists.json").write_text(json.dumps(lists))
        results = ("--swaths", "swaths.geojson", "--table", "passes.csv")
        call(folder, "merge_swaths", "lists.json", "--elements", "e.tle", *period, *results)
        grid = ("--spacing", spacing, "--output", "revisit.nc")
        call(folder, "revisit_grid", "swaths.geojson", area, "land.bil", *grid)
        call(folder, "coverage_statistics", "revisit.nc", "swaths.geojson", "--output", "summary.json")

    return run


@pytest.fixture(scope="session")
def chain(tmp_path_factory: pytest.TempPathFactory, run_chain: RunChain) -> Path:
    """Return a folder with the results of one day on a coarse grid."""
    folder = tmp_path_factory.mktemp("chain")
    run_chain(folder, 1.0, 0.25)
    return folder


def _skip_without(package: str) -> None:
    # Looked up and not imported: importing the land mask loads the whole globe.
    if find_spec(package) is None:
        pytest.skip(f"needs {package}")
