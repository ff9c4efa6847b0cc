"""A real Grid Engine: the host of ``.ci/services/gridengine.sh``."""

from __future__ import annotations

import asyncio
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from chronos_plugin.errors import TargetRefused
from chronos_plugin.execution.targets.base import Job, JobState, JobStatus, Resources
from chronos_plugin.execution.targets.toil import ToilTarget

pytestmark = pytest.mark.gridengine
Make = Callable[..., Job]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[Job] = []

    def job(script: str, options: Mapping[str, Any] | None = None, **resources: Any) -> Job:
        job_id = f"chronos-{uuid.uuid4().hex[:20]}"
        folder = tmp_path / "a%3Ab:c+d" / job_id
        folder.mkdir(parents=True)
        (folder / "job.sh").write_text(script)
        # Grid Engine limits the address space, which is larger than what is used.
        made.append(Job(job_id, "swot.step", folder, Resources(**{"ram": 500, **resources}), options or {}))
        return made[-1]

    yield job
    for each in made:
        subprocess.run(["qdel", f"swot.step.{each.id}"], check=False, timeout=30, capture_output=True)


def target(**options: Any) -> ToilTarget:
    return ToilTarget("sge", {"system": "grid_engine", "parallel_environment": "smp", **options})


async def until(where: ToilTarget, native: str, job: Job, wanted: JobState | None = None) -> JobStatus:
    """Wait for a state; for the end, where none is named."""
    deadline = time.monotonic() + 60
    while True:
        status = (await where.poll({native: job}))[native]
        if status.state is wanted or (wanted is None and status.state.final):
            return status
        assert time.monotonic() < deadline, f"still {status}"
        await asyncio.sleep(0.3)


@pytest.mark.parametrize(
    ("script", "resources", "options", "code"),
    [
        ("echo said; echo 'to stderr' >&2; sleep 1", {"cores": 2}, {}, 0),
        ("exit 3", {}, {}, 3),
        ("kill -9 $$", {}, {}, -9),
        ("exec sleep 60", {"time_limit": 1}, {"time_margin": 1}, -9),
    ],
)
def test_ends(make: Make, script: str, resources: dict[str, Any], options: dict[str, Any], code: int) -> None:
    job = make(script, options, **resources)

    async def scenario() -> tuple[JobStatus, Mapping[str, str], str]:
        where = target()
        native = await where.submit(job)
        return await until(where, native, job), await where.find([job]), native

    status, found, native = asyncio.run(scenario())
    assert (status.state, status.exit_code) == (JobState.ENDED, code)
    assert status.usage.cpu_seconds is not None
    assert status.node
    # Also by the accounting alone.
    assert found == {job.id: native}
    if code == 0:
        assert job.log.read_text() == "said\nto stderr\n"
        assert status.usage.max_rss is not None
        assert status.usage.max_rss > 1 << 20


def test_hold_release_suspend_resume_cancel(make: Make) -> None:
    job = make("exec sleep 60")

    async def scenario() -> JobStatus:
        where = target()
        busy = make("exec sleep 60", cores=8)
        blocking = await where.submit(busy)
        await until(where, blocking, busy, JobState.RUNNING)
        native = await where.submit(job)
        await where.hold(native, job)
        await until(where, native, job, JobState.HELD)
        assert (await where.find([job])) == {job.id: native}
        await where.cancel(blocking, busy)
        assert (await until(where, blocking, busy)).state is JobState.CANCELLED
        await where.release(native, job)
        await until(where, native, job, JobState.RUNNING)
        await where.suspend(native, job)
        await until(where, native, job, JobState.SUSPENDED)
        await where.resume(native, job)
        await until(where, native, job, JobState.RUNNING)
        await where.cancel(native, job)
        return await until(where, native, job)

    assert asyncio.run(scenario()).state is JobState.CANCELLED


def test_a_job_that_cannot_be_started_is_taken_out_of_the_queue(make: Make) -> None:
    job = make("true")
    job.folder.rename(job.folder.with_name("elsewhere"))
    # Without a folder for its log, Grid Engine puts the job into its error state.
    status = asyncio.run(_submitted(job))
    assert (status.state, status.infrastructure) == (JobState.ENDED, True)
    assert "No such file" in status.reason


async def _submitted(job: Job) -> JobStatus:
    where = target()
    return await until(where, await where.submit(job), job)


@pytest.mark.parametrize(
    ("options", "resources", "words"),
    [
        ({"queue": "nope"}, {}, "nope"),
        ({"parallel_environment": "nope"}, {"cores": 2}, "nope"),
        ({"qos": "urgent"}, {}, "qos"),
    ],
)
def test_refusals(make: Make, options: dict[str, Any], resources: dict[str, Any], words: str) -> None:
    with pytest.raises(TargetRefused, match=words):
        asyncio.run(_submitted(make("true", options, **resources)))


def test_the_test_tries_a_submission() -> None:
    good = asyncio.run(target().test())
    assert good.ok
    assert good.details["hosts"]
    assert not asyncio.run(target(queue="nope").test()).ok
