"""The watcher against a target that does what the test wants: crashes, losses, silences, wishes, logs."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from chronos_plugin.errors import TargetRefused, TargetUnreachable
from chronos_plugin.execution.bindings.document import TargetSetting
from chronos_plugin.execution.targets import report, watched, watcher
from chronos_plugin.execution.targets.base import JobState, JobStatus
from chronos_plugin.execution.targets.breaker import Breaker, BreakerState
from chronos_plugin.execution.targets.folder import JobFolder
from chronos_plugin.execution.targets.watcher import Watcher
from tests.execution.targets.conftest import MakeJob
from tests.execution.targets.scripted import ScriptedTarget, write_exit, write_started

SETTING = TargetSetting("scripted", "scripted", poll_interval=0.02, submit_rate=1e6)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watcher, "EXIT_GRACE", 0.2)


class Scene:
    """A watcher, its target, and what was told."""

    def __init__(
        self, target: ScriptedTarget, setting: TargetSetting = SETTING, states: Path | None = None
    ) -> None:
        self.target = target
        state = report.StateFile(states, target.name) if states else None
        self.watcher = Watcher(target, setting, state)
        self.watcher.breaker = Breaker(first_pause=0.02)
        self.told: list[str] = []
        self.waiting: list[asyncio.Task[JobStatus]] = []

    def attend(self, folder: JobFolder) -> asyncio.Task[JobStatus]:
        task = asyncio.create_task(self.watcher.attend(folder, self.told.append))
        self.waiting.append(task)
        return task

    async def until(self, condition: Callable[[], Any]) -> Any:
        for _ in range(4000):
            if value := condition():
                return value
            await asyncio.sleep(0.005)
        raise AssertionError(f"did not happen; told: {self.told}; called: {self.target.called[-20:]}")

    async def looks(self, count: int = 3) -> None:
        """Wait until the target has been polled some more times."""
        before = len(self.target.calls("poll"))
        await self.until(lambda: len(self.target.calls("poll")) >= before + count)


@contextlib.asynccontextmanager
async def scene(target: ScriptedTarget | None = None, **how: Any) -> AsyncIterator[Scene]:
    made = Scene(target or ScriptedTarget(), **how)
    try:
        yield made
    finally:
        for task in made.waiting:
            task.cancel()
        await asyncio.gather(*made.waiting, return_exceptions=True)
        await made.watcher.close()


def play(coroutine: Coroutine[Any, Any, None]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(60):
            await coroutine

    asyncio.run(limited())


async def ended(task: asyncio.Task[JobStatus]) -> JobStatus:
    async with asyncio.timeout(20):
        return await task


def test_submits_watches_and_collects(make_job: MakeJob) -> None:
    async def run() -> None:
        async with scene() as s:
            folder = make_job("true")
            task = s.attend(folder)
            await s.until(lambda: "100" in s.target.jobs)
            assert (folder.submission() or {})["state"] == "submitted"
            await s.looks()
            s.target.now("100", JobState.RUNNING, node="n1")
            await s.until(lambda: "target scripted: running on n1" in s.told)
            s.target.ends("100", 3)
            assert (await ended(task)).state is JobState.ENDED
            assert s.target.calls("submit") == [folder.job()[0].id]
            assert s.target.calls("find") == []
            assert s.target.calls("collect") == ["100"]
            assert (folder.status() or JobStatus(JobState.LOST)).state is JobState.ENDED
            assert s.watcher.idle
            assert s.watcher.admission.in_flight == 0

    play(run())


def test_one_poll_for_all_jobs(make_job: MakeJob) -> None:
    async def run() -> None:
        async with scene() as s:
            tasks = [s.attend(make_job("true")) for _ in range(20)]
            await s.until(lambda: len(s.target.jobs) == 20)
            await s.until(lambda: len(s.target.calls("poll")[-1:]) and len(s.target.calls("poll")[-1]) == 20)  # type: ignore[arg-type]
            for native in s.target.jobs:
                s.target.ends(native)
            assert {(await ended(t)).state for t in tasks} == {JobState.ENDED}

    play(run())


# -- crashes between the lines ------------------------------------------------------------------------


def test_crash_before_the_id_was_stored_and_the_target_has_the_job(make_job: MakeJob) -> None:
    async def run() -> None:
        async with scene() as s:
            folder = make_job("true")
            # What is left of a watcher that died between submitting and storing the native id.
            await s.target.submit(folder.job()[0])
            folder.write_submission("submitting")
            task = s.attend(folder)
            await s.until(lambda: (folder.submission() or {})["state"] == "submitted")
            assert (folder.submission() or {})["native"] == "100"
            s.target.ends("100")
            await ended(task)
            assert len(s.target.calls("submit")) == 1

    play(run())


def test_crash_before_the_submission_reached_the_target(make_job: MakeJob) -> None:
    async def run() -> None:
        async with scene() as s:
            folder = make_job("true")
            folder.write_submission("submitting")
            task = s.attend(folder)
            await s.until(lambda: "100" in s.target.jobs)
            s.target.ends("100")
            await ended(task)
            assert (len(s.target.calls("find")), len(s.target.calls("submit"))) == (1, 1)

    play(run())


def test_submitted_job_is_taken_up_without_a_question(make_job: MakeJob) -> None:
    async def run() -> None:
        target = ScriptedTarget()
        folder = make_job("true")
        async with scene(target) as s:
            s.attend(folder)
            await s.until(lambda: (folder.submission() or {}).get("native"))
        async with scene(target) as s:
            task = s.attend(folder)
            await s.looks(1)
            target.ends("100")
            await ended(task)
        assert (len(target.calls("submit")), target.calls("find")) == (1, [])
        assert target.closed

    play(run())


def test_who_attends_anew_is_not_disturbed_by_who_goes(make_job: MakeJob) -> None:
    async def run() -> None:
        async with scene() as s:
            folder = make_job("true")
            first = s.attend(folder)
            await s.until(lambda: (folder.submission() or {}).get("native"))
            second = s.attend(folder)
            await asyncio.sleep(0)
            first.cancel()
            await asyncio.gather(first, return_exceptions=True)
            s.target.ends("100")
            assert (await ended(second)).state is JobState.ENDED

    play(run())


# -- losses -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("found", [True, False], ids=["under the lost id", "not at all"])
def test_job_lost_before_its_start_is_submitted_three_times_in_all(make_job: MakeJob, found: bool) -> None:
    async def run() -> None:
        async with scene() as s:
            folder = make_job("true")
            for native in ("100", "101", "102"):
                s.target.now(native, JobState.LOST)
            if not found:
                s.target.hides.add(folder.job()[0].id)
            status = await ended(s.attend(folder))
            assert status.state is JobState.LOST
            assert len(s.target.calls("submit")) == 3
            assert sum("submitting it again" in line for line in s.told) == 2

    if found:
        # A target's memory of the job leads to the newest.
        ScriptedTarget.find, original = newest_first, ScriptedTarget.find  # type: ignore[method-assign]
        try:
            play(run())
        finally:
            ScriptedTarget.find = original  # type: ignore[method-assign]
    else:
        play(run())


async def newest_first(self: ScriptedTarget, jobs: Any) -> dict[str, str]:
    self._call("find", tuple(job.id for job in jobs))
    return {job.id: native for native, job in self.jobs.items()}


def test_job_lost_and_refused_at_its_second_submission(make_job: MakeJob) -> None:
    async def run() -> None:
        async with scene() as s:
            folder = make_job("true")
            s.target.hides.add(folder.job()[0].id)
            s.target.now("100", JobState.LOST)
            task = s.attend(folder)
            await s.until(lambda: s.target.jobs)
            s.target.raises["submit"] = [TargetRefused("the queue was closed")]
            status = await ended(task)
            assert (status.state, status.reason) == (JobState.REFUSED, "the queue was closed")

    play(run())


def test_job_lost_after_its_start_is_not_submitted_again(make_job: MakeJob) -> None:
    async def run() -> None:
        async with scene() as s:
            folder = make_job("true")
            task = s.attend(folder)
            await s.until(lambda: "100" in s.target.jobs)
            write_started(folder.job()[0], "100")
            s.target.now("100", JobState.LOST, reason="node failed")
            status = await ended(task)
            assert (status.state, status.reason) == (JobState.LOST, "node failed")
            assert len(s.target.calls("submit")) == 1

    play(run())


def test_lost_job_whose_shell_has_said_that_it_ended(make_job: MakeJob) -> None:
    async def run() -> None:
        async with scene() as s:
            folder = make_job("true")
            task = s.attend(folder)
            await s.until(lambda: "100" in s.target.jobs)
            write_exit(folder.job()[0], 0)
            s.target.now("100", JobState.LOST)
            assert (await ended(task)).state is JobState.ENDED

    play(run())


def test_exit_file_that_comes_late_counts(make_job: MakeJob) -> None:
    async def run() -> None:
        async with scene() as s:
            folder = make_job("true")
            task = s.attend(folder)
            await s.until(lambda: "100" in s.target.jobs)
            s.target.ends("100", says=False)
            await s.looks(1)
            assert not task.done()
            write_exit(folder.job()[0], 4)
            assert (await ended(task)).state is JobState.ENDED
            assert (folder.exit() or pytest.fail("no exit")).exit_code == 4

    play(run())


def test_exit_file_that_never_comes(make_job: MakeJob) -> None:
    async def run() -> None:
        async with scene() as s:
            folder = make_job("true")
            task = s.attend(folder)
            await s.until(lambda: "100" in s.target.jobs)
            s.target.ends("100", says=False)
            assert (await ended(task)).state is JobState.ENDED
            assert folder.exit() is None

    play(run())


def test_job_that_has_said_its_end_does_not_wait_for_a_slow_target(make_job: MakeJob) -> None:
    async def run() -> None:
        async with scene() as s:
            folder = make_job("true")
            task = s.attend(folder)
            await s.until(lambda: "100" in s.target.jobs)
            s.target.now("100", JobState.UNKNOWN)
            write_exit(folder.job()[0])
            assert (await ended(task)).state is JobState.ENDED

    play(run())


def test_job_submitted_twice_is_followed_under_the_id_that_runs(make_job: MakeJob) -> None:
    async def run() -> None:
        async with scene() as s:
            folder = make_job("true")
            task = s.attend(folder)
            await s.until(lambda: "100" in s.target.jobs)
            # Another watcher submitted it as 10, and that one started first: ours ends at once, in silence.
            job = folder.job()[0]
            s.target.jobs["10"] = job
            s.target.now("10", JobState.RUNNING)
            write_started(job, "10")
            s.target.ends("100", says=False)
            await s.until(lambda: (folder.submission() or {})["native"] == "10")
            await s.looks(1)
            s.target.ends("10", 5)
            assert (await ended(task)).state is JobState.ENDED
            assert s.target.calls("collect") == ["10"]

    play(run())


def test_refused(make_job: MakeJob) -> None:
    async def run() -> None:
        async with scene() as s:
            folder = make_job("true")
            s.target.raises["submit"] = [TargetRefused("no such queue: q")]
            status = await ended(s.attend(folder))
            assert (status.state, status.reason) == (JobState.REFUSED, "no such queue: q")
            assert folder.status() == status
            assert s.watcher.breaker.state is BreakerState.CLOSED

    play(run())


# -- silence ------------------------------------------------------------------------------------------


def test_silent_target_is_asked_seldom_by_one_and_then_by_all(make_job: MakeJob) -> None:
    async def run() -> None:
        class Slow(ScriptedTarget):
            """Takes its time to answer, and counts who asks while the breaker is not closed."""

            inside, probes, together = 0, 0, 0

            async def submit(self, job: Any) -> str:
                probing = s.watcher.breaker.state is not BreakerState.CLOSED
                self.inside += probing
                self.probes += probing
                self.together = max(self.together, self.inside)
                try:
                    await asyncio.sleep(0.02)
                    return await super().submit(job)
                finally:
                    self.inside -= probing

        async with scene(Slow()) as s:
            s.watcher.breaker = Breaker(first_pause=0.05, longest_pause=0.2)
            s.target.raises["submit"] = [TargetUnreachable("no route")] * 1000
            tasks = [s.attend(make_job("true")) for _ in range(10)]
            assert isinstance(s.target, Slow)
            target = s.target
            await s.until(lambda: target.probes >= 3)
            assert target.jobs == {}
            target.raises["submit"].clear()
            await s.until(lambda: s.watcher.breaker.state is BreakerState.CLOSED)
            assert target.together == 1
            await s.until(lambda: len(s.target.jobs) == 10)
            for native in list(s.target.jobs):
                s.target.ends(native)
            assert {(await ended(t)).state for t in tasks} == {JobState.ENDED}
            assert len({job.id for job in s.target.jobs.values()}) == 10

    play(run())


def test_answer_lost_on_the_way_makes_no_second_job(make_job: MakeJob) -> None:
    async def run() -> None:
        class Forgetful(ScriptedTarget):
            async def submit(self, job: Any) -> str:
                await super().submit(job)
                if len(self.jobs) == 1:
                    raise TargetUnreachable("the answer was lost")
                raise AssertionError("submitted twice")

        async with scene(Forgetful()) as s:
            folder = make_job("true")
            task = s.attend(folder)
            await s.until(lambda: (folder.submission() or {}).get("native") == "100")
            s.target.ends("100")
            await ended(task)

    play(run())


def test_polls_and_collecting_go_on_after_a_silence(make_job: MakeJob) -> None:
    async def run() -> None:
        async with scene() as s:
            folder = make_job("true")
            task = s.attend(folder)
            await s.until(lambda: "100" in s.target.jobs)
            s.target.raises["poll"] = [TargetUnreachable("down")] * 2 + [KeyError("a mistake")]
            s.target.raises["collect"] = [TargetUnreachable("down")] * 2
            s.target.ends("100")
            assert (await ended(task)).state is JobState.ENDED
            assert s.target.calls("collect") == ["100"] * 3

    play(run())


def test_outputs_that_cannot_be_brought_back_are_lost(make_job: MakeJob) -> None:
    async def run() -> None:
        async with scene() as s:
            folder = make_job("true")
            task = s.attend(folder)
            await s.until(lambda: "100" in s.target.jobs)
            s.target.raises["collect"] = [TargetRefused("the node's disk is gone")]
            s.target.ends("100", says=False)
            status = await ended(task)
            assert status.state is JobState.LOST
            assert "disk is gone" in status.reason
            assert folder.status() == status

    play(run())


def test_target_without_shared_storage_is_believed(
    make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> None:
        class Remote(ScriptedTarget):
            shared = False

            async def collect(self, native: str, job: Any) -> None:
                await super().collect(native, job)
                write_exit(job, 6)

        monkeypatch.setattr(watcher, "EXIT_GRACE", 3600)
        async with scene(Remote()) as s:
            folder = make_job("true")
            task = s.attend(folder)
            await s.until(lambda: "100" in s.target.jobs)
            s.target.ends("100", says=False)
            assert (await ended(task)).state is JobState.ENDED
            assert (folder.exit() or pytest.fail("no exit")).exit_code == 6

    play(run())


# -- wishes -------------------------------------------------------------------------------------------


def test_held_before_submission(make_job: MakeJob) -> None:
    async def run() -> None:
        async with scene() as s:
            folder = make_job("true")
            folder.write_wish("hold")
            task = s.attend(folder)
            other = s.attend(make_job("true"))
            await s.until(lambda: "100" in s.target.jobs)
            await s.looks()
            assert folder.submission() is None
            folder.write_wish("release")
            await s.until(lambda: (folder.submission() or {}).get("native") == "101")
            await s.looks()
            # It was never held on the target, so there is nothing to release there.
            assert s.target.calls("hold") == s.target.calls("release") == []
            s.target.ends("100")
            s.target.ends("101")
            await ended(task)
            await ended(other)

    play(run())


def test_held_while_it_waits_for_room(make_job: MakeJob) -> None:
    async def run() -> None:
        setting = TargetSetting("scripted", "scripted", poll_interval=0.02, max_in_flight=1, submit_rate=1e6)
        async with scene(setting=setting) as s:
            first, held, last = make_job("true"), make_job("true"), make_job("true")
            tasks = [s.attend(folder) for folder in (first, held, last)]
            await s.until(lambda: s.watcher.admission.waiting == 2)
            held.write_wish("hold")
            s.target.ends("100")
            await ended(tasks[0])
            await s.until(lambda: last.submission())
            assert held.submission() is None
            held.write_wish("release")
            s.target.ends("101")
            await s.until(lambda: "102" in s.target.jobs)
            s.target.ends("102")
            await asyncio.gather(*map(ended, tasks))

    play(run())


@pytest.mark.parametrize("where", ["before", "held", "waiting for room", "target silent"])
def test_cancelled_before_submission(make_job: MakeJob, where: str) -> None:
    async def run() -> None:
        setting = TargetSetting("scripted", "scripted", poll_interval=0.02, max_in_flight=1, submit_rate=1e6)
        async with scene(setting=setting) as s:
            folder = make_job("true")
            if where == "before":
                folder.write_wish("cancel")
            elif where == "held":
                folder.write_wish("hold")
            elif where == "waiting for room":
                s.attend(make_job("true"))
                await s.until(lambda: s.target.jobs)
            else:
                s.watcher.breaker = Breaker(first_pause=3600)
                for _ in range(3):
                    s.watcher.breaker._until = 0.0
                    s.watcher.breaker.failed("down")
            task = s.attend(folder)
            await asyncio.sleep(0.05)
            folder.write_wish("cancel")
            status = await ended(task)
            assert (status.state, status.reason) == (JobState.CANCELLED, "cancelled before its submission")
            assert folder.job()[0].id not in s.target.calls("submit")
            assert s.watcher.admission.waiting == 0

    play(run())


def test_wishes_are_passed_on_once(make_job: MakeJob) -> None:
    async def run() -> None:
        async with scene() as s:
            folder = make_job("true")
            task = s.attend(folder)
            await s.until(lambda: "100" in s.target.jobs)
            folder.write_wish("hold")
            await s.until(lambda: s.target.calls("hold"))
            await s.looks()
            folder.write_wish("release")
            await s.until(lambda: s.target.calls("release"))
            await s.looks()
            assert (s.target.calls("hold"), s.target.calls("release")) == (["100"], ["100"])
            # What the target cannot do is said, and not tried again.
            folder.write_wish("suspend")
            await s.until(lambda: any("cannot suspend" in line for line in s.told))
            await s.looks()
            assert sum("cannot suspend" in line for line in s.told) == 1
            folder.write_wish("cancel")
            assert (await ended(task)).state is JobState.CANCELLED
            assert s.target.calls("cancel") == ["100"]

    play(run())


def test_wish_that_fails_keeps_nobody_from_being_looked_at(make_job: MakeJob) -> None:
    async def run() -> None:
        async with scene() as s:
            folder, other = make_job("true"), make_job("true")
            tasks = [s.attend(folder), s.attend(other)]
            await s.until(lambda: len(s.target.jobs) == 2)
            s.target.raises["hold"] = [OSError("no permission")]
            folder.write_wish("hold")
            await s.until(lambda: any("no permission" in line for line in s.told))
            for native in list(s.target.jobs):
                s.target.ends(native)
            await asyncio.gather(*map(ended, tasks))

    play(run())


def test_cancelled_job_that_leaves_no_word_is_cancelled(make_job: MakeJob) -> None:
    async def run() -> None:
        async with scene() as s:
            folder = make_job("true")
            task = s.attend(folder)
            await s.until(lambda: "100" in s.target.jobs)
            folder.write_wish("cancel")
            await s.until(lambda: s.target.calls("cancel"))
            s.target.ends("100", says=False)
            assert (await ended(task)).state is JobState.CANCELLED

    play(run())


def test_cancelling_what_nobody_attends_to(make_job: MakeJob) -> None:
    async def run() -> None:
        async with scene() as s:
            never, perhaps, had = make_job("true"), make_job("true"), make_job("true")
            await s.watcher.cancel(never)
            assert (never.wish(), s.target.called) == ("cancel", [])
            perhaps.write_submission("submitting")
            await s.watcher.cancel(perhaps)
            assert s.target.calls("cancel") == []
            native = await s.target.submit(had.job()[0])
            had.write_submission("submitting")
            await s.watcher.cancel(had)
            assert s.target.calls("cancel") == [native]

    play(run())


# -- logs ---------------------------------------------------------------------------------------------


def test_log_is_told_once_line_by_line_over_restarts(make_job: MakeJob) -> None:
    async def run() -> None:
        target = ScriptedTarget()
        folder = make_job("true")
        log = folder.path / "log.txt"
        told = []
        async with scene(target) as s:
            s.attend(folder)
            await s.until(lambda: "100" in target.jobs)
            target.now("100", JobState.RUNNING)
            log.write_bytes(b"one\ntwo\nhalf a li")
            await s.until(lambda: "two" in s.told)
            await s.looks()
            told += s.told
        async with scene(target) as s:
            task = s.attend(folder)
            with log.open("ab") as more:
                more.write(b"ne \xc3\xa9\nlast")
            await s.until(lambda: "half a line é" in s.told)
            target.ends("100")
            await ended(task)
            told += s.told
        assert [line for line in told if not line.startswith("target ")] == [
            "one",
            "two",
            "half a line é",
            "last",
        ]

    play(run())


def test_log_that_cannot_be_read_is_no_failure(make_job: MakeJob) -> None:
    async def run() -> None:
        async with scene() as s:
            folder = make_job("true")
            task = s.attend(folder)
            await s.until(lambda: "100" in s.target.jobs)
            (folder.path / "log.txt").write_text("words\n")
            s.target.raises["logs"] = [TargetUnreachable("no")] * 1000
            s.target.ends("100")
            assert (await ended(task)).state is JobState.ENDED
            assert (folder.status() or pytest.fail("none")).state is JobState.ENDED

    play(run())


def test_very_long_log_is_cut(make_job: MakeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        monkeypatch.setattr(watched, "MAX_LOG", 1000)
        async with scene() as s:
            folder = make_job("true")
            task = s.attend(folder)
            await s.until(lambda: "100" in s.target.jobs)
            (folder.path / "log.txt").write_text("x" * 99 + "\n")
            s.target.now("100", JobState.RUNNING)
            await s.until(lambda: "x" * 99 in s.told)
            with (folder.path / "log.txt").open("a") as more:
                more.write(("y" * 99 + "\n") * 50)
            await s.until(lambda: any("the rest is in" in line for line in s.told))
            told = len(s.told)
            await s.looks()
            assert len(s.told) == told
            s.target.ends("100")
            await ended(task)

    play(run())


def test_what_is_told_reaches_the_log_of_who_waits(make_job: MakeJob) -> None:
    """Polling happens in a task of its own, whose context is not that of the trigger that waits."""
    mine = contextvars.ContextVar("mine", default="nobody")

    async def run() -> None:
        async with scene() as s:
            heard: list[str] = []

            async def wait(name: str, folder: JobFolder) -> None:
                mine.set(name)
                await s.watcher.attend(folder, lambda line: heard.append(f"{mine.get()}: {line}"))

            tasks = [asyncio.create_task(wait(n, make_job("true"))) for n in ("a", "b")]
            await s.until(lambda: len(s.target.jobs) == 2)
            for native in list(s.target.jobs):
                s.target.ends(native)
            await asyncio.gather(*tasks)
            assert {line.split(":")[0] for line in heard} == {"a", "b"}

    play(run())


# -- what others see ----------------------------------------------------------------------------------


def test_state_file(make_job: MakeJob, tmp_path: Path) -> None:
    async def run() -> None:
        states = tmp_path / "states"
        setting = TargetSetting("scripted", "scripted", poll_interval=0.02, max_in_flight=1, submit_rate=1e6)
        async with scene(setting=setting, states=states) as s:
            assert report.seen(states, "scripted") == report.Seen()
            tasks = [s.attend(make_job("true")) for _ in range(2)]
            seen = await s.until(lambda: (r := report.seen(states, "scripted")).waiting == 1 and r)
            assert (seen.breaker, seen.in_flight, seen.error) == ("closed", 1, "")
            assert seen.waiting_seconds >= 0
            s.target.ends("100")
            await ended(tasks[0])
            await s.until(lambda: "101" in s.target.jobs)
            s.target.ends("101")
            await ended(tasks[1])
            await s.until(lambda: report.seen(states, "scripted").in_flight == 0)
            assert report.seen(states, "scripted").waiting_seconds is None

    play(run())


def test_what_nobody_says_any_more_counts_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = report.StateFile(tmp_path, "t")
    state.write(breaker=Breaker(failures=3, last_error="down"), in_flight=2, waiting=1, oldest=1.0)
    assert report.seen(tmp_path, "t").error == "down"
    assert report.seen(tmp_path, "t").breaker == "open"
    monkeypatch.setattr(report, "FRESH", 0.0)
    assert report.seen(tmp_path, "t") == report.Seen()
