"""A real Slurm: controller, node and accounting of ``.ci/services/slurm.sh``."""

from __future__ import annotations

import asyncio
import shlex
import subprocess
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from chronos_plugin.errors import TargetRefused
from chronos_plugin.execution.targets.base import Job, JobState, JobStatus, Resources
from chronos_plugin.execution.targets.batch.commands import Answer
from chronos_plugin.execution.targets.batch.dialect import system_name
from chronos_plugin.execution.targets.toil import ToilTarget

pytestmark = pytest.mark.slurm
Make = Callable[..., Job]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Make a job of a script; its folder's name has what Slurm would replace in names."""
    made: list[Job] = []

    def job(script: str, options: Mapping[str, Any] | None = None, **resources: Any) -> Job:
        job_id = f"chronos-{uuid.uuid4().hex[:20]}"
        folder = tmp_path / "a%3Ab:c+d %j" / job_id
        folder.mkdir(parents=True)
        (folder / "job.sh").write_text(script)
        made.append(
            Job(job_id, "swot.step [1]", folder, Resources(**{"ram": 50, **resources}), options or {})
        )
        return made[-1]

    yield job
    for each in made:
        subprocess.run(["scancel", "--me", f"--name={system_name(each)}"], check=False, timeout=30)


@asynccontextmanager
async def target(**options: Any) -> AsyncIterator[ToilTarget]:
    made = ToilTarget("hpc", {"system": "slurm", **options})
    try:
        yield made
    finally:
        await made.close()


async def until(
    where: ToilTarget, native: str, job: Job, wanted: Callable[[JobStatus], bool], seconds: float = 60
) -> JobStatus:
    deadline = time.monotonic() + seconds
    while True:
        status = (await where.poll({native: job}))[native]
        if wanted(status):
            return status
        assert time.monotonic() < deadline, f"still {status}"
        assert not status.state.final, status
        await asyncio.sleep(0.3)


def final(status: JobStatus) -> bool:
    return status.state.final


def is_state(state: JobState) -> Callable[[JobStatus], bool]:
    return lambda status: status.state is state


def test_success_with_usage_and_log(make: Make) -> None:
    job = make('echo said; echo "to stderr" >&2; i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; sleep 1')

    async def scenario() -> tuple[JobStatus, bytes, Mapping[str, str]]:
        async with target() as where:
            native = await where.submit(job)
            status = await until(where, native, job, final)
            return status, await where.logs(native, job, 0), await where.find([job])

    status, log, found = asyncio.run(scenario())
    assert (status.state, status.native_state, status.exit_code) == (JobState.ENDED, "COMPLETED", 0)
    assert status.node
    assert status.usage.wall_seconds is not None
    assert status.usage.wall_seconds >= 1
    assert status.usage.cpu_seconds
    assert status.usage.max_rss
    assert status.queued_at is not None
    assert status.started_at is not None
    assert status.ended_at is not None
    assert status.queued_at <= status.started_at <= status.ended_at
    assert log == b"said\nto stderr\n"
    assert len(found) == 1


@pytest.mark.parametrize(
    ("script", "resources", "options", "code", "says"),
    [
        ("exit 3", {}, {}, 3, ""),
        ("kill -9 $$", {}, {}, -9, ""),
        ("exec sleep 300", {"time_limit": 1}, {"time_margin": 0}, None, "TIMEOUT"),
    ],
)
def test_failures(
    make: Make, script: str, resources: dict[str, Any], options: dict[str, Any], code: int | None, says: str
) -> None:
    job = make(script, options, **resources)

    async def scenario() -> JobStatus:
        async with target() as where:
            # Slurm looks at limits once a minute.
            return await until(where, await where.submit(job), job, final, seconds=150)

    status = asyncio.run(scenario())
    assert status.state is JobState.ENDED
    assert status.exit_code == code
    assert says in status.reason
    assert not status.infrastructure


def test_account_partition_and_name_are_slurms(make: Make) -> None:
    job = make(
        "sleep 30", {"queue": "short", "account": "development", "qos": "urgent", "native": ["--nice=7"]}
    )

    async def scenario() -> str:
        async with target(queue="batch") as where:
            native = await where.submit(job)
            shown = await where._dialect.ask(["scontrol", "show", "job", native])
            await where.cancel(native, job)
            return shown

    shown = asyncio.run(scenario())
    for text in (
        "Partition=short",
        "Account=development",
        "QOS=urgent",
        f"JobName=swot.step_1.{job.id}",
        "Comment=swot.step [1]",
        "Requeue=0",
        "Nice=7",
    ):
        assert text in shown


@pytest.mark.parametrize(
    ("options", "resources", "words"),
    [
        ({"queue": "nope"}, {}, "invalid partition"),
        ({"account": "nope"}, {}, "Invalid account"),
        ({"qos": "nope"}, {}, "qos"),
        ({}, {"ram": 1e9}, "Memory|configuration"),
        ({}, {"gpus": 100}, "configuration"),
    ],
)
def test_refusals_are_in_slurms_own_words(
    make: Make, options: dict[str, Any], resources: dict[str, Any], words: str
) -> None:
    async def scenario() -> None:
        async with target() as where:
            await where.submit(make("true", options, **resources))

    with pytest.raises(TargetRefused, match=f"(?i){words}"):
        asyncio.run(scenario())


def test_a_gpu_is_asked_for(make: Make) -> None:
    job = make('echo "gpu $CUDA_VISIBLE_DEVICES"', gpus=1)

    async def scenario() -> JobStatus:
        async with target() as where:
            return await until(where, await where.submit(job), job, final)

    assert asyncio.run(scenario()).exit_code == 0
    assert job.log.read_text().startswith("gpu 0")


def test_hold_release_suspend_resume_cancel(make: Make, tmp_path: Path) -> None:
    job = make(f"exec sh -c 'while :; do echo x >>{shlex.quote(str(tmp_path))}/ticks; sleep 0.1; done'")
    ticks = tmp_path / "ticks"

    async def scenario() -> JobStatus:
        async with target() as where:
            busy = make("exec sleep 300", cores=8)
            blocking = await where.submit(busy)
            await until(where, blocking, busy, is_state(JobState.RUNNING))
            native = await where.submit(job)
            await where.hold(native, job)
            held = await until(where, native, job, is_state(JobState.HELD))
            assert held.reason.startswith("JobHeld")
            await where.cancel(blocking, busy)
            cancelled = await until(where, blocking, busy, final)
            assert cancelled.state is JobState.CANCELLED
            await asyncio.sleep(2)
            assert not ticks.exists()
            await where.release(native, job)
            await until(where, native, job, is_state(JobState.RUNNING))
            await where.suspend(native, job)
            await until(where, native, job, is_state(JobState.SUSPENDED))
            await asyncio.sleep(1)
            before = ticks.stat().st_size
            await asyncio.sleep(1)
            assert ticks.stat().st_size == before
            await where.resume(native, job)
            await until(where, native, job, is_state(JobState.RUNNING))
            await asyncio.sleep(1)
            assert ticks.stat().st_size > before
            await where.cancel(native, job)
            ended = await until(where, native, job, final)
            # Once more: it is gone, and that is what was wanted.
            await where.cancel(native, job)
            return ended

    status = asyncio.run(scenario())
    assert status.state is JobState.CANCELLED
    assert status.exit_code is None


def test_a_job_is_found_by_another_process_in_queue_and_in_the_accounting(make: Make) -> None:
    job, other, never = make("sleep 2"), make("exit 4"), make("true")

    async def scenario() -> None:
        async with target() as first:
            natives = {await first.submit(job): job, await first.submit(other): other}
        async with target() as second:
            found = await second.find([job, other, never])
            assert {native: found[j.id] for native, j in natives.items()} == {n: n for n in natives}
            assert never.id not in found
            for native, j in natives.items():
                await until(second, native, j, final)
            # The accounting knows them when the controller has forgotten them.
            commands = second._dialect.commands
            original = commands.run

            async def forgetful(line: Sequence[str], **how: Any) -> Answer:
                return Answer(0, "", "") if line[0] == "squeue" else await original(line, **how)

            commands.run = forgetful  # type: ignore[method-assign]
            late: Mapping[str, str] = {}
            # slurmdbd writes with a delay of about a second.
            for _ in range(40):
                late = late or await second.find([job, other, never])
                await asyncio.sleep(0 if late else 0.5)
            assert set(late.values()) == set(natives)

    asyncio.run(scenario())


def test_the_test_tries_a_submission() -> None:
    async def scenario(**options: Any) -> Any:
        async with target(**options) as where:
            return await where.test()

    good = asyncio.run(scenario())
    assert good.ok
    assert good.details["accounting"] is True
    assert set(good.details["partitions"]) == {"batch", "short"}
    bad = asyncio.run(scenario(queue="nope"))
    assert not bad.ok
    assert "nope" in bad.message
