"""The sample target of docs/writing-a-target.md: installed by its entry point, and run."""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
SAMPLE = CHECKOUT / "docs" / "examples" / "spool_target"
TOOL = """\
cwlVersion: v1.2
class: CommandLineTool
baseCommand: [sh, -c, 'echo "$0" >&2; echo "$0"']
inputs: {word: {type: string, inputBinding: {}}}
stdout: said.txt
outputs: {said: stdout}
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample as pip installs it, in a folder of its own."""
    root = tmp_path_factory.mktemp("spool")
    source, folder = root / "source", root / "site"
    shutil.copytree(SAMPLE, source, ignore=shutil.ignore_patterns("__pycache__"))
    uv = Path(sys.executable).with_name("uv")
    pip = [str(uv), "pip", "install", "--python", sys.executable]
    words = [*pip, "--quiet", "--no-deps", "--no-build-isolation", "--target", str(folder), str(source)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def spool(site: Path, tmp_path: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """A spool with a worker, and the environment in which the target is installed."""
    queue = tmp_path / "queue"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), str(CHECKOUT)])}
    worker = subprocess.Popen([sys.executable, "-m", "spool_target", str(queue)], env=environment)
    (tmp_path / "targets.yaml").write_text(
        f"targets: {{spool: {{kind: spool, poll_interval: 0.2, options: {{queue: {queue}}}}}}}\n"
    )
    yield queue, environment
    worker.kill()
    worker.wait()


def test_step_runs_on_the_spools_worker(spool: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    queue, environment = spool
    (tmp_path / "tool.cwl").write_text(TOOL)
    runner = [sys.executable, "-m", "chronos_plugin.cli.runner", "--no-container"]
    where = [
        "--targets-file",
        str(tmp_path / "targets.yaml"),
        "--target",
        "spool",
        "--outdir",
        str(tmp_path / "o"),
    ]
    done = subprocess.run(
        [*runner, *where, str(tmp_path / "tool.cwl"), "--word", "hello"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert Path(json.loads(done.stdout)["said"]["path"]).read_text() == "hello\n"
    (ticket,) = (queue / "done").glob("*.json")
    assert json.loads(ticket.read_text())["exit_code"] == 0


def test_states_and_wishes(site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The life of a ticket, without a worker where none is needed."""
    import asyncio

    from chronos_plugin.errors import SettingInvalid, TargetUnreachable
    from chronos_plugin.execution.targets.base import JobState
    from tests.execution.targets.conftest import job_in

    monkeypatch.syspath_prepend(str(site))
    module: Any = importlib.import_module("spool_target")
    queue = tmp_path / "queue"
    target = module.SpoolTarget("s", {"queue": str(queue)})
    jobs = [job_in(tmp_path / name, "sh", "-c", "exit 3", target="s").job()[0] for name in ("a", "b", "c")]

    def do(call: Any) -> Any:
        return asyncio.run(call)

    def state(index: int) -> Any:
        return do(target.poll({jobs[index].id: jobs[index]}))[jobs[index].id].state

    assert not do(target.test()).ok
    with pytest.raises(TargetUnreachable):
        do(target.submit(jobs[0]))
    module.work(queue, once=True)
    assert do(target.test()).ok
    assert do(target.find(jobs)) == {}
    natives = [do(target.submit(job)) for job in jobs]
    assert do(target.find(jobs)) == {job.id: job.id for job in jobs}
    do(target.hold(natives[0], jobs[0]))
    do(target.cancel(natives[1], jobs[1]))
    assert [state(i) for i in range(3)] == [JobState.HELD, JobState.CANCELLED, JobState.QUEUED]
    module.work(queue, once=True)
    assert [state(i) for i in range(3)] == [JobState.HELD, JobState.CANCELLED, JobState.ENDED]
    do(target.release(natives[0], jobs[0]))
    assert state(0) is JobState.QUEUED
    # A worker that takes it and dies.
    taken = module._take(queue)
    taken.write_text(json.dumps({"command": [], "node": "n", "beat": 1.0}))
    assert state(0) is JobState.LOST
    with pytest.raises(SettingInvalid, match="'queue'"):
        module.SpoolTarget("s", {"path": "x"})


def test_entry_point(site: Path) -> None:
    (found,) = importlib.metadata.distributions(name="spool-target", path=[str(site)])
    (point,) = found.entry_points.select(group="chronos.targets")
    assert (point.name, point.value) == ("spool", "spool_target:SpoolTarget")


def test_the_page_shows_the_sample_as_it_is() -> None:
    page = (CHECKOUT / "docs" / "writing-a-target.md").read_text()
    code = (SAMPLE / "spool_target.py").read_text()
    start, end = code.index("class SpoolTarget"), code.index("# -- the worker")
    assert code[start:end].strip() in page
