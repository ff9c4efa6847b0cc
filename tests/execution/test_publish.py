"""Outputs in their place: complete or not at all, never shared with somebody else's files."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from chronos_plugin.errors import RunFailed
from chronos_plugin.execution.publish import publish


@pytest.fixture
def owned(tmp_path: Path) -> Path:
    """The folder of a run."""
    folder = tmp_path / "work" / "run"
    folder.mkdir(parents=True)
    return folder


def file(path: Path, text: str = "text", **more: Any) -> dict[str, Any]:
    """Write a file and return its object."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return {"class": "File", "location": path.as_uri(), "basename": path.name, **more}


def path_of(entry: dict[str, Any]) -> Path:
    """Return the path of a File or Directory object."""
    return Path(unquote(urlsplit(entry["location"]).path))


def test_own_files_are_linked_and_others_copied(owned: Path, tmp_path: Path) -> None:
    outputs = {"own": file(owned / "own.nc"), "given": file(tmp_path / "inputs" / "given.nc")}
    published = publish(outputs, tmp_path / "published", owned)
    assert os.path.samefile(path_of(published["own"]), owned / "own.nc")
    assert not os.path.samefile(path_of(published["given"]), tmp_path / "inputs" / "given.nc")
    assert path_of(published["given"]) == tmp_path / "published" / "given.nc"
    assert path_of(published["given"]).read_text() == "text"


def test_symbolic_link_to_an_input_is_copied_not_linked(owned: Path, tmp_path: Path) -> None:
    """A tool may link its input into its outputs; the product must not change with the user's file."""
    given = tmp_path / "inputs" / "given.nc"
    file(given)
    (owned / "out.nc").symlink_to(given)
    outputs = {"out": {"class": "File", "location": (owned / "out.nc").as_uri(), "basename": "out.nc"}}
    published = path_of(publish(outputs, tmp_path / "published", owned)["out"])
    assert not published.is_symlink()
    assert not os.path.samefile(published, given)
    assert published.read_text() == "text"


def test_sizes_and_checksums_are_those_of_the_published_file(owned: Path, tmp_path: Path) -> None:
    published = publish({"f": file(owned / "a")}, tmp_path / "published", owned)["f"]
    assert published["size"] == 4
    assert published["checksum"] == "sha1$" + hashlib.sha1(b"text").hexdigest()
    assert not {"path", "dirname", "nameroot", "nameext", "contents"} & set(published)


def test_two_files_of_one_name_both_stay(owned: Path, tmp_path: Path) -> None:
    outputs = {"fs": [file(owned / "1" / "a.txt", "one"), file(owned / "2" / "a.txt", "two")]}
    published = publish(outputs, tmp_path / "published", owned)["fs"]
    assert [path_of(f).read_text() for f in published] == ["one", "two"]
    assert {f["basename"] for f in published} == {path_of(f).name for f in published}
    assert len({path_of(f) for f in published}) == 2


def test_one_file_named_twice_is_published_once(owned: Path, tmp_path: Path) -> None:
    entry = file(owned / "a.txt")
    published = publish({"x": entry, "y": [dict(entry)]}, tmp_path / "published", owned)
    assert published["x"]["location"] == published["y"][0]["location"]
    assert [p.name for p in (tmp_path / "published").iterdir()] == ["a.txt"]


def test_secondary_files_stay_beside_their_file(owned: Path, tmp_path: Path) -> None:
    primary = file(owned / "a.nc", secondaryFiles=[file(owned / "a.nc.idx", "index")])
    published = publish({"f": primary}, tmp_path / "published", owned)["f"]
    index = published["secondaryFiles"][0]
    assert path_of(index) == path_of(published).with_name("a.nc.idx")
    assert path_of(index).read_text() == "index"
    assert index["checksum"].startswith("sha1$")


def test_directory_is_published_with_all_that_is_in_it(owned: Path, tmp_path: Path) -> None:
    file(owned / "d" / "deep" / "a.txt")
    (owned / "d" / "empty").mkdir()
    outputs = {"d": {"class": "Directory", "location": (owned / "d").as_uri(), "basename": "d"}}
    published = publish(outputs, tmp_path / "published", owned)["d"]
    assert (path_of(published) / "deep" / "a.txt").read_text() == "text"
    assert (path_of(published) / "empty").is_dir()
    listing = {entry["basename"]: entry for entry in published["listing"]}
    assert set(listing) == {"deep", "empty"}
    assert path_of(listing["deep"]["listing"][0]) == path_of(published) / "deep" / "a.txt"


def test_literals_become_files(owned: Path, tmp_path: Path) -> None:
    outputs = {
        "f": {"class": "File", "basename": "note.txt", "contents": "a note", "location": "_:1"},
        "d": {
            "class": "Directory",
            "basename": "d",
            "location": "_:2",
            "listing": [file(owned / "made.txt")],
        },
    }
    published = publish(outputs, tmp_path / "published", owned)
    assert path_of(published["f"]).read_text() == "a note"
    assert "contents" not in published["f"]
    assert (path_of(published["d"]) / "made.txt").read_text() == "text"


@pytest.mark.parametrize("name", ["with space.txt", "hash#1.txt", "per%20cent.txt", "ü.txt", "a+b&c.txt"])
def test_any_file_name(owned: Path, tmp_path: Path, name: str) -> None:
    published = publish({"f": file(owned / name)}, tmp_path / "published", owned)["f"]
    assert path_of(published) == tmp_path / "published" / name
    assert path_of(published).read_text() == "text"
    assert published["basename"] == name


def test_what_was_there_is_replaced_as_a_whole(owned: Path, tmp_path: Path) -> None:
    folder = tmp_path / "published"
    publish({"f": file(owned / "old.txt")}, folder, owned)
    publish({"f": file(owned / "new.txt")}, folder, owned)
    assert [p.name for p in folder.iterdir()] == ["new.txt"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["published", "work"]


@pytest.mark.parametrize("kind", ["File", "Directory"])
def test_failure_leaves_what_was_there(owned: Path, tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "published"
    publish({"f": file(owned / "old.txt")}, folder, owned)
    missing = {"class": kind, "location": (owned / "gone").as_uri(), "basename": "gone"}
    with pytest.raises(RunFailed, match="gone"):
        publish({"a": file(owned / "a.txt"), "f": missing}, folder, owned)
    assert [p.name for p in folder.iterdir()] == ["old.txt"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["published", "work"]


def test_values_without_files_pass_unchanged_and_the_input_is_not_altered(
    owned: Path, tmp_path: Path
) -> None:
    outputs = {"n": 1, "s": None, "r": {"x": [True, "t"]}, "f": file(owned / "a")}
    before = repr(outputs)
    published = publish(outputs, tmp_path / "published", owned)
    assert repr(outputs) == before
    assert {k: published[k] for k in ("n", "s", "r")} == {"n": 1, "s": None, "r": {"x": [True, "t"]}}


def test_published_files_survive_the_removal_of_the_run(owned: Path, tmp_path: Path) -> None:
    published = publish({"f": file(owned / "a")}, tmp_path / "published", owned)
    (owned / "a").unlink()
    assert path_of(published["f"]).read_text() == "text"
