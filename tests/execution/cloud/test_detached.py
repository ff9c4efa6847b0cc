"""Commands that run jobs apart, in a real shell."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chronos_plugin.execution.cloud import detached
from chronos_plugin.execution.cloud.detached import Standing

Shell = Callable[[str], str]


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    """Run commands as on a host whose login folder is empty at first."""

    def run(command: str) -> str:
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            env={"HOME": str(tmp_path), "PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return done.stdout

    yield run
    for begun in tmp_path.glob(".chronos/jobs/*/begun"):
        try:
            os.killpg(int(begun.read_text()), signal.SIGKILL)
        except ProcessLookupError:
            continue


def standing(shell: Shell, job: str, group: str = "") -> Standing:
    return detached.parse_status(shell(detached.status({job: group})))[job]


def wait(shell: Shell, job: str, *states: str) -> Standing:
    while (now := standing(shell, job)).state not in states:
        pass
    return now


def test_a_job_runs_to_its_end(shell: Shell, tmp_path: Path) -> None:
    assert standing(shell, "j1") == Standing("absent")
    shell(detached.start("j1", f"echo 'it'\"'\"'s' >{tmp_path}/out; exit 7"))
    assert wait(shell, "j1", "ended") == Standing("ended", 7)
    assert (tmp_path / "out").read_text() == "it's\n"


def test_a_start_that_is_repeated_starts_nothing(shell: Shell, tmp_path: Path) -> None:
    command = detached.start("j1", f"echo once >>{tmp_path}/out; sleep 0.3")
    threads = [threading.Thread(target=shell, args=(command,)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wait(shell, "j1", "ended")
    shell(command)
    assert (tmp_path / "out").read_text() == "once\n"


def test_a_job_that_runs_is_cancelled(shell: Shell) -> None:
    shell(detached.start("j1", "sleep 100"))
    assert standing(shell, "j1") == Standing("running")
    shell(detached.cancel("j1", grace=5))
    assert standing(shell, "j1").state in ("lost", "ended")


def test_a_job_that_will_not_end_is_killed(shell: Shell) -> None:
    shell(detached.start("j1", "trap '' TERM; while :; do sleep 0.1; done"))
    shell(detached.cancel("j1", grace=1))
    assert wait(shell, "j1", "lost", "ended").state == "lost"


def test_a_job_that_is_cancelled_first_never_starts(shell: Shell, tmp_path: Path) -> None:
    shell(detached.cancel("j1"))
    shell(detached.start("j1", f"touch {tmp_path}/out"))
    assert standing(shell, "j1") == Standing("ended", 143)
    assert not (tmp_path / "out").exists()


def test_a_job_that_was_killed_is_lost_and_not_started_again(shell: Shell, tmp_path: Path) -> None:
    command = detached.start("j1", f"echo once >>{tmp_path}/out; sleep 100")
    shell(command)
    wait(shell, "j1", "running")
    os.killpg(int((tmp_path / ".chronos/jobs/j1/begun").read_text()), signal.SIGKILL)
    assert wait(shell, "j1", "lost") == Standing("lost")
    shell(command)
    assert standing(shell, "j1") == Standing("lost")
    assert (tmp_path / "out").read_text() == "once\n"


def test_a_job_is_stopped_and_goes_on(shell: Shell) -> None:
    shell(detached.start("j1", "sleep 0.5"))
    shell(detached.suspend("j1"))
    assert wait(shell, "j1", "suspended") == Standing("suspended")
    shell(detached.resume("j1"))
    assert wait(shell, "j1", "ended") == Standing("ended", 0)


def test_signals_reach_the_group_of_the_job_s_own_tool(shell: Shell, tmp_path: Path) -> None:
    group = tmp_path / "group"
    shell(detached.start("j1", f"setsid sh -c 'echo $$ >{group}; exec sleep 100' & wait"))
    while not group.exists() or not group.read_text():
        pass
    shell(detached.suspend("j1", str(group)))
    while standing(shell, "j1", str(group)) != Standing("suspended"):
        pass
    shell(detached.cancel("j1", str(group), grace=0))
    wait(shell, "j1", "lost", "ended")


def test_status_of_many_jobs_is_one_command(shell: Shell) -> None:
    shell(detached.start("j1", "true"))
    wait(shell, "j1", "ended")
    told = shell("echo 'Welcome to the host'; " + detached.status({"j1": "", "j2": ""}))
    assert detached.parse_status(told) == {"j1": Standing("ended", 0), "j2": Standing("absent")}
