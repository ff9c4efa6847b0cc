"""The CWL files: valid, described, and (slow) run by the reference runner."""

import io
import json
import logging
import os
import re
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

cwltool_main = pytest.importorskip("cwltool.main")

# cwltool leaves the file open that it gives to a tool as standard input.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

CwlTool = Callable[..., tuple[int, dict[str, Any], str]]

DAGS = Path(__file__).parents[2] / "dags"
FILES = sorted(path for path in DAGS.rglob("*.cwl"))
EXAMPLES = sorted((DAGS / "examples").glob("*.cwl"))
DEMO = DAGS / "swot_coverage.cwl"
PACKAGES = ("numpy", "sgp4", "shapely", "netCDF4", "global_land_mask", "matplotlib")


def relative(path: Path) -> str:
    return str(path.relative_to(DAGS))


@pytest.fixture
def cwltool(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> CwlTool:
    """Return a function that runs cwltool in this process: arguments to exit status, outputs and log."""
    # The tools call python3: it must be the one that has the packages of this environment.
    monkeypatch.setenv("PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    monkeypatch.chdir(tmp_path)
    # Whoever used the library before in this process may have made it quiet.
    monkeypatch.setattr(logging.getLogger("cwltool"), "level", logging.INFO)
    logging.getLogger("cwltool").manager._clear_cache()  # type: ignore[attr-defined]

    def run(*arguments: object) -> tuple[int, dict[str, Any], str]:
        out, log = io.StringIO(), io.StringIO()
        handler = logging.StreamHandler(log)
        command = ["--disable-color", *(str(each) for each in arguments)]
        status = cwltool_main.main(command, stdout=out, stderr=log, logger_handler=handler)
        text = out.getvalue()
        return status, json.loads(text) if text.startswith("{") else {}, log.getvalue()

    return run


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_valid(path: Path, cwltool: CwlTool) -> None:
    status, _, log = cwltool("--validate", path)
    assert status == 0, log
    if path.name != "retries_and_limits.cwl":  # its hint is known to CHRONOS only
        assert "WARNING" not in log


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_everything_that_the_interface_shows_is_described(path: Path) -> None:
    document = yaml.safe_load(path.read_text())
    assert document["cwlVersion"] == "v1.2"
    described = {"file": document}
    for part in ("inputs", "outputs", "steps"):
        described |= {f"{part}.{name}": each for name, each in document.get(part, {}).items()}
    missing = [name for name, each in described.items() if not (each.get("label") and each.get("doc"))]
    assert missing == []


@pytest.mark.parametrize("path", EXAMPLES, ids=relative)
def test_examples_explain_themselves_and_need_no_input(path: Path) -> None:
    document = yaml.safe_load(path.read_text())
    assert document["class"] == "Workflow"
    assert 2 <= len(document["doc"].strip().splitlines()) <= 6
    assert all("default" in each for each in document["inputs"].values())


def test_the_job_file_repeats_the_defaults() -> None:
    job = yaml.safe_load((DAGS / "swot_coverage.job.yaml").read_text())
    inputs = yaml.safe_load(DEMO.read_text())["inputs"]
    assert job == {name: each["default"] for name, each in inputs.items()}


def test_programs_name_all_modules_that_they_import() -> None:
    """A module that is not listed beside its program would be missing where files are staged."""
    modules = {path.stem for path in (DAGS / "swot/programs").glob("*.py")}
    for path in sorted((DAGS / "swot").glob("*.cwl")):
        program = yaml.safe_load(path.read_text()).get("inputs", {}).get("program")
        if program is None:
            continue
        listed = {Path(each["location"]).stem for each in program["default"]["secondaryFiles"]}
        needed: set[str] = set()
        todo = {Path(program["default"]["location"]).stem}
        while todo:
            text = (DAGS / "swot/programs" / f"{todo.pop()}.py").read_text()
            found = set(re.findall(r"^(?:from|import) (\w+)", text, re.MULTILINE)) & modules
            todo |= found - needed
            needed |= found
        assert listed == needed, path.name


def test_software_requirements_name_what_is_imported() -> None:
    """The packages in the hints are the ones that program and modules import."""
    names = {"netCDF4": "netcdf4", "global_land_mask": "global-land-mask"}
    for path in sorted((DAGS / "swot").glob("*.cwl")):
        document = yaml.safe_load(path.read_text())
        if document["class"] != "CommandLineTool":
            continue
        default = document["inputs"]["program"]["default"]
        files = [default["location"], *(each["location"] for each in default["secondaryFiles"])]
        text = "\n".join((DAGS / "swot" / each).read_text() for each in files)
        mentioned = {each for each in PACKAGES if re.search(rf"^(from|import) {each}\b", text, re.MULTILINE)}
        if 'find_spec("global_land_mask")' in text:
            mentioned.add("global_land_mask")
        used = {names.get(each, each) for each in mentioned}
        listed = set(document["hints"]["SoftwareRequirement"]["packages"])
        assert listed == (used or {"python"}), path.name


EXPECTED: dict[str, dict[str, Any]] = {
    "conditional": {
        "report": "processed in near real time",
        "tiles": ["tile with 70 % water", "tile with 95 % water"],
    },
    "javascript": {"minutes": 102.79, "report": "102.79 minutes, 14 revolutions a day"},
    "scatter": {
        "pairs": ["16_307", "17_12", "18_584"],
        "combinations": [["16_Ka", "16_Ku"], ["17_Ka", "17_Ku"], ["18_Ka", "18_Ku"]],
    },
    "subworkflow": {"sentences": ["orbit has 5 letters", "pass has 4 letters", "swath has 5 letters"]},
}


@pytest.mark.slow
@pytest.mark.parametrize("path", EXAMPLES, ids=relative)
def test_examples_run(path: Path, cwltool: CwlTool, tmp_path: Path) -> None:
    status, outputs, log = cwltool("--no-container", "--outdir", tmp_path / "out", path)
    assert status == 0, log
    assert None not in outputs.values()
    if path.stem in EXPECTED:
        assert outputs == EXPECTED[path.stem]
    if path.stem == "files":
        product = {each["basename"]: each for each in outputs["product"]["listing"]}
        assert sorted(product) == ["description.txt", "image.bil", "image.hdr"]
        assert product["image.bil"]["size"] == outputs["image"]["size"] + 3


@pytest.mark.slow
def test_conditional_takes_the_other_branch(cwltool: CwlTool) -> None:
    _, outputs, _ = cwltool(DAGS / "examples/conditional.cwl", "--age_days", 5)
    assert outputs["report"] == "reprocessed with final orbits"


def needs_demo_packages() -> pytest.MarkDecorator:
    missing = [each for each in PACKAGES if find_spec(each) is None]
    return pytest.mark.skipif(bool(missing), reason=f"needs {', '.join(missing)}")


@pytest.mark.slow
@needs_demo_packages()
def test_a_short_demo_run_repeats(cwltool: CwlTool, tmp_path: Path) -> None:
    runs = []
    for name in ("first", "second"):
        status, outputs, log = cwltool("--outdir", tmp_path / name, DEMO, "--days", 1.0, "--spacing", 0.25)
        assert status == 0, log
        runs.append({key: each["checksum"] for key, each in outputs.items() if "checksum" in each})
    assert runs[0] == runs[1]
    assert set(runs[0]) == {"swaths", "passes", "grid", "map", "summary"}


@pytest.mark.slow
@needs_demo_packages()
def test_the_demo_shows_one_cycle(cwltool: CwlTool, tmp_path: Path) -> None:
    status, outputs, log = cwltool("--outdir", tmp_path / "out", DEMO, DAGS / "swot_coverage.job.yaml")
    assert status == 0, log
    figures = outputs["figures"]
    assert (figures["passes"], figures["candidates"], figures["passes_over_area"]) == (584, 57, 37)
    assert 0.95 < figures["observed_share"] < 0.98
    assert 1.8 < figures["mean_revisits"] < 2.1
    assert outputs["statement"].startswith("SWOT sees 96")
    # 37 swaths and 8 other tools; the expression tool makes it 46 executions, and 20 candidates are skipped.
    assert len(re.findall(r"\[job [^]]*\] completed success", log)) == 45


@pytest.mark.slow
@needs_demo_packages()
def test_a_period_without_a_pass_and_without_a_map(cwltool: CwlTool, tmp_path: Path) -> None:
    area = tmp_path / "area.geojson"
    corners = [[4, 38], [4.3, 38], [4.3, 38.2], [4, 38]]
    area.write_text(json.dumps({"type": "Polygon", "coordinates": [corners]}))
    job = tmp_path / "job.json"
    job.write_text(json.dumps({"days": 0.2, "draw_map": False, "area": {"class": "File", "path": str(area)}}))
    status, outputs, log = cwltool("--outdir", tmp_path / "out", DEMO, job)
    assert status == 0, log
    assert outputs["map"] is None
    assert outputs["figures"]["passes_over_area"] == 0
