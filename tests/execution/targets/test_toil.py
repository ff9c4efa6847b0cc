"""The target's own care: unclear answers, jobs that are unknown, words of the batch system."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from chronos_plugin.errors import TargetRefused, TargetUnreachable
from chronos_plugin.execution.targets import toil
from chronos_plugin.execution.targets.base import Job, JobState
from chronos_plugin.execution.targets.toil import ToilTarget

Commands = Callable[..., ToilTarget]


@pytest.fixture
def with_commands(tmp_path: Path) -> Commands:
    """Return a target for a Slurm whose commands are scripts: for answers that a real one gives rarely."""

    def make(**scripts: str) -> ToilTarget:
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        for name, text in {
            "scontrol": "echo 'AccountingStorageType = accounting_storage/none'",
            **scripts,
        }.items():
            file = folder / name
            file.write_text(f"#!/bin/sh\necho {name} >>{tmp_path}/calls\n{text}\n")
            file.chmod(0o755)
        path = f"{folder}:{os.environ['PATH']}"
        return ToilTarget("hpc", {"system": "slurm", "environment": {"PATH": path}, "command_timeout": 5})

    return make


def job(folder: Path, job_id: str = "chronos-1", **options: Any) -> Job:
    return Job(job_id, "dag.step", folder, options=options)


def run(work: Awaitable[Any]) -> Any:
    async def call() -> Any:
        return await work

    return asyncio.run(call())


def calls(tmp_path: Path) -> list[str]:
    return (tmp_path / "calls").read_text().split()


def test_a_submission_without_a_clear_answer_is_looked_for_before_the_next(
    with_commands: Commands, tmp_path: Path
) -> None:
    target = with_commands(
        sbatch="echo 'sbatch: error: Batch job submission failed: Socket timed out on send/recv operation' >&2; exit 1",
        squeue="echo '42|dag.step.chronos-1'",
    )
    with pytest.raises(TargetUnreachable, match="Socket timed out"):
        run(target.submit(job(tmp_path)))
    assert run(target.submit(job(tmp_path))) == "42"
    assert calls(tmp_path) == ["sbatch", "squeue"]


def test_an_unclear_submission_that_left_nothing_is_repeated(with_commands: Commands, tmp_path: Path) -> None:
    target = with_commands(
        sbatch=f"[ -e {tmp_path}/second ] && echo 'Submitted batch job 7' && exit; touch {tmp_path}/second; sleep 60",
        squeue="true",
    )
    target._commands.timeout = 0.5
    with pytest.raises(TargetUnreachable, match="no answer"):
        run(target.submit(job(tmp_path)))
    target._commands.timeout = 5
    assert run(target.submit(job(tmp_path))) == "7"


def test_a_refusal_is_final_and_in_slurms_words(with_commands: Commands, tmp_path: Path) -> None:
    target = with_commands(sbatch="echo 'sbatch: error: invalid partition specified: nope' >&2; exit 1")
    with pytest.raises(TargetRefused, match="invalid partition specified: nope"):
        run(target.submit(job(tmp_path)))


def test_a_full_quota_passes(with_commands: Commands, tmp_path: Path) -> None:
    target = with_commands(sbatch="echo 'sbatch: error: QOSMaxSubmitJobPerUserLimit' >&2; exit 1")
    with pytest.raises(TargetUnreachable, match="QOSMaxSubmit"):
        run(target.submit(job(tmp_path)))


def test_a_binding_with_a_wrong_option_fails_its_job(with_commands: Commands, tmp_path: Path) -> None:
    with pytest.raises(TargetRefused, match=r"dag\.step.*hpc.*time_limit"):
        run(with_commands().submit(job(tmp_path, time_limit="soon")))


def test_commands_that_are_not_there(tmp_path: Path) -> None:
    target = ToilTarget("hpc", {"system": "slurm", "environment": {"PATH": str(tmp_path)}})
    with pytest.raises(TargetUnreachable, match="sbatch cannot be run"):
        run(target.submit(job(tmp_path)))
    report = run(target.test())
    assert not report.ok
    assert "sinfo cannot be run" in report.message


def test_an_unknown_job_is_lost_only_after_a_while(
    with_commands: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = with_commands(squeue="true")
    jobs = {"9": job(tmp_path)}
    assert run(target.poll(jobs))["9"].state is JobState.UNKNOWN
    monkeypatch.setattr(toil, "LOST_AFTER", 0.0)
    assert run(target.poll(jobs))["9"].state is JobState.LOST


def test_an_unknown_job_that_has_said_how_it_ended_has_ended(with_commands: Commands, tmp_path: Path) -> None:
    (tmp_path / "exit.json").write_text("{}")
    target = with_commands(squeue="true")
    assert run(target.poll({"9": job(tmp_path)}))["9"].state is JobState.ENDED


def test_a_job_cancelled_before_it_started_may_leave_no_trace(
    with_commands: Commands, tmp_path: Path
) -> None:
    target = with_commands(squeue="true", scancel="true")
    run(target.cancel("9", job(tmp_path)))
    assert run(target.poll({"9": job(tmp_path)}))["9"].state is JobState.CANCELLED


def test_cancelling_what_has_ended_is_no_error(with_commands: Commands, tmp_path: Path) -> None:
    gone = "echo 'scancel: error: Kill job error on job id 9: Job/step already completing or completed' >&2; exit 1"
    run(with_commands(scancel=gone).cancel("9", job(tmp_path)))
    denied = "echo 'scancel: error: Kill job error on job id 9: Access/permission denied' >&2; exit 1"
    with pytest.raises(TargetRefused, match="denied"):
        run(with_commands(scancel=denied).cancel("9", job(tmp_path)))


def test_a_controller_that_does_not_answer_loses_no_job(with_commands: Commands, tmp_path: Path) -> None:
    target = with_commands(
        squeue="echo 'slurm_load_jobs error: Unable to contact slurm controller (connect failure)' >&2; exit 1"
    )
    with pytest.raises(TargetUnreachable, match="Unable to contact"):
        run(target.poll({"9": job(tmp_path)}))


def test_all_jobs_are_asked_about_at_once(with_commands: Commands, tmp_path: Path) -> None:
    lines = "\n".join(f"echo '{n}|PENDING||1|N/A|N/A|Priority'" for n in range(300))
    target = with_commands(squeue=lines)
    found = run(target.poll({str(n): job(tmp_path, f"chronos-{n}") for n in range(300)}))
    assert {status.state for status in found.values()} == {JobState.QUEUED}
    assert calls(tmp_path) == ["squeue"]
