"""The fork server, with a trivial command."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.conformance import forkserver
from tests.conformance.launcher import ServerError, in_process
from tests.conformance.runner_client import UNREACHABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATIENCE = 90.0
"""Seconds that a test waits for what must come."""
ENTRY = """
import atexit, os, subprocess, sys, tempfile, threading, time

LOADED_IN = os.getpid()
WARM = []
atexit.register(lambda: os.environ.get("SAY_GOODBYE") and print("goodbye", flush=True))

def warm_up(word=None):
    WARM.append(word)

def main(argv):
    return globals()["do_" + argv[0]](*argv[1:])

def do_describe(*rest):
    given = os.environ.get("MARK"), len(os.environ.get("LONG", "")), sys.argv[1:], sys.stdin.read()
    print(os.getcwd(), *given, tempfile.gettempdir(), LOADED_IN != os.getpid(), WARM, sep="|")
    print("to stderr", file=sys.stderr)

def do_parent():
    print(os.getppid())

def do_status(number):
    return int(number)

def do_exit(text):
    sys.exit(int(text) if text.isdigit() else text)

def do_raise():
    raise RuntimeError("oh dear")

def do_signal(number):
    os.kill(os.getpid(), int(number))

def do_thread():
    threading.Thread(target=lambda: (time.sleep(0.2), print("from the thread"))).start()

def do_hang(folder):
    child = subprocess.Popen(["sleep", "600"])
    with open(os.path.join(folder, "part"), "w") as file:
        file.write(f"{os.getpid()} {child.pid}")
    os.rename(os.path.join(folder, "part"), os.path.join(folder, "pids"))
    time.sleep(600)
"""


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the module ``trivial``, on the import path of started interpreters."""
    folder = tmp_path_factory.mktemp("modules")
    (folder / "trivial.py").write_text(ENTRY)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(folder))
        yield folder


@pytest.fixture(scope="module")
def command(modules: Path) -> Iterator[Path]:
    """A command that runs ``trivial.main`` in one server for all tests of this file."""
    assert (modules / "trivial.py").exists()
    with in_process("trivial:main", ["trivial:warm_up", "trivial:warm_up=argument"]) as path:
        yield path


def run(command: Path, *words: str, **options: object) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return subprocess.run(  # type: ignore[call-overload,no-any-return]
        [command, *words],
        **{"capture_output": True, "text": True, "timeout": PATIENCE, "check": False, **options},
    )


def is_alive(pid: int) -> bool:
    """Tell whether a process exists and is not a zombie that its parent forgot."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state.rpartition(")")[2].split()[0] != "Z"


def wait_for(condition: Callable[[], bool], seconds: float = PATIENCE) -> bool:
    """Wait until ``condition`` holds; tell whether it does."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


@contextlib.contextmanager
def hanging(command: Path, folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], list[int]]]:
    """A client whose command hangs, and the pids of the command and of its child."""
    client = subprocess.Popen([command, "hang", str(folder)])
    try:
        assert wait_for((folder / "pids").exists)
        yield client, [int(pid) for pid in (folder / "pids").read_text().split()]
    finally:
        client.kill()
        client.wait()


def test_a_command_sees_what_its_client_was_given(command: Path, tmp_path: Path) -> None:
    """Arguments, directory, environment, standard streams and the temporary folder are the client's."""
    environment = {**os.environ, "MARK": "naïve = value", "LONG": "x" * 100_000, "TMPDIR": str(tmp_path)}
    done = run(command, "describe", "a b", "", "ü", cwd=tmp_path, env=environment, input="typed")
    assert done.returncode == 0
    words = "['describe', 'a b', '', 'ü']"
    warmed = "[None, 'argument']"
    assert done.stdout == f"{tmp_path}|naïve = value|100000|{words}|typed|{tmp_path}|True|{warmed}\n"
    assert done.stderr == "to stderr\n"


@pytest.mark.parametrize(
    ("words", "status", "stderr"),
    [
        (("status", "0"), 0, ""),
        (("status", "33"), 33, ""),
        (("exit", "7"), 7, ""),
        (("exit", "no such file"), 1, "no such file"),
        (("raise",), 1, "RuntimeError: oh dear"),
        (("signal", str(int(signal.SIGKILL))), 128 + signal.SIGKILL, ""),
    ],
)
def test_the_exit_status_is_the_interpreters(
    command: Path, words: tuple[str, ...], status: int, stderr: str
) -> None:
    """Returned numbers, SystemExit, exceptions and signals give the status that a shell would see."""
    done = run(command, *words)
    assert done.returncode == status
    assert done.stderr.strip().endswith(stderr)


def test_threads_and_exit_functions_end_as_in_an_interpreter(command: Path) -> None:
    """A command's threads are waited for, and its atexit functions run."""
    done = run(command, "thread", env={**os.environ, "SAY_GOODBYE": "1"})
    assert done.stdout == "from the thread\ngoodbye\n"


def test_many_clients_at_once(command: Path) -> None:
    """Each of several clients gets its own status."""
    with ThreadPoolExecutor(8) as pool:
        statuses = pool.map(lambda number: run(command, "status", str(number)).returncode, range(200))
    assert list(statuses) == list(range(200))


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes through /proc")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_killing_the_client_kills_the_command(command: Path, tmp_path: Path, number: signal.Signals) -> None:
    """What a dead client's command started dies with it; the server goes on."""
    with hanging(command, tmp_path) as (client, pids):
        client.send_signal(number)
        client.wait()
        assert wait_for(lambda: not any(is_alive(pid) for pid in pids))
    assert run(command, "status", "5").returncode == 5


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes through /proc")
@pytest.mark.usefixtures("modules")
def test_the_end_of_the_server_is_the_end_of_its_commands(tmp_path: Path) -> None:
    """Nothing outlives the block: no process, no file; a client that is left says so."""
    with contextlib.ExitStack() as stack:
        with in_process("trivial:main") as command:
            client, pids = stack.enter_context(hanging(command, tmp_path))
        # Killed, but perhaps not yet gone: the child's parent is not there to wait for it.
        assert wait_for(lambda: not any(is_alive(pid) for pid in pids))
        assert not command.parent.exists()
        assert client.wait(PATIENCE) != 0


@pytest.mark.usefixtures("modules")
def test_a_server_that_cannot_start_says_so(capfd: pytest.CaptureFixture[str]) -> None:
    """A module that cannot be imported is an error of the launcher, with Python's own words on stderr."""
    with pytest.raises(ServerError, match="no_such_module:main"), in_process("no_such_module:main"):
        pass
    assert "No module named 'no_such_module'" in capfd.readouterr().err


@pytest.mark.usefixtures("modules")
def test_a_server_that_did_not_last_is_an_error() -> None:
    """What ran after the server's end is not to be believed, so the block does not end quietly."""
    with contextlib.ExitStack() as stack:
        command = stack.enter_context(in_process("trivial:main"))
        os.kill(int(run(command, "parent").stdout), signal.SIGKILL)
        assert wait_for(lambda: run(command, "status", "0").returncode == UNREACHABLE)
        with pytest.raises(ServerError, match="before its time"):
            stack.close()


def test_a_stray_connection_does_no_harm(command: Path) -> None:
    """The server lives on after a connection that says nothing or nonsense."""
    for said in (b"", b"nonsense"):
        with socket.socket(socket.AF_UNIX) as stray:
            stray.connect(str(command.parent / "socket"))
            stray.sendall(said)
    assert run(command, "status", "4").returncode == 4


@pytest.mark.parametrize("name", ["trivial", "os:", ":path", "os:sep"])
def test_an_entry_must_name_something_to_call(name: str) -> None:
    """Only ``module:function`` will do."""
    with pytest.raises(ValueError, match=name):
        forkserver.resolve(name)
