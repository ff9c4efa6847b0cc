"""Archives that are sent, and outputs that are delivered."""

from __future__ import annotations

import os
import zipfile
from io import BytesIO
from pathlib import Path

from chronos_plugin.cli.delivery import deliver
from chronos_plugin.client.bundle import pack


def test_equal_bundles_are_equal_archives(tmp_path: Path) -> None:
    (tmp_path / "a.cwl").write_text("a")
    script = tmp_path / "run.sh"
    script.write_text("b")
    script.chmod(0o755)
    files = [tmp_path / "a.cwl", script]
    first = pack(tmp_path, files)
    os.utime(tmp_path / "a.cwl", (1, 1))
    assert pack(tmp_path, files[::-1]) == first
    with zipfile.ZipFile(BytesIO(first)) as archive:
        assert archive.namelist() == ["a.cwl", "run.sh"]
        assert archive.getinfo("run.sh").external_attr >> 16 & 0o100


def test_files_directories_and_clashes(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "data.txt").write_text(folder)
        (tmp_path / folder / "data.txt.idx").write_text(f"{folder} index")

    def file(folder: str) -> dict[str, object]:
        place = tmp_path / folder / "data.txt"
        return {
            "class": "File",
            "location": place.as_uri(),
            "secondaryFiles": [{"class": "File", "location": place.as_uri() + ".idx"}],
        }

    directory = {
        "class": "Directory",
        "location": (tmp_path / "one").as_uri(),
        "listing": [{"class": "File", "location": (tmp_path / "one" / "data.txt").as_uri()}],
    }
    out = tmp_path / "out"
    out.mkdir()
    (out / "data.txt").write_text("of an earlier run")
    result = deliver({"files": [file("one"), file("two"), file("one")], "folder": directory}, out)
    paths = [Path(f["path"]) for f in result["files"]]
    assert [p.name for p in paths] == ["data.txt", "data.txt_2", "data.txt"]
    assert [p.read_text() for p in paths] == ["one", "two", "one"]
    assert Path(result["folder"]["listing"][0]["path"]).read_text() == "one"
    assert (tmp_path / "one" / "data.txt").exists()


def test_outputs_in_a_storage_stay_there(tmp_path: Path) -> None:
    entry = {"class": "File", "location": "s3://bucket/r/a.nc", "secondaryFiles": []}
    assert deliver({"f": entry}, tmp_path / "out") == {"f": entry}
    assert list((tmp_path / "out").iterdir()) == []
