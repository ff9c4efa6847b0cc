"""Which files of runs can go, what that frees, and that nothing else goes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chronos_plugin.errors import StepFailed
from chronos_plugin.execution import tasks
from chronos_plugin.execution.retention import DAY, Removal, expired, kept_runs, leftovers, remove

NOW = 1_800_000_000.0
WEEK = dict.fromkeys(("work", "state", "outputs"), 7.0)


@pytest.fixture
def roots(tmp_path: Path) -> tuple[Path, Path]:
    return tmp_path / "work", tmp_path / "outputs"


def make(roots: tuple[Path, Path], run: str = "run", dag: str = "dag", days: float = 10) -> Path:
    """Make a run that ended some days ago, with a product of 8 KiB that is published as a link."""
    folder, published = roots[0] / dag / run, roots[1] / dag / run
    (folder / "work" / "step" / "try-1" / "out").mkdir(parents=True)
    (folder / "state" / "step").mkdir(parents=True)
    published.mkdir(parents=True)
    product = folder / "work" / "step" / "try-1" / "out" / "product"
    product.write_bytes(b"x" * 8192)
    (folder / "work" / "step" / "scratch").write_bytes(b"x" * 4096)
    os.link(product, published / "product")
    (folder / "state" / "step" / "result.json").write_text("{}")
    (folder / "outputs.json").write_text("{}")
    for path in (*folder.rglob("*"), published / "product", published):
        os.utime(path, (NOW - days * DAY,) * 2)
    return folder


def found(roots: tuple[Path, Path], days: dict[str, float], ended: float | None = 0.0) -> list[Removal]:
    return [r for kept in kept_runs(*roots) for r in expired(kept, days, now=NOW, ended=ended)]


def test_what_is_old_goes_and_what_is_young_stays(roots: tuple[Path, Path]) -> None:
    make(roots, "old", days=8)
    make(roots, "young", days=6)
    assert [(r.kind, r.path.name) for r in found(roots, WEEK)] == [
        ("work", "work"),
        ("state", "old"),
        ("outputs", "old"),
    ]


def test_kinds_without_days_stay(roots: tuple[Path, Path]) -> None:
    folder = make(roots)
    (removal,) = found(roots, {"work": 7.0})
    remove(removal)
    assert sorted(p.name for p in folder.iterdir()) == ["outputs.json", "state"]
    assert (roots[1] / "dag" / "run" / "product").is_file()
    assert list(leftovers(roots)) == []


def test_state_takes_the_work_directories_along(roots: tuple[Path, Path]) -> None:
    folder = make(roots)
    removals = found(roots, {"state": 7.0})
    assert [r.kind for r in removals] == ["work", "state"]
    for removal in removals:
        remove(removal)
    assert not folder.exists()
    assert (roots[1] / "dag" / "run").is_dir()


def test_bytes_of_links_are_free_when_the_last_one_goes(roots: tuple[Path, Path]) -> None:
    make(roots)
    work, _, outputs = found(roots, WEEK)
    assert work.bytes == 4096
    assert outputs.bytes == 8192
    (alone,) = found(roots, {"outputs": 7.0})
    assert alone.bytes == 0


def test_the_end_of_the_run_counts_where_it_is_known(roots: tuple[Path, Path]) -> None:
    make(roots)
    assert found(roots, WEEK, ended=NOW - 6 * DAY) == []
    assert len(found(roots, WEEK, ended=NOW - 8 * DAY)) == 3


def test_a_file_that_changed_yesterday_keeps_the_run(roots: tuple[Path, Path]) -> None:
    folder = make(roots)
    os.utime(folder / "outputs.json", (NOW - DAY,) * 2)
    assert found(roots, WEEK) == []


def test_removing_work_makes_the_state_no_younger(roots: tuple[Path, Path]) -> None:
    make(roots)
    remove(found(roots, {"work": 7.0})[0])
    assert [r.kind for r in found(roots, {"state": 7.0})] == ["state"]


def test_runs_that_nobody_knows_are_kept_for_a_day(roots: tuple[Path, Path]) -> None:
    make(roots, days=0.5)
    nothing = dict.fromkeys(WEEK, 0.0)
    assert found(roots, nothing, ended=None) == []
    assert len(found(roots, nothing, ended=NOW - DAY / 2)) == 3


def test_links_are_not_followed(roots: tuple[Path, Path], tmp_path: Path) -> None:
    folder = make(roots)
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("x")
    (folder / "work" / "link").symlink_to(precious)
    (roots[0] / "dag" / "linked").symlink_to(precious)
    removals = found(roots, WEEK)
    assert len(removals) == 3
    for removal in removals:
        remove(removal)
    assert (precious / "file").is_file()


def test_what_an_interrupted_removal_leaves_is_found(
    roots: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    make(roots)

    def interrupted(*_: Any, **__: Any) -> None:
        raise OSError("interrupted")

    monkeypatch.setattr(shutil, "rmtree", interrupted)
    with pytest.raises(OSError, match="interrupted"):
        remove(found(roots, {"work": 7.0})[0])
    monkeypatch.undo()
    (left,) = leftovers(roots)
    assert (left / "work").is_dir()
    assert [kept.run for kept in kept_runs(*roots)] == ["run"]


def test_step_whose_inputs_were_removed_says_so(launch: Callable[..., Any]) -> None:
    text = """\
cwlVersion: v1.2
class: Workflow
inputs: []
outputs: []
steps:
  make: {run: make.cwl, in: [], out: [o]}
  use: {run: use.cwl, in: {f: make/o}, out: []}
"""
    files = {
        "make.cwl": "cwlVersion: v1.2\nclass: CommandLineTool\nbaseCommand: echo\ninputs: []\n"
        "outputs: {o: stdout}\n",
        "use.cwl": "cwlVersion: v1.2\nclass: CommandLineTool\nbaseCommand: [cat]\n"
        "inputs: {f: {type: File, inputBinding: {}}}\noutputs: []\n",
    }
    run = launch(text, files=files).run
    (removal,) = [
        r
        for kept in kept_runs(run.store.root.parents[1], run.store.root / "none")
        for r in expired(kept, {"work": 0.0}, now=NOW * 2, ended=0.0)
    ]
    remove(removal)
    from chronos_plugin.execution.process import ToolProcesses

    with pytest.raises(StepFailed, match="work directories of this run have been removed"):
        tasks.run_step(run, (("use", None),), ToolProcesses())
