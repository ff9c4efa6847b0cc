"""Real runs of Toil: on this machine, and in Slurm."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from chronos_plugin.errors import CwlUnsupported, ServiceFailed, StepFailed
from chronos_plugin.execution.delegation.bus import InnerJob, InnerState
from chronos_plugin.execution.delegation.launcher import ALREADY_RUNNING, accept_walltime, started
from chronos_plugin.execution.delegation.leader import JOBS_FILE, Leader
from chronos_plugin.execution.delegation.request import Delegation, ToilOptions
from chronos_plugin.execution.store import read_json, write_json

CHAIN = """\
cwlVersion: v1.2
class: Workflow
requirements: {ScatterFeatureRequirement: {}, InlineJavascriptRequirement: {}}
inputs: {words: "string[]", flag: string}
outputs: {total: {type: File, outputSource: join/out}}
steps:
  say:
    run:
      id: say
      class: CommandLineTool
      baseCommand: [sh, -c]
      arguments: ['echo $0; echo "saying $0" >&2', $(inputs.word)]
      inputs: {word: string}
      outputs: {out: stdout}
      requirements: {ResourceRequirement: {coresMin: 1, ramMin: 300}}
    scatter: word
    in: {word: words}
    out: [out]
  join:
    run:
      id: join
      class: CommandLineTool
      baseCommand: [sh, -c]
      arguments: ['cat $1 $2; while test -e $0.wait; do sleep 0.2; done; test -e $0', $(inputs.flag), $(inputs.files)]
      inputs: {files: "File[]", flag: string}
      outputs: {out: stdout}
      requirements: {ResourceRequirement: {coresMin: 1, ramMin: 300}}
    in: {files: say/out, flag: flag}
    out: [out]
"""


@pytest.fixture
def flag(tmp_path: Path) -> Path:
    """A file without which the last step fails; with ``.wait`` beside it, the step waits."""
    return tmp_path / "flag"


def delegated(tmp_path: Path, flag: Path, text: str = CHAIN, **options: Any) -> Delegation:
    document = tmp_path / "chain.cwl"
    document.write_text(text)
    return Delegation(
        document=document,
        folder=tmp_path / "a%3Ab:c+d",
        inputs={"words": ["one", "two"], "flag": str(flag)} if text is CHAIN else {},
        options=ToilOptions.parse({"poll_interval": 1, **options}, container_engine="none"),
    )


@pytest.fixture(autouse=True)
def no_leader_stays(tmp_path: Path) -> Iterator[None]:
    """End what a failed test leaves, and tests that do not end."""
    guard = threading.Timer(150, _end, [tmp_path])
    guard.daemon = True
    guard.start()
    yield
    guard.cancel()
    _end(tmp_path)


def _end(tmp_path: Path) -> None:
    known = read_json(tmp_path / "a%3Ab:c+d" / "leader.json")
    if known is not None and known["since"] is not None and started(known["pid"]) == known["since"]:
        os.killpg(known["pid"], signal.SIGKILL)


def content(outputs: dict[str, Any]) -> str:
    return Path(unquote(urlsplit(outputs["total"]["location"]).path)).read_text()


def run_twice(tmp_path: Path, flag: Path, **options: Any) -> dict[str, dict[str, Any]]:
    """Let the last step fail, then mend it; return what is recorded of the inner jobs."""
    work = delegated(tmp_path, flag, **options)
    first = Leader(work)
    first.start()
    with pytest.raises(StepFailed, match=r"failed: chain\.cwl\.join"):
        first.watch(interval=0.2)
    flag.touch()
    second, seen = Leader(work), list[InnerJob]()
    second.start()
    assert (second.attempt, second.resumed) == (2, False)
    lines: list[str] = []
    outputs = second.watch(seen.append, lines.append, interval=0.2)
    assert content(outputs) == "one\ntwo\n"
    # What had succeeded was not run again.
    assert {job.name for job in seen if job.is_tool} == {"chain.cwl.join.join"}
    assert any("CWL run complete" in line for line in lines)
    # A third try finds that all is done.
    third = Leader(work)
    third.start()
    assert third.resumed
    assert third.watch() == outputs
    recorded = read_json(work.folder / JOBS_FILE)
    assert recorded is not None
    return {job["name"]: job for job in recorded.values() if job["tool"]}


def check_recorded(jobs: dict[str, dict[str, Any]], batch_system: str) -> None:
    assert set(jobs) == {"chain.cwl.0.say", "chain.cwl.1.say", "chain.cwl.join.join"}
    for job in jobs.values():
        assert (job["state"], job["exit_code"], job["batch_system"]) == ("succeeded", 0, batch_system)
        assert job["batch_id"]
        assert job["issued_at"] <= job["ended_at"]
    said = "".join(Path(log).read_text() for log in jobs["chain.cwl.0.say"]["logs"])
    assert "saying one" in said


def test_an_ended_job_is_told_of_when_its_logs_are_written(tmp_path: Path, flag: Path) -> None:
    leader = Leader(delegated(tmp_path, flag))
    leader.delegation.logs.mkdir(parents=True)
    job = InnerJob("kind-CWLJob/one", "CWLJob", "say", InnerState.SUCCEEDED, raw_name="say")
    silent = InnerJob("kind-CWLJob/two", "CWLJob", "hush", InnerState.SUCCEEDED, raw_name="hush")
    log = leader.delegation.logs / "CWLJob_say_000.log"
    assert leader._ended([job, silent], False) == []
    log.write_text("the first")
    assert leader._ended([], False) == []
    log.write_text("the first lines")
    assert leader._ended([], False) == []
    assert leader._ended([], False) == [(job, [log])]
    # Toil is over: no log will come.
    assert leader._ended([], True) == [(silent, [])]
    assert leader._ended([], True) == []


@pytest.mark.slow
def test_a_failed_workflow_resumes_from_its_job_store(tmp_path: Path, flag: Path) -> None:
    check_recorded(run_twice(tmp_path, flag), "SingleMachineBatchSystem")


@pytest.mark.slurm
def test_a_failed_workflow_in_slurm_resumes_from_its_job_store(tmp_path: Path, flag: Path) -> None:
    jobs = run_twice(tmp_path, flag, system="slurm", queue="batch", account="development")
    check_recorded(jobs, "SlurmBatchSystem")
    native = jobs["chain.cwl.join.join"]["batch_id"]
    line = [
        "sacct",
        "--noheader",
        "--parsable2",
        "--allocations",
        "--jobs",
        native,
        "--format=State,Account,Partition",
    ]
    assert (
        subprocess.run(line, capture_output=True, text=True, check=True).stdout
        == "COMPLETED|development|batch\n"
    )


@pytest.mark.gridengine
def test_a_failed_workflow_in_grid_engine_resumes_from_its_job_store(tmp_path: Path, flag: Path) -> None:
    # As the service's accounting is of its own, its address is passed on by the environment.
    check_recorded(run_twice(tmp_path, flag, system="grid_engine", queue="batch"), "GridEngineBatchSystem")


@pytest.mark.slow
def test_a_leader_outlives_its_task_and_is_taken_up_again(tmp_path: Path, flag: Path) -> None:
    flag.touch()
    waiting = flag.with_name("flag.wait")
    waiting.touch()
    work = delegated(tmp_path, flag)
    first = Leader(work)
    first.start()
    second = Leader(work)
    second.start()
    assert (second.attempt, second.resumed) == (1, True)
    threading.Timer(1.0, waiting.unlink).start()
    outputs = second.watch(interval=0.2)
    assert content(outputs) == "one\ntwo\n"
    assert first.watch(interval=0.2) == outputs


@pytest.mark.slow
def test_a_killed_leader_is_no_end(tmp_path: Path, flag: Path) -> None:
    flag.touch()
    flag.with_name("flag.wait").touch()
    work = delegated(tmp_path, flag)
    first = Leader(work)
    first.start()

    def kill_when_waiting(job: InnerJob) -> None:
        if job.name == "chain.cwl.join.join" and job.state is InnerState.ISSUED:
            os.killpg(read_json(work.folder / "leader.json")["pid"], signal.SIGKILL)  # type: ignore[index]

    with pytest.raises(StepFailed, match="killed"):
        first.watch(kill_when_waiting, interval=0.2)
    flag.with_name("flag.wait").unlink()
    second = Leader(work)
    second.start()
    assert second.attempt == 2
    assert content(second.watch(interval=0.2)) == "one\ntwo\n"


@pytest.mark.slurm
def test_cancelling_ends_the_jobs_in_the_batch_system(tmp_path: Path, flag: Path) -> None:
    flag.with_name("flag.wait").touch()
    leader = Leader(delegated(tmp_path, flag, system="slurm"))
    leader.start()
    natives: list[str] = []

    def cancel_when_there(job: InnerJob) -> None:
        if job.name == "chain.cwl.join.join" and job.batch_id and not natives:
            natives.append(job.batch_id)
            leader.cancel()

    with pytest.raises(StepFailed, match="cancelled"):
        leader.watch(cancel_when_there, interval=0.2)
    deadline = time.monotonic() + 30
    line = ["squeue", "--noheader", "--format=%i %T", "--jobs", f"{natives[0]},0"]
    while (left := subprocess.run(line, capture_output=True, text=True, check=False).stdout.strip()) and (
        time.monotonic() < deadline
    ):
        time.sleep(0.3)
    assert left == ""


@pytest.mark.slow
def test_what_toil_does_not_support_is_said_as_that(tmp_path: Path, flag: Path) -> None:
    text = (
        "{cwlVersion: v1.2, class: CommandLineTool, baseCommand: 'true', inputs: [], outputs: [], "
        "requirements: [{class: InplaceUpdateRequirement, inplaceUpdate: true}]}"
    )
    leader = Leader(delegated(tmp_path, flag, text))
    leader.start()
    with pytest.raises(CwlUnsupported, match="Toil cannot run"):
        leader.watch(interval=0.2)


def test_a_leader_on_another_host_is_left_alone(tmp_path: Path, flag: Path) -> None:
    work = delegated(tmp_path, flag)
    work.folder.mkdir()
    write_json(work.folder / "leader.json", {"attempt": 1, "host": "elsewhere", "pid": 1, "since": 1})
    (work.folder / "alive").touch()
    with pytest.raises(ServiceFailed, match="on host elsewhere"):
        Leader(work).start()


def test_two_leaders_do_not_share_a_job_store(tmp_path: Path) -> None:
    import fcntl

    with open(tmp_path / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        line = [sys.executable, "-m", "chronos_plugin.execution.delegation.launcher", str(tmp_path), "1"]
        done = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == ALREADY_RUNNING
    assert "another leader" in done.stderr
    assert not (tmp_path / "leader.json").exists()


def test_processes_are_told_from_later_ones_of_the_same_number() -> None:
    assert started(os.getpid()) is not None
    assert started(2**22 + 1) is None


def test_walltime_is_taken_from_methods_that_do_not_know_it() -> None:
    class Old:
        def prepareSubmission(self, cpu: int, memory: int, jobID: int, command: str) -> list[object]:  # noqa: N802, N803
            return [cpu, memory, jobID, command]

    class New:
        def prepareSubmission(self, cpu: int, memory: int, walltime: int, jobID: int) -> list[object]:  # noqa: N802, N803
            return [cpu, memory, walltime, jobID]

    for kind in (Old, New):
        accept_walltime(kind)
    assert Old().prepareSubmission(1, 2, 3, 4, "c") == [1, 2, 4, "c"]  # type: ignore[call-arg]
    assert New().prepareSubmission(1, 2, 3, 4) == [1, 2, 3, 4]
