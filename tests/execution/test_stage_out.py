"""Outputs sent to a storage: all of them, the output object last, what was there before gone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chronos_plugin.data.access import DataOptions
from chronos_plugin.data.location import Location, parse
from chronos_plugin.errors import RunFailed
from chronos_plugin.execution.stage_out import MANIFEST, output_place

Launch = Callable[..., Any]

PRODUCTS = """\
cwlVersion: v1.2
class: CommandLineTool
requirements: {ShellCommandRequirement: {}, InlineJavascriptRequirement: {}}
inputs: {words: "string[]", given: File?}
arguments:
  - {shellQuote: false, valueFrom: "mkdir -p d/deep e; for w in $(inputs.words.join(' ')); do echo $w > $w.nc; echo i > $w.nc.idx; done; echo x > 'd/deep/a b#1.txt'"}
outputs:
  files: {type: "File[]", secondaryFiles: [.idx], outputBinding: {glob: "*.nc"}}
  folder: {type: Directory, outputBinding: {glob: d}}
  given_again: {type: File?, outputBinding: {outputEval: $(inputs.given)}}
  count: {type: int, outputBinding: {outputEval: $(inputs.words.length)}}
"""


def s3_options(s3: Any) -> DataOptions:
    return DataOptions(pause=0.01, timeout=10, storage_options=lambda _: s3.options)


def keys(s3: Any) -> dict[str, bytes]:
    found = s3.client.list_objects_v2(Bucket=s3.bucket).get("Contents", [])
    return {o["Key"]: s3.client.get_object(Bucket=s3.bucket, Key=o["Key"])["Body"].read() for o in found}


def test_files_and_output_object(launch: Launch, s3: Any) -> None:
    place = parse(f"s3://{s3.bucket}/runs/r 1")
    ended = launch(PRODUCTS, {"words": ["one", "two"]}, data=s3_options(s3), place=place)
    there = keys(s3)
    assert set(there) == {
        *(f"runs/r 1/{name}" for name in ("one.nc", "one.nc.idx", "two.nc", "two.nc.idx")),
        "runs/r 1/d/deep/a b#1.txt",
        f"runs/r 1/{MANIFEST}",
    }
    assert there["runs/r 1/one.nc"] == b"one\n"
    first = ended.outputs["files"][0]
    assert first["location"] == f"s3://{s3.bucket}/runs/r%201/one.nc"
    assert first["secondaryFiles"][0]["location"] == f"s3://{s3.bucket}/runs/r%201/one.nc.idx"
    assert first["checksum"] == "sha1$" + hashlib.sha1(b"one\n").hexdigest()
    assert first["size"] == 4
    assert ended.outputs["folder"]["location"] == f"s3://{s3.bucket}/runs/r%201/d"
    assert ended.outputs["count"] == 2
    assert json.loads(there[f"runs/r 1/{MANIFEST}"]) == ended.outputs
    assert json.loads((ended.run.store.root / "outputs.json").read_text()) == ended.outputs


def test_outputs_are_inputs_of_another_run(launch: Launch, s3: Any) -> None:
    data = s3_options(s3)
    first = launch(PRODUCTS, {"words": ["one"]}, data=data, place=parse(f"s3://{s3.bucket}/r1"))
    given = first.outputs["files"][0]
    second = launch(PRODUCTS, {"words": [], "given": given}, data=data, place=parse(f"s3://{s3.bucket}/r2"))
    again = second.outputs["given_again"]
    assert again["location"] == f"s3://{s3.bucket}/r2/one.nc"
    assert again["checksum"] == given["checksum"]
    assert keys(s3)["r2/one.nc"] == b"one\n"


def test_a_new_publication_replaces_the_one_before(launch: Launch, s3: Any) -> None:
    data, place = s3_options(s3), parse(f"s3://{s3.bucket}/r")
    s3.client.put_object(Bucket=s3.bucket, Key="r/not-ours", Body=b"")
    launch(PRODUCTS, {"words": ["one", "two"]}, data=data, place=place)
    launch(PRODUCTS, {"words": ["two", "three"]}, data=data, place=place)
    names = {key.removeprefix("r/") for key in keys(s3)}
    assert {"two.nc", "three.nc", "three.nc.idx", "not-ours", MANIFEST} <= names
    assert not {"one.nc", "one.nc.idx"} & names


def test_what_an_earlier_try_has_sent_is_not_sent_again(
    launch: Launch, s3: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "chronos.data")
    data, place = s3_options(s3), parse(f"s3://{s3.bucket}/r")
    launch(PRODUCTS, {"words": ["one"]}, data=data, place=place)
    caplog.clear()
    launch(PRODUCTS, {"words": ["one"]}, data=data, place=place)
    assert f"s3://{s3.bucket}/r/one.nc: sent by an earlier try" in caplog.text


def test_failure_leaves_no_output_object(launch: Launch, web: Any) -> None:
    place = parse(f"{web.base}/r")
    data = DataOptions(pause=0.01, retries=0, timeout=10, parallel=1)
    launch(PRODUCTS, {"words": ["one"]}, data=data, place=place)
    assert json.loads(web.files[f"/r/{MANIFEST}"])["count"] == 1
    web.read_only = True
    with pytest.raises(RunFailed, match=f"cannot be sent to {web.base}/r"):
        launch(PRODUCTS, {"words": ["two"]}, data=data, place=place)
    assert f"/r/{MANIFEST}" not in web.files


def test_an_output_may_not_have_the_name_of_the_list(launch: Launch, s3: Any) -> None:
    text = (
        "cwlVersion: v1.2\nclass: CommandLineTool\nbaseCommand: [echo, x]\ninputs: []\n"
        f"outputs: {{o: stdout}}\nstdout: {MANIFEST}\n"
    )
    with pytest.raises(RunFailed, match="another name"):
        launch(text, data=s3_options(s3), place=parse(f"s3://{s3.bucket}/r"))
    assert keys(s3) == {}


@pytest.mark.gfal2
@pytest.mark.parametrize("protocol", ["root", "davs", "gsiftp"])
def test_grid_storage(launch: Launch, grid: Any, protocol: str, caplog: pytest.LogCaptureFixture) -> None:
    """Products are sent; an input that is an output is copied by the storage itself."""
    caplog.set_level("INFO", "chronos.data")
    home = parse(getattr(grid, protocol))
    (grid.folder / "given.nc").write_text("given")
    data = DataOptions(timeout=30, storage_options=grid.options)
    place = home.child(f"out-{protocol}")
    ended = launch(PRODUCTS, {"words": ["one"], "given": str(home.child("given.nc"))}, data=data, place=place)
    folder = grid.folder / f"out-{protocol}"
    assert (folder / "one.nc").read_text() == "one\n"
    assert (folder / "d" / "deep" / "a b#1.txt").read_text() == "x\n"
    assert (folder / "given.nc").read_text() == "given"
    assert ended.outputs["given_again"]["location"] == str(place.child("given.nc"))
    assert ended.outputs["given_again"]["size"] == 5
    assert json.loads((folder / MANIFEST).read_text()) == ended.outputs
    assert "copied (by the storages" in caplog.text


def test_places_of_runs() -> None:
    run = ("dag", "manual__2026-01-01T00:00:00+00:00")
    assert output_place(Path("/o"), "", *run) == Path("/o/dag/manual__2026-01-01T00:00:00+00:00")
    there = output_place(Path("/o"), "s3://bucket/prefix/", *run)
    assert isinstance(there, Location)
    assert there.key == "prefix/dag/manual__2026-01-01T00:00:00+00:00"
