"""``job.sh`` under the shells that nodes and images have."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chronos_plugin.execution.targets.folder import JobFolder
from chronos_plugin.execution.targets.script import DUPLICATE_STATUS, Command, render
from tests.execution.targets.conftest import MakeJob, group_of, group_runs, job_in, until

SHELLS = {"dash": ["dash"], "bash": ["bash", "--posix"], "busybox": ["busybox", "sh"]}


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> list[str]:
    words = SHELLS[request.param]
    if shutil.which(words[0]) is None:
        pytest.skip(f"{words[0]} is not installed")
    return words


def run(shell: list[str], folder: JobFolder) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*shell, str(folder.path / "job.sh")], cwd="/", capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("code", [0, 1, 42, 75, 127, 255])
def test_exit_code(shell: list[str], make_job: MakeJob, code: int) -> None:
    folder = make_job("sh", "-c", f"exit {code}")
    assert run(shell, folder).returncode == code
    ended = folder.exit()
    assert ended is not None
    assert (ended.exit_code, ended.timed_out, ended.asked, ended.node) == (
        code,
        False,
        "",
        os.uname().nodename,
    )
    assert ended.usage.wall_seconds is not None
    assert ended.usage.wall_seconds >= 0
    assert (folder.started() or {})["node"] == os.uname().nodename


def test_tool_that_is_not_there(shell: list[str], make_job: MakeJob) -> None:
    folder = make_job("/no/such/tool")
    assert run(shell, folder).returncode == 127
    assert "/no/such/tool" in (folder.path / "log.txt").read_text()


def test_tool_that_a_signal_ended(shell: list[str], make_job: MakeJob) -> None:
    folder = make_job("sh", "-c", "kill -9 $$")
    run(shell, folder)
    ended = folder.exit()
    assert ended is not None
    assert (ended.exit_code, ended.asked) == (128 + 9, "")


def test_log_and_redirections(shell: list[str], make_job: MakeJob, tmp_path: Path) -> None:
    (tmp_path / "in put").write_text("given\n")
    folder = make_job("sh", "-c", "cat; echo said; echo cried >&2")
    assert run(shell, folder).stdout == ""
    assert (folder.path / "log.txt").read_text() == "said\ncried\n"
    out = tmp_path / "it's out.txt"
    redirected = make_job(
        "sh",
        "-c",
        "cat; echo cried >&2",
        stdin=str(tmp_path / "in put"),
        stdout=str(out),
        stderr=f"{out}.err",
    )
    run(shell, redirected)
    assert out.read_text() == "given\n"
    assert Path(f"{out}.err").read_text() == "cried\n"
    assert not (redirected.path / "log.txt").exists()


def test_environment_is_the_documents_alone(
    shell: list[str], make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OF_THE_NODE", "yes")
    show = ("sh", "-c", 'echo "$MINE-$OF_THE_NODE"; echo "$PATH"')
    alone, beside = make_job(*show, environment={"MINE": "1"}), make_job(*show, inherit=True)
    run(shell, alone)
    run(shell, beside)
    assert (alone.path / "log.txt").read_text().startswith("1-\n")
    assert (beside.path / "log.txt").read_text().startswith("-yes\n")


def test_default_path_has_the_nodes_own_behind_it(
    shell: list[str], make_job: MakeJob, tmp_path: Path
) -> None:
    folder = make_job("sh", "-c", 'echo "$PATH"', environment={"PATH": "/worker"})
    run(shell, folder)
    assert (folder.path / "log.txt").read_text() == f"/worker:{os.environ['PATH']}\n"


def test_program_whose_name_looks_like_a_variable(
    shell: list[str], make_job: MakeJob, tmp_path: Path
) -> None:
    program = tmp_path / "a=b"
    program.write_text('#!/bin/sh\necho ran "$@"\n')
    program.chmod(0o755)
    folder = make_job(str(program), "x y")
    assert run(shell, folder).returncode == 0
    assert (folder.path / "log.txt").read_text() == "ran x y\n"


def test_time_limit(shell: list[str], make_job: MakeJob) -> None:
    folder = make_job("sh", "-c", "sleep 600 & sleep 600", time_limit=0.3)
    run(shell, folder)
    ended = folder.exit()
    assert ended is not None
    assert (ended.exit_code, ended.timed_out, ended.asked) == (128 + 15, True, "")
    group = group_of(folder)
    assert group is not None
    assert not group_runs(group)


def test_time_limit_that_is_kept(shell: list[str], make_job: MakeJob) -> None:
    folder = make_job("true", time_limit=600)
    assert run(shell, folder).returncode == 0
    assert folder.exit() is not None


@pytest.mark.parametrize(("number", "name"), [(15, "TERM"), (2, "INT"), (1, "HUP")])
def test_signal_ends_the_whole_group(shell: list[str], make_job: MakeJob, number: int, name: str) -> None:
    folder = make_job("sh", "-c", "sleep 600 & sleep 600 & echo ready; wait")
    child = subprocess.Popen(
        [*shell, str(folder.path / "job.sh")],
        start_new_session=True,
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
    )
    log = folder.path / "log.txt"
    until(lambda: log.exists() and "ready" in log.read_text())
    group = until(lambda: group_of(folder))
    child.send_signal(number)
    child.wait(timeout=60)
    ended = folder.exit()
    assert ended is not None, name
    assert (ended.exit_code, ended.timed_out, ended.asked) == (128 + 15, False, str(number))
    assert not group_runs(group)


def test_tool_that_ignores_the_request_is_killed(shell: list[str], make_job: MakeJob) -> None:
    folder = make_job("sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.1; done")
    script = folder.path / "job.sh"
    script.write_text(script.read_text().replace("left=$((10 * 5))", "left=2"))
    child = subprocess.Popen([*shell, str(script)], start_new_session=True)
    log = folder.path / "log.txt"
    until(lambda: log.exists() and "ready" in log.read_text())
    group = until(lambda: group_of(folder))
    child.terminate()
    child.wait(timeout=60)
    ended = folder.exit()
    assert ended is not None
    assert (ended.exit_code, ended.asked) == (128 + 9, "15")
    assert not group_runs(group)


def test_tool_that_ends_well_when_asked(shell: list[str], make_job: MakeJob) -> None:
    folder = make_job("sh", "-c", "trap 'exit 3' TERM; echo ready; while :; do sleep 0.1; done")
    child = subprocess.Popen([*shell, str(folder.path / "job.sh")], start_new_session=True)
    log = folder.path / "log.txt"
    until(lambda: log.exists() and "ready" in log.read_text())
    child.terminate()
    child.wait(timeout=60)
    ended = folder.exit()
    assert ended is not None
    assert (ended.exit_code, ended.asked) == (3, "15")


def test_second_start_does_nothing(shell: list[str], make_job: MakeJob) -> None:
    folder = make_job("sh", "-c", "echo once; exit 4")
    run(shell, folder)
    first = {p: p.read_bytes() for p in folder.path.rglob("*") if p.is_file()}
    again = run(shell, folder)
    assert again.returncode == DUPLICATE_STATUS
    assert "started before" in again.stderr
    assert {p: p.read_bytes() for p in folder.path.rglob("*") if p.is_file()} == first


def test_two_starts_at_a_time_run_it_once(shell: list[str], make_job: MakeJob) -> None:
    folder = make_job("sh", "-c", "echo once; sleep 0.2")
    words = [*shell, str(folder.path / "job.sh")]
    children = [subprocess.Popen(words, stderr=subprocess.DEVNULL) for _ in range(5)]
    assert sorted(child.wait() for child in children) == [0, *[DUPLICATE_STATUS] * 4]
    assert (folder.path / "log.txt").read_text() == "once\n"


@pytest.mark.parametrize("how", ["cancelled", "concluded"])
def test_job_that_is_not_wanted_any_more_does_not_start(
    shell: list[str], make_job: MakeJob, how: str
) -> None:
    folder = make_job("echo", "ran")
    folder.write_wish("hold")
    if how == "cancelled":
        folder.write_wish("cancel")
    else:
        folder.conclude("abandoned")
    assert run(shell, folder).returncode == DUPLICATE_STATUS
    assert folder.started() is None
    assert not (folder.path / "log.txt").exists()


def test_native_id_of_the_batch_system(
    shell: list[str], make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PBS_JOBID", "17.server")
    folder = make_job("true")
    run(shell, folder)
    assert (folder.started() or {})["native"] == "17.server"


def test_cpu_seconds_are_the_tools(shell: list[str], make_job: MakeJob) -> None:
    folder = make_job(sys.executable, "-c", "import time\nwhile time.process_time() < 0.5: pass")
    run(shell, folder)
    ended = folder.exit()
    assert ended is not None
    assert ended.cpu_seconds is not None
    # Shells count in ticks.
    assert ended.cpu_seconds >= 0.4


@pytest.mark.parametrize("says", ["1700000000.%N", "1700000000.N", "1700000000", "1700000000.25"])
def test_clocks_without_fractions(
    shell: list[str], make_job: MakeJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str
) -> None:
    clock = tmp_path / "bin" / "date"
    clock.parent.mkdir()
    clock.write_text(f"#!/bin/sh\necho {says}\n")
    clock.chmod(0o755)
    monkeypatch.setenv("PATH", f"{clock.parent}:{os.environ['PATH']}")
    folder = make_job("true")
    run(shell, folder)
    ended = folder.exit()
    assert ended is not None
    # A busybox that prefers its own commands has its own clock.
    assert isinstance(ended.started, int | float)
    assert isinstance((folder.started() or {})["at"], int | float)


def test_container_is_ended_by_its_engine(shell: list[str], make_job: MakeJob, tmp_path: Path) -> None:
    engine = tmp_path / "engine"
    engine.write_text(f'#!/bin/sh\necho "$@" >>"{tmp_path}/asked"\n')
    engine.chmod(0o755)
    folder = make_job(
        "sh",
        "-c",
        "echo ready; sleep 600",
        inherit=True,
        engine=str(engine),
        containers=str(tmp_path / "ids"),
        image="debian:12",
    )
    (tmp_path / "ids").mkdir()
    (tmp_path / "ids" / "one.cid").write_text("abc")
    (tmp_path / "ids" / "empty.cid").write_text("")
    child = subprocess.Popen([*shell, str(folder.path / "job.sh")], start_new_session=True)
    until(lambda: (folder.path / "log.txt").exists() and (folder.path / "log.txt").read_text())
    child.terminate()
    child.wait(timeout=60)
    assert (tmp_path / "asked").read_text() == "kill abc\n"


TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
BYTES = st.binary(max_size=20).map(lambda b: b.replace(b"\0", b"").decode(errors="surrogateescape"))
NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,12}", fullmatch=True).filter(lambda n: n not in ("PATH", "_"))


@pytest.mark.parametrize("words", SHELLS.values(), ids=SHELLS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    environment=st.dictionaries(NAMES, TEXT | BYTES, max_size=4),
    arguments=st.lists(TEXT | BYTES, max_size=4),
    name=TEXT.map(lambda t: t.replace("/", "")).filter(lambda t: t not in ("", ".", "..") and len(t) < 40),
)
def test_environment_and_arguments_arrive_byte_for_byte(
    words: list[str], environment: dict[str, str], arguments: list[str], name: str
) -> None:
    if shutil.which(words[0]) is None:
        pytest.skip(f"{words[0]} is not installed")
    show = (
        "import json, os, sys; json.dump([{k.hex(): v.hex() for k, v in os.environb.items()},"
        " [os.fsencode(a).hex() for a in sys.argv[1:]], os.getcwdb().hex()], open('seen', 'w'))"
    )
    with tempfile.TemporaryDirectory() as root:
        folder = job_in(Path(root) / name, sys.executable, "-ISc", show, *arguments, environment=environment)
        done = run(words, folder)
        assert done.returncode == 0, (done.stderr, (folder.path / "log.txt").read_bytes())
        seen, given_arguments, cwd = json.loads((folder.path / "out" / "seen").read_text())
        for key, value in environment.items():
            assert seen[key.encode().hex()] == os.fsencode(value).hex()
        assert given_arguments == [os.fsencode(a).hex() for a in arguments]
        assert cwd == os.fsencode(folder.path / "out").hex()


def test_no_limit_where_none_is_asked_for() -> None:
    for limit in (None, 0.0, -1.0):
        text = render(Command(("true",), "/", time_limit=limit), Path("/job"), "")
        assert 'if [ -n "" ]' in text
