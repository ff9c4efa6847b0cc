"""Real processes: components as forks of a loader, their children, grandchildren in other sessions."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.demo.errors import ComponentDied
from deploy.demo.processes import ProcessGroup, end, tail
from deploy.demo.proctable import ProcessId, living, members

CHECKOUT = Path(__file__).resolve().parents[2]

# The real loader, with components that start tools instead of Airflow.
LOADER = """
import subprocess, sys, time
from pathlib import Path
from deploy.demo import loader
loader.end_with_parent(int(sys.argv[2]))
def run(name, arguments):
    print("this is", name)
    process = subprocess.Popen(["sh", "-c", arguments[0]], start_new_session=name == "apart")
    sys.exit(process.wait())
reports = loader.take_stdout()
print("noise on stdout")
loader.serve({components}, Path(sys.argv[1]), reports, run)
"""


def group(folder: Path, components: dict[str, str]) -> ProcessGroup:
    script = folder / "loader.py"
    script.write_text(LOADER.format(components={name: (line,) for name, line in components.items()}))
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    return ProcessGroup([sys.executable, str(script)], environment, folder)


def wait_for(condition: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def started(processes: ProcessGroup, count: int) -> set[ProcessId]:
    """Start the group; return its processes as soon as there are ``count``, loader included."""
    processes.start()
    leaders = list(processes.leaders().values())
    wait_for(lambda: len(members(leaders)) >= count)
    return members(leaders)


def test_stopping_leaves_no_process(tmp_path: Path) -> None:
    processes = group(tmp_path, {"one": "sleep 60 & sleep 60", "apart": "sleep 60 & sleep 60"})
    # Loader, two components, two shells, four sleeps.
    everyone = started(processes, 9)
    processes.check()
    assert processes.stop(5) == 0
    assert not living(everyone)
    assert processes.leaders() == {}


def test_a_process_that_ignores_sigterm_is_killed_after_the_grace(tmp_path: Path) -> None:
    processes = group(tmp_path, {"deaf": "trap '' TERM; while :; do sleep 0.1; done"})
    everyone = started(processes, 4)
    assert processes.stop(0.5) >= 1
    assert not living(everyone)


def test_a_component_that_ends_is_reported_with_its_log(tmp_path: Path) -> None:
    processes = group(tmp_path, {"steady": "sleep 60", "weak": "echo no room left; exit 3"})
    processes.start()
    with pytest.raises(ComponentDied, match=r"(?s)The weak ended with status 3.*this is weak.*no room left"):
        wait_for(lambda: processes.check())
    processes.stop(5)


def test_a_loader_that_fails_is_reported_with_its_log(tmp_path: Path) -> None:
    processes = ProcessGroup(
        [sys.executable, "-c", "raise SystemExit('cannot import it')"], dict(os.environ), tmp_path
    )
    processes.start()
    with pytest.raises(
        ComponentDied, match=r"(?s)loader of the components ended with status 1.*cannot import"
    ):
        wait_for(lambda: processes.check())
    processes.stop(1)


def test_the_components_end_when_the_demo_is_killed(tmp_path: Path) -> None:
    main = tmp_path / "main.py"
    main.write_text(
        "import sys, os, time\n"
        "from pathlib import Path\n"
        "from deploy.demo.processes import ProcessGroup\n"
        "group = ProcessGroup([sys.executable, sys.argv[1]], dict(os.environ), Path(sys.argv[2]))\n"
        "group.start()\n"
        "print(*group.leaders()['Airflow'].__dict__.values(), flush=True)\n"
        "time.sleep(60)\n"
    )
    group(tmp_path, {"one": "exec sleep 60", "two": "exec sleep 60"})
    demo = subprocess.Popen(
        [sys.executable, str(main), str(tmp_path / "loader.py"), str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
    )
    assert demo.stdout is not None
    pid, mark = demo.stdout.readline().split()
    leader = ProcessId(int(pid), mark)
    wait_for(lambda: len(members([leader])) >= 5)
    forks = {process for process in members([leader]) if _parent(process.pid) == leader.pid}
    demo.send_signal(signal.SIGKILL)
    demo.communicate()
    wait_for(lambda: not living({leader, *forks}))
    # What the components leave behind is found by the next start, through the lock's record.
    assert end([leader], 2) == 0
    assert not members([leader])


def test_a_recycled_number_is_not_taken_for_the_old_process() -> None:
    other = subprocess.Popen(["sleep", "60"], start_new_session=True)
    try:
        assert end([ProcessId(other.pid, "1")], 0.2) == 0
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_ending_nothing_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: pytest.fail(f"waits for {seconds} s"))
    assert end([]) == 0


def test_tail(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_bytes(b"one\ntwo\xff\nthree")
    assert tail(log, 2) == ["two\ufffd", "three"]
    assert tail(tmp_path / "absent", 2) == []


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
