"""The target local for real: processes that outlive who started them, their bounds, their usage."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from chronos_plugin.errors import SettingInvalid, TargetRefused, TargetUnsupported
from chronos_plugin.execution.bindings.document import TargetSetting
from chronos_plugin.execution.targets import caps, registry, script
from chronos_plugin.execution.targets.base import JobState, JobStatus, Resources, TargetReport
from chronos_plugin.execution.targets.container import ContainerTarget
from chronos_plugin.execution.targets.folder import JobFolder
from chronos_plugin.execution.targets.local import LocalTarget
from chronos_plugin.execution.targets.watcher import Watcher
from tests.execution.targets.conftest import MakeJob, group_of, group_runs, until

CHECKOUT = Path(__file__).resolve().parents[3]
HOST = socket.gethostname()
LOOP = ("sh", "-c", "echo ready; while :; do sleep 0.05; date +%N >tick; done")


def do(coroutine: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(coroutine)


def local(**options: Any) -> LocalTarget:
    return LocalTarget("local", {"caps": "none", **options})


def status(target: LocalTarget, native: str, folder: JobFolder) -> JobStatus:
    found: dict[str, JobStatus] = do(target.poll({native: folder.job()[0]}))
    return found[native]


def wait_for(target: LocalTarget, native: str, folder: JobFolder, state: JobState) -> JobStatus:
    until(lambda: status(target, native, folder).state is state, f"state {state} of {native}")
    return status(target, native, folder)


def start(target: LocalTarget, folder: JobFolder) -> str:
    """Submit a job and wait until its tool runs."""
    native: str = do(target.submit(folder.job()[0]))
    log = folder.path / "log.txt"
    until(lambda: group_of(folder) and log.exists() and "ready" in log.read_text(), "the start")
    return native


def test_submit_poll_end(make_job: MakeJob) -> None:
    target, folder = local(), make_job("sh", "-c", "exit 3")
    native = do(target.submit(folder.job()[0]))
    assert native.startswith(f"{HOST}:")
    wait_for(target, native, folder, JobState.ENDED)
    ended = folder.exit()
    assert ended is not None
    assert ended.exit_code == 3
    # The next process that asks knows the id alone.
    assert status(local(), native, folder).state is JobState.ENDED


def test_suspend_and_resume(make_job: MakeJob) -> None:
    target, folder = local(), make_job(*LOOP)
    native = start(target, folder)
    assert status(target, native, folder) == JobStatus(JobState.RUNNING, node=HOST)
    job, tick = folder.job()[0], folder.path / "out" / "tick"
    until(lambda: tick.exists())
    do(target.suspend(native, job))
    wait_for(target, native, folder, JobState.SUSPENDED)
    seen = tick.read_text()
    subprocess.run(["sleep", "0.3"], check=True)
    assert tick.read_text() == seen
    do(target.resume(native, job))
    wait_for(target, native, folder, JobState.RUNNING)
    until(lambda: tick.read_text() != seen)
    with pytest.raises(TargetUnsupported, match="hold a queued job"):
        do(target.hold(native, job))
    do(target.cancel(native, job))
    wait_for(target, native, folder, JobState.ENDED)


@pytest.mark.parametrize("suspended", [False, True])
def test_cancel_ends_the_whole_group(make_job: MakeJob, suspended: bool) -> None:
    target, folder = local(), make_job("sh", "-c", "sleep 600 & echo ready; sleep 600")
    native, job = start(target, folder), folder.job()[0]
    group = group_of(folder)
    assert group is not None
    if suspended:
        do(target.suspend(native, job))
    do(target.cancel(native, job))
    wait_for(target, native, folder, JobState.ENDED)
    assert not group_runs(group)
    ended = folder.exit()
    assert ended is not None
    assert ended.asked == "15"
    do(target.cancel(native, job))


SUBMIT = """
import asyncio, os, pathlib, signal, sys
from chronos_plugin.execution.targets.folder import JobFolder
from chronos_plugin.execution.targets.local import LocalTarget
folder = JobFolder(pathlib.Path(sys.argv[1]))
print(asyncio.run(LocalTarget("local", {"caps": "none"}).submit(folder.job()[0])), flush=True)
signal.pause()
"""


def test_job_survives_who_started_it(make_job: MakeJob) -> None:
    folder = make_job("sh", "-c", 'echo ready; while [ ! -e "$0" ]; do sleep 0.05; done; exit 6', "go")
    parent = subprocess.Popen(
        [sys.executable, "-c", SUBMIT, str(folder.path)], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    native = parent.stdout.readline().strip()
    until(lambda: group_of(folder))
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    another = local()
    job = folder.job()[0]
    assert do(another.find([job])) == {job.id: native}
    assert status(another, native, folder).state is JobState.RUNNING
    (folder.path / "out" / "go").touch()
    wait_for(another, native, folder, JobState.ENDED)
    ended = folder.exit()
    assert ended is not None
    assert ended.exit_code == 6


def test_find_before_it_has_said_that_it_started_and_after_it_ended(make_job: MakeJob) -> None:
    never, slow, ended = make_job("true"), make_job("sleep", "600"), make_job("true")
    # A job.sh that hangs before its first word.
    (slow.path / "job.sh").write_text("sleep 600; exit\n")
    target = local()
    native = do(target.submit(slow.job()[0]))
    subprocess.run(["/bin/sh", str(ended.path / "job.sh")], check=True)
    jobs = [folder.job()[0] for folder in (never, slow, ended)]
    try:
        found = do(target.find(jobs))
        assert set(found) == {jobs[1].id, jobs[2].id}
        assert found[jobs[1].id] == native
        assert status(target, found[jobs[2].id], ended).state is JobState.ENDED
    finally:
        # With what the shell has started.
        os.killpg(int(native.split(":")[1]), signal.SIGKILL)


def test_pid_that_is_another_process_by_now(make_job: MakeJob) -> None:
    folder = make_job("true")
    subprocess.run(["/bin/sh", str(folder.path / "job.sh")], check=True)
    record = folder.path / "started" / "record.json"
    pid = (folder.started() or {})["pid"]
    record.write_text(record.read_text().replace(f'"pid": {pid}', f'"pid": {os.getpid()}'))
    target, job = local(), folder.job()[0]
    native = do(target.find([job]))[job.id]
    assert status(target, native, folder).state is JobState.ENDED
    # Same pid, another start: nothing is signalled, and this test goes on.
    do(target.cancel(f"{HOST}:{os.getpid()}:1", job))


def test_job_of_another_host(make_job: MakeJob) -> None:
    folder, target = make_job("true"), local(lost_after=60)
    record, beat = folder.path / "started" / "record.json", folder.path / "started" / "alive"
    record.parent.mkdir()

    def seen(age: float) -> JobStatus:
        beat.touch()
        os.utime(beat, (time.time() - age,) * 2)
        return status(target, "elsewhere:1:1", folder)

    assert seen(0) == JobStatus(JobState.RUNNING, node="elsewhere")
    assert seen(45).state is JobState.UNKNOWN
    gone = seen(70)
    assert (gone.state, gone.infrastructure) == (JobState.LOST, True)
    assert "host elsewhere has given no sign of life for 60 s" in gone.reason
    with pytest.raises(TargetUnsupported, match="runs on elsewhere"):
        do(target.suspend("elsewhere:1:1", folder.job()[0]))
    # Nothing that is signalled here; its guard there passes the wish on.
    do(target.cancel("elsewhere:1:1", folder.job()[0]))
    (folder.path / "exit.json").write_text(
        '{"exit_code": 0, "timed_out": false, "node": "elsewhere", "started": 1.0, "ended": 2.0}'
    )
    assert seen(70).state is JobState.ENDED


@pytest.mark.parametrize("who", ["target", "guard"])
def test_killed_job_script_leaves_no_tool(
    make_job: MakeJob, monkeypatch: pytest.MonkeyPatch, who: str
) -> None:
    monkeypatch.setattr(script, "GUARD", 0.1)
    folder, target = make_job("sh", "-c", "echo ready; exec sleep 600", guarded=who == "guard"), local()
    native = start(target, folder)
    group = group_of(folder)
    assert group is not None
    os.kill(int(native.split(":")[1]), signal.SIGKILL)
    if who == "guard":
        os.waitpid(int(native.split(":")[1]), 0)
        target._children.clear()
        until(lambda: not group_runs(group), "the end of the tool")
    ended = wait_for_end(target, native, folder)
    assert ended.reason == "its job.sh was killed before its tool had ended"
    assert folder.exit() is None
    until(lambda: not group_runs(group), "the end of the tool")


def test_second_start_does_not_end_the_tool_of_the_first(make_job: MakeJob) -> None:
    folder, target = make_job(*LOOP), local()
    first, second = start(target, folder), do(target.submit(folder.job()[0]))
    wait_for(target, second, folder, JobState.ENDED)
    assert status(target, first, folder).state is JobState.RUNNING
    do(target.cancel(first, folder.job()[0]))
    wait_for(target, first, folder, JobState.ENDED)


def test_guarded_job_reads_the_wish_to_cancel_itself(
    make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(script, "GUARD", 0.1)
    folder, target = make_job("sh", "-c", "echo ready; sleep 600", guarded=True), local()
    native = start(target, folder)
    until((folder.path / "started" / "alive").exists)
    folder.write_wish("cancel")
    wait_for(target, native, folder, JobState.ENDED)
    ended = folder.exit()
    assert ended is not None
    assert ended.asked == "15"


def test_end_is_heard_before_the_next_look(make_job: MakeJob) -> None:
    folder, target = make_job("sleep", "0.2"), local()
    watcher = Watcher(target, TargetSetting("local", "local", poll_interval=300))

    async def run() -> JobStatus:
        try:
            return await asyncio.wait_for(watcher.attend(folder), 60)
        finally:
            await watcher.close()

    assert do(run()).state is JobState.ENDED
    assert not target._followed


def test_job_is_not_taken_for_the_batch_job_that_the_triggerer_is(
    make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    target, folder = local(), make_job("true")
    native = do(target.submit(folder.job()[0]))
    wait_for(target, native, folder, JobState.ENDED)
    assert (folder.started() or {})["native"] == ""


def test_usage(make_job: MakeJob) -> None:
    code = "import time\nwhile time.process_time() < 0.3: pass"
    target, folder = local(), make_job(sys.executable, "-c", code)
    native = do(target.submit(folder.job()[0]))
    seen = wait_for(target, native, folder, JobState.ENDED)
    ended = folder.exit()
    assert ended is not None
    assert (ended.cpu_seconds or 0) >= 0.3
    assert (ended.usage.wall_seconds or 0) > 0
    assert seen.node == HOST


def test_usage_through_the_watcher(make_job: MakeJob) -> None:
    code = "x = bytearray(100 << 20)"
    folder = make_job(sys.executable, "-c", code)
    watcher = Watcher(local(), TargetSetting("local", "local", poll_interval=0.05))
    told: list[str] = []

    async def run() -> JobStatus:
        try:
            return await watcher.attend(folder, told.append)
        finally:
            await watcher.close()

    ended = do(run())
    assert ended.state is JobState.ENDED
    assert (ended.usage.max_rss or 0) > 100 << 20


# -- bounds -------------------------------------------------------------------------------------------

EAT = (sys.executable, "-c", "x = bytearray(300 << 20); print(len(x))")


def test_memory_limit_of_the_process(make_job: MakeJob) -> None:
    small, large = (make_job(*EAT, resources=Resources(ram=ram, ram_bound=ram)) for ram in (100, 2000))
    target = local(caps="rlimit")
    for folder, code in ((small, 1), (large, 0)):
        native = do(target.submit(folder.job()[0]))
        wait_for(target, native, folder, JobState.ENDED)
        ended = folder.exit()
        assert ended is not None
        assert ended.exit_code == code, (folder.path / "log.txt").read_text()
    assert "MemoryError" in (small.path / "log.txt").read_text()


@pytest.mark.skipif(caps.cgroup("test") is None, reason="this user may make no control groups here")
def test_memory_limit_of_the_control_group(make_job: MakeJob) -> None:
    small, large = (make_job(*EAT, resources=Resources(ram=ram, ram_bound=ram)) for ram in (100, 2000))
    target = local(caps="cgroup")
    natives = {f: do(target.submit(f.job()[0])) for f in (small, large)}
    seen = {f: wait_for_end(target, native, f) for f, native in natives.items()}
    codes = {f: (f.exit() or pytest.fail("no word of its end")).exit_code for f in natives}
    assert (codes[small], codes[large]) == (128 + 9, 0)
    assert "100 MiB" in seen[small].reason
    assert seen[large].reason == ""
    assert (seen[large].usage.max_rss or 0) > 300 << 20
    for folder in natives:
        group = caps.cgroup(folder.job()[0].id)
        assert group is not None
        assert not any(path.exists() for path in group.folders)


def wait_for_end(target: LocalTarget, native: str, folder: JobFolder) -> JobStatus:
    """Return the first status that says that a job has ended: later ones know less."""
    return until(lambda: (s := status(target, native, folder)).state is JobState.ENDED and s)  # type: ignore[no-any-return]


def test_control_group_that_cannot_be_made(
    make_job: MakeJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caps, "cgroup", lambda *_: None)
    with pytest.raises(SettingInvalid, match="use rlimit"):
        caps.confine("cgroup", "job", Resources())
    before, group = caps.confine("auto", "job", Resources())
    assert group is None
    before()


@pytest.mark.parametrize("version", [1, 2])
def test_control_group_files(tmp_path: Path, version: int) -> None:
    """What is written where, in folders that stand for the kernel's."""
    if version == 2:
        (tmp_path / "cgroup.controllers").write_text("cpu memory pids\n")
    else:
        for controller in ("memory", "cpu"):
            (tmp_path / controller).mkdir()
    group = caps.cgroup("job-1", tmp_path)
    assert group is not None
    assert group.version == version
    group.make(Resources(cores_bound=1.5, ram_bound=64))
    written = {p.name: p.read_text() for f in group.folders for p in f.iterdir()}
    if version == 2:
        assert (tmp_path / "cgroup.subtree_control").read_text() == "+memory +cpu"
        assert written == {
            "memory.max": str(64 << 20),
            "memory.swap.max": "0",
            "cpu.max": "150000 100000",
        }
    else:
        assert written == {
            "memory.limit_in_bytes": str(64 << 20),
            "cpu.cfs_period_us": "100000",
            "cpu.cfs_quota_us": "150000",
        }
    unbounded = caps.cgroup("job-2", tmp_path)
    assert unbounded is not None
    unbounded.make(Resources())
    assert not [p for f in unbounded.folders for p in f.iterdir()]
    (group.folders[0] / "memory.events").write_text("oom 1\noom_kill 1\n")
    (group.folders[0] / "memory.peak").write_text("12345\n")
    assert group.killed_for_memory()
    assert group.peak() == 12345


def test_no_control_groups_without_the_controllers(tmp_path: Path) -> None:
    assert caps.cgroup("job", tmp_path / "none") is None
    (tmp_path / "cgroup.controllers").write_text("pids\n")
    assert caps.cgroup("job", tmp_path) is None


# -- settings and tests of targets ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cap": "none"}, "unknown option 'cap'; options are: caps"),
        ({"caps": "much"}, "'much' is none of auto, cgroup, rlimit, none"),
    ],
)
def test_wrong_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingInvalid, match=message):
        LocalTarget("local", options)


def test_job_that_cannot_be_started(make_job: MakeJob) -> None:
    import shutil

    folder = make_job("true")
    job = folder.job()[0]
    shutil.rmtree(folder.path)
    with pytest.raises(TargetRefused, match="cannot start"):
        do(local().submit(job))


def test_report() -> None:
    report = do(local().test())
    assert report.ok
    assert report.details["cores"] == os.cpu_count()
    assert HOST in report.message


def test_container_target_asks_the_engine_of_its_nodes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = tmp_path / "podman"
    engine.write_text("#!/bin/sh\necho 'Client:'; echo ' Version: 9.1'; exit $(cat code)\n")
    engine.chmod(0o755)
    (tmp_path / "code").write_text("0")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.chdir(tmp_path)

    def report(engine: str) -> TargetReport:
        return do(registry.make(TargetSetting("c", "container", container_engine=engine)).test())  # type: ignore[no-any-return]

    assert report("podman").details == {"engine": "podman", "version": "9.1"}
    (tmp_path / "code").write_text("1")
    assert not report("podman").ok
    assert "does not answer" in report("no-such-engine").message
    assert "container_engine is none" in report("none").message
    for wrong in ({"default_image": 5}, {"engine": "podman"}):
        with pytest.raises(SettingInvalid, match=next(iter(wrong))):
            ContainerTarget("c", wrong)


def test_kinds() -> None:
    assert {"local", "container"} <= set(registry.kinds())
    assert registry.make(TargetSetting("t", "local")).name == "t"
    with pytest.raises(SettingInvalid, match=r"no kind of target 'moon'; installed are: .*local"):
        registry.target_class("moon")
