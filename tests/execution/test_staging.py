"""Inputs in other places: refused when the run opens, fetched before the step, named by their URI."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from chronos_plugin.data.access import DataOptions
from chronos_plugin.data.location import parse
from chronos_plugin.errors import InputInvalid, RunFailed, StepFailed, TransferFailed

Launch = Callable[..., Any]

CAT = """\
cwlVersion: v1.2
class: CommandLineTool
requirements: {InlineJavascriptRequirement: {}, ShellCommandRequirement: {}}
baseCommand: cat
inputs:
  v: {type: File, inputBinding: {}}
outputs:
  said: {type: string, outputBinding: {glob: out, loadContents: true, outputEval: "$(self[0].contents)"}}
stdout: out
"""

SECONDARY = """\
cwlVersion: v1.2
class: CommandLineTool
requirements: {ShellCommandRequirement: {}}
inputs:
  v: {type: File, secondaryFiles: [{pattern: .idx, required: REQUIRED}, {pattern: "^.xml", required: false}]}
arguments: [{shellQuote: false, valueFrom: "ls $(inputs.v.dirname)"}]
outputs: {said: {type: stdout}}
stdout: out
"""

CHAIN = """\
cwlVersion: v1.2
class: Workflow
requirements: {ScatterFeatureRequirement: {}, StepInputExpressionRequirement: {}, InlineJavascriptRequirement: {}}
inputs: {vs: "File[]"}
outputs:
  all: {type: "File[]", outputSource: copy/out}
  same: {type: "File[]", outputSource: vs}
steps:
  copy:
    scatter: v
    in: {v: vs}
    out: [out]
    run:
      class: CommandLineTool
      baseCommand: cat
      inputs: {v: {type: File, inputBinding: {}}}
      outputs: {out: stdout}
      stdout: $(inputs.v.nameroot).txt
"""


def options(**more: Any) -> DataOptions:
    return DataOptions(**{"pause": 0.01, "timeout": 10, **more})


def text_of(entry: dict[str, Any]) -> str:
    return Path(unquote(urlsplit(entry["location"]).path)).read_text()


def test_file_by_uri(launch: Launch, web: Any, tmp_path: Path) -> None:
    web.files["/d/a b.txt"] = b"content"
    cache = options(cache=tmp_path / "cache")
    ended = launch(CAT, {"v": f"{web.base}/d/a b.txt"}, data=cache)
    assert ended.outputs == {"said": "content"}
    result = json.loads(next((ended.run.store.root / "state").rglob("result.json")).read_text())
    assert result["inputs"]["v"]["location"] == f"{web.base}/d/a%20b.txt"
    opened = json.loads((ended.run.store.root / "inputs.json").read_text())
    assert opened["v"]["size"] == 7
    assert opened["v"]["basename"] == "a b.txt"


def test_the_same_file_is_fetched_once_for_all(launch: Launch, web: Any, tmp_path: Path) -> None:
    web.files.update({f"/{n}.bin": b"%d" % n for n in range(5)})
    cache = options(cache=tmp_path / "cache")
    uris = [f"{web.base}/{n}.bin" for n in range(5)] * 2
    ended = launch(CHAIN, {"vs": uris}, data=cache, parallel=4)
    assert [text_of(f) for f in ended.outputs["all"]] == ["0", "1", "2", "3", "4"] * 2
    assert [text_of(f) for f in ended.outputs["same"]] == ["0", "1", "2", "3", "4"] * 2
    assert all(web.gets(f"/{n}.bin") == [""] for n in range(5))
    # The product is not the cache's file.
    published = Path(unquote(urlsplit(ended.outputs["same"][0]["location"]).path))
    assert not any(os.path.samefile(published, p) for p in (tmp_path / "cache" / "content").rglob("*"))
    assert published.stat().st_mode & 0o200


def test_every_missing_file_is_named_before_anything_runs(launch: Launch, web: Any, tmp_path: Path) -> None:
    web.files["/there"] = b""
    values = [f"{web.base}/{name}" for name in ("gone1", "there", "gone2")]
    with pytest.raises(InputInvalid) as raised:
        launch(CHAIN, {"vs": values}, data=options())
    lines = str(raised.value).splitlines()
    assert [line.startswith("input 'vs': ") for line in lines] == [True, True]
    assert "gone1" in lines[0]
    assert "gone2" in lines[1]
    assert not (tmp_path / "work" / "dag" / "run" / "inputs.json").exists()


def test_every_missing_path_is_named(launch: Launch, tmp_path: Path) -> None:
    (tmp_path / "there").touch()
    values = [str(tmp_path / name) for name in ("gone1", "there", "gone2")]
    with pytest.raises(InputInvalid, match=r"(?s)gone1 is not there.*gone2 is not there"):
        launch(CHAIN, {"vs": values})


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"size": 3}, "has 7 bytes, the input object says 3"),
        ({"location": "ftp://host/x"}, "no transport for 'ftp:'"),
        ({"location": "https://u:p@host/x"}, "data_connections"),
        ({"class": "Directory"}, "no listing"),
    ],
)
def test_what_cannot_be_used_is_refused(launch: Launch, web: Any, entry: dict[str, Any], reason: str) -> None:
    web.files["/a"] = b"content"
    kind = entry.get("class", "File")
    text = (
        "cwlVersion: v1.2\nclass: ExpressionTool\nrequirements: {InlineJavascriptRequirement: {}}\n"
        f"inputs: {{v: {kind}}}\noutputs: {{}}\nexpression: '${{return {{}};}}'\n"
    )
    with pytest.raises(InputInvalid, match=reason):
        launch(text, {"v": {"class": "File", "location": f"{web.base}/a", **entry}}, data=options())


def test_a_storage_that_gives_no_answer_is_no_wrong_input(launch: Launch, web: Any) -> None:
    """A later try may find it: Airflow retries the task, as it does not with wrong inputs."""
    web.refuse = [503] * 10
    with pytest.raises(TransferFailed, match=r"input 'v'.*503"):
        launch(CAT, {"v": f"{web.base}/a"}, data=options(retries=1))


def test_checksum_of_the_input_object(launch: Launch, web: Any) -> None:
    web.files["/a"] = b"content"
    right = "sha1$" + hashlib.sha1(b"content").hexdigest()
    value = {"class": "File", "location": f"{web.base}/a", "checksum": right}
    assert launch(CAT, {"v": value}, data=options()).outputs == {"said": "content"}
    with pytest.raises(StepFailed, match="not the file that the input object means"):
        launch(CAT, {"v": {**value, "checksum": "sha1$" + "0" * 40}}, data=options())


def test_a_file_that_changes_during_the_run_fails_the_step(launch: Launch, web: Any) -> None:
    class Changing(dict[str, bytes]):
        def __getitem__(self, key: str) -> bytes:
            return b"content" if len(web.asked) == 1 else b"longer content"

    web.files = Changing({"/a": b""})
    with pytest.raises(StepFailed, match="start a new run"):
        launch(CHAIN, {"vs": [f"{web.base}/a"]}, data=options())


@pytest.mark.parametrize("required", ["true", "false"])
def test_secondary_files_are_found_beside_the_primary(launch: Launch, web: Any, required: str) -> None:
    web.files.update({"/d/a.nc": b"", "/d/a.nc.idx": b"", "/d/a.xml": b"", "/d/b.nc": b""})
    text = SECONDARY.replace("REQUIRED", required)
    ended = launch(text, {"v": f"{web.base}/d/a.nc"}, data=options())
    assert text_of(ended.outputs["said"]).split() == ["a.nc", "a.nc.idx", "a.xml"]
    if required == "true":
        with pytest.raises(InputInvalid, match=r"b\.nc\.idx"):
            launch(text, {"v": f"{web.base}/d/b.nc"}, data=options())
    else:
        ended = launch(text, {"v": f"{web.base}/d/b.nc"}, data=options())
        assert text_of(ended.outputs["said"]).split() == ["b.nc"]


def test_secondary_files_of_many_are_asked_for_at_a_time(launch: Launch, web: Any) -> None:
    names = [f"/d/{n}.nc" for n in range(12)]
    web.files.update({name + more: b"" for name in names for more in ("", ".idx")})
    web.head_pause, web.most = 0.02, 0
    text = SECONDARY.replace("REQUIRED", "true").replace("type: File,", 'type: "File[]",')
    text = text.replace("$(inputs.v.dirname)", "$(inputs.v[0].dirname)")
    launch(text, {"v": [web.base + name for name in names]}, data=options(parallel=4))
    assert {path for method, path, _ in web.asked if method == "GET"} == set(web.files)
    # Each is asked for once when the run opens and once when it is fetched, some while others are.
    heads = [path for method, path, _ in web.asked if method == "HEAD" and path.endswith(".idx")]
    assert len(heads) == len(set(heads)) + 12
    # A request that has been answered may be counted a moment longer.
    assert 1 < web.most <= 5


def test_contents_and_defaults_of_remote_files(launch: Launch, web: Any) -> None:
    web.files["/a.json"] = b'{"n": 41}'
    text = f"""\
cwlVersion: v1.2
class: Workflow
requirements: {{StepInputExpressionRequirement: {{}}, InlineJavascriptRequirement: {{}}}}
inputs:
  f: {{type: File, default: {{class: File, location: "{web.base}/a.json"}}}}
outputs: {{n: {{type: int, outputSource: add/n}}}}
steps:
  add:
    in:
      n: {{source: f, loadContents: true, valueFrom: "$(JSON.parse(self.contents).n + 1)"}}
    out: [n]
    run:
      class: ExpressionTool
      inputs: {{n: int}}
      outputs: {{n: int}}
      expression: "$({{n: inputs.n}})"
"""
    assert launch(text, data=options()).outputs == {"n": 42}
    web.files.clear()
    with pytest.raises((InputInvalid, RunFailed), match="no such file"):
        launch(text, data=options())


def test_directory_of_a_store(launch: Launch, s3: Any) -> None:
    for key in ("d/a.txt", "d/sub/b.txt", "e"):
        s3.client.put_object(Bucket=s3.bucket, Key=key, Body=key.encode())
    text = """\
cwlVersion: v1.2
class: CommandLineTool
requirements: {ShellCommandRequirement: {}}
inputs: {v: Directory}
arguments: [{shellQuote: false, valueFrom: "cd $(inputs.v.path) && cat a.txt sub/b.txt"}]
outputs: {said: {type: stdout}}
stdout: out
"""
    data = options(storage_options=lambda _: s3.options)
    ended = launch(text, {"v": f"s3://{s3.bucket}/d"}, data=data)
    assert text_of(ended.outputs["said"]) == "d/a.txtd/sub/b.txt"
    with pytest.raises(InputInvalid, match=r"a file, and a Directory|no such object"):
        launch(text, {"v": f"s3://{s3.bucket}/e"}, data=data)
    with pytest.raises(InputInvalid, match="no such object"):
        launch(text, {"v": f"s3://{s3.bucket}/none"}, data=data)


def test_a_directory_is_no_file(launch: Launch, s3: Any) -> None:
    s3.client.put_object(Bucket=s3.bucket, Key="d/a", Body=b"")
    with pytest.raises(InputInvalid, match="a folder, and a File"):
        launch(CAT, {"v": f"s3://{s3.bucket}/d"}, data=options(storage_options=lambda _: s3.options))


@pytest.mark.gfal2
@pytest.mark.parametrize("protocol", ["root", "davs", "gsiftp"])
def test_grid_storage(launch: Launch, grid: Any, protocol: str) -> None:
    (grid.folder / "in").mkdir(exist_ok=True)
    (grid.folder / "in" / "a.txt").write_text("from the grid")
    uri = str(parse(getattr(grid, protocol)).child("in/a.txt"))
    ended = launch(CAT, {"v": uri}, data=options(storage_options=grid.options))
    assert ended.outputs == {"said": "from the grid"}


def test_only_from_allowed_places(launch: Launch, web: Any) -> None:
    web.files["/a"] = b""
    with pytest.raises(InputInvalid, match="input_uris"):
        launch(CAT, {"v": f"{web.base}/a"}, data=options(allowed=("https://data.example.org",)))
    assert web.asked == []


def test_the_log_tells_what_is_fetched(
    launch: Launch, web: Any, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.INFO, "chronos.data")
    web.files["/a"] = b"content"
    launch(CAT, {"v": f"{web.base}/a"}, data=options(cache=tmp_path / "cache"))
    assert "files in other places, all there: 1" in caplog.text
    assert f"fetched {web.base}/a: 7 B in " in caplog.text


def test_outputs_that_are_inputs_have_their_uri_between_steps(launch: Launch, web: Any) -> None:
    web.files["/a.txt"] = b"content"
    text = """\
cwlVersion: v1.2
class: Workflow
requirements: {InlineJavascriptRequirement: {}}
inputs: {v: File}
outputs: {out: {type: File, outputSource: second/out}}
steps:
  first:
    in: {v: v}
    out: [out]
    run: &pass
      class: ExpressionTool
      inputs: {v: File}
      outputs: {out: File}
      expression: "$({out: inputs.v})"
  second:
    in: {v: first/out}
    out: [out]
    run: *pass
"""
    ended = launch(text, {"v": f"{web.base}/a.txt"}, data=options())
    first = json.loads((ended.run.store.root / "state" / "first" / "result.json").read_text())
    assert first["outputs"]["out"]["location"] == f"{web.base}/a.txt"
    assert text_of(ended.outputs["out"]) == "content"
    assert len(web.gets("/a.txt")) == 1
