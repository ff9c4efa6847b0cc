"""Grid storages: gfal2 in a process of its own, against servers of xrootd, WebDAV and GridFTP."""

from __future__ import annotations

import os
import signal
import stat
import textwrap
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chronos_plugin.data.access import DataAccess, DataOptions
from chronos_plugin.data.gfal2 import Gfal2Transport
from chronos_plugin.data.location import Location, parse
from chronos_plugin.data.transport import Status, no_options
from chronos_plugin.errors import DataMissing, TransferFailed, TransferRefused, TransferStopped

CONTENT = os.urandom(6 << 20)
PROTOCOLS = ["root", "davs", "gsiftp"]


@pytest.fixture
def transport(grid: Any) -> Iterator[Gfal2Transport]:
    made = Gfal2Transport(grid.options, 30, "/usr/bin/python3")
    yield made
    made.close()


@pytest.fixture
def place(grid: Any) -> Iterator[Callable[..., Location]]:
    """Give the location of a file by a protocol, with the content that it is to have."""
    written: list[Path] = []

    def locate(protocol: str, name: str, content: bytes | None = None) -> Location:
        file = grid.folder / name
        if content is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.parent.chmod(0o777)
            file.write_bytes(content)
        written.append(file)
        return parse(getattr(grid, protocol)).child(name)

    yield locate
    for file in written:
        if file.is_file():
            file.unlink()


@pytest.mark.gfal2
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_stat(transport: Gfal2Transport, place: Any, protocol: str) -> None:
    status = transport.stat(place(protocol, "d/a b.nc", CONTENT))
    assert status.size == len(CONTENT)
    assert status.validator
    assert not status.directory
    assert transport.stat(place(protocol, "d")).directory
    with pytest.raises(DataMissing, match="no such file"):
        transport.stat(place(protocol, "gone"))


@pytest.mark.gfal2
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_download_goes_on(transport: Gfal2Transport, place: Any, tmp_path: Path, protocol: str) -> None:
    location, part, counts = place(protocol, "a", CONTENT), tmp_path / "part", []
    part.write_bytes(CONTENT[:1_000_000])
    transport.get(location, transport.stat(location), part, counts.append)
    assert part.read_bytes() == CONTENT
    assert sum(counts) == len(CONTENT) - 1_000_000


@pytest.mark.gfal2
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_damage_is_found_by_the_storages_checksum(
    transport: Gfal2Transport, place: Any, tmp_path: Path, protocol: str
) -> None:
    location, part = place(protocol, "damaged", CONTENT), tmp_path / "part"
    part.write_bytes(b"x" * 1000)
    with pytest.raises(TransferFailed, match=f"its adler32 is .*, not {zlib.adler32(CONTENT):08x}"):
        transport.get(location, transport.stat(location), part, lambda _: None)
    assert not part.exists()


@pytest.mark.gfal2
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_upload_is_checked(
    transport: Gfal2Transport, place: Any, grid: Any, tmp_path: Path, protocol: str
) -> None:
    file, counts = tmp_path / "f", []
    file.write_bytes(CONTENT)
    location = place(protocol, f"new-{protocol}/deep/f")
    transport.put(file, location, {}, counts.append)
    assert (grid.folder / f"new-{protocol}" / "deep" / "f").read_bytes() == CONTENT
    assert sum(counts) == len(CONTENT)
    file.write_bytes(b"another")
    transport.put(file, location, {}, lambda _: None)
    assert transport.stat(location).size == 7
    transport.remove(location)
    transport.remove(location)
    with pytest.raises(DataMissing):
        transport.stat(location)


@pytest.mark.gfal2
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_third_party_copy(
    transport: Gfal2Transport,
    place: Any,
    grid: Any,
    protocol: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", "chronos.data")
    source, target = place(protocol, "a", CONTENT), place(protocol, f"copy-{protocol}")
    assert transport.can_copy(source, target)
    transport.copy(source, target, lambda _: None)
    assert (grid.folder / f"copy-{protocol}").read_bytes() == CONTENT
    assert "copied (by the storages" in caplog.text


@pytest.mark.gfal2
def test_copy_between_protocols(transport: Gfal2Transport, place: Any, grid: Any) -> None:
    transport.copy(place("davs", "a", CONTENT), place("root", "crossed"), lambda _: None)
    assert (grid.folder / "crossed").read_bytes() == CONTENT


@pytest.mark.gfal2
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_list_and_first_bytes(transport: Gfal2Transport, place: Any, protocol: str) -> None:
    place(protocol, "l/sub/b", b"b")
    first = place(protocol, "l/a", b"0123456789")
    assert [(e.name, e.directory) for e in transport.list(first.parent())] == [("a", False), ("sub", True)]
    assert transport.read(first, 4) == b"0123"
    assert transport.read(first, 99) == b"0123456789"


@pytest.mark.gfal2
def test_what_has_no_authority_is_not_trusted(grid: Any, place: Any) -> None:
    transport = Gfal2Transport(no_options, 30, "/usr/bin/python3")
    with pytest.raises((TransferFailed, TransferRefused)):
        transport.stat(place("davs", "a", CONTENT))
    transport.close()


@pytest.mark.gfal2
@pytest.mark.parametrize("uri", ["gsiftp://127.0.0.1:1/x", "srm://127.0.0.1:1/x", "root://127.0.0.1:1//x"])
def test_storages_that_are_not_there(uri: str) -> None:
    """No server of SRM can be had: what is seen is that its plugin answers."""
    transport = Gfal2Transport(no_options, 4, "/usr/bin/python3")
    with pytest.raises((TransferFailed, TransferRefused)):
        transport.stat(parse(uri))
    transport.close()


@pytest.fixture
def helper(tmp_path: Path) -> Callable[[str], Gfal2Transport]:
    """A transport whose helper is a program of the test, in the place of the interpreter."""

    def make(body: str) -> Gfal2Transport:
        program = tmp_path / "python"
        program.write_text("#!/usr/bin/python3\nimport json, sys, time\n" + textwrap.dedent(body))
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        return Gfal2Transport(no_options, 1.0, str(program))

    return make


def test_a_helper_that_says_nothing_is_ended(helper: Any) -> None:
    transport = helper("sys.stdin.readline()\ntime.sleep(600)")
    with pytest.raises(TransferFailed, match="no answer for 1 s"):
        transport.stat(parse("root://h//x"))


def test_a_helper_that_crashes_is_told(helper: Any) -> None:
    transport = helper("import os, signal\nsys.stdin.readline()\nos.kill(os.getpid(), signal.SIGSEGV)")
    with pytest.raises(TransferFailed, match=f"status {-signal.SIGSEGV}"):
        transport.stat(parse("root://h//x"))


def test_progress_keeps_a_slow_transfer_alive(helper: Any, tmp_path: Path) -> None:
    transport = helper(
        """
        for line in sys.stdin:
            request = json.loads(line)
            if request["do"] == "get":
                for n in range(1, 5):
                    time.sleep(0.5)
                    print(json.dumps({"bytes": n}), flush=True)
                print(json.dumps({"result": 5}), flush=True)
            elif request["do"] == "stat":
                print(json.dumps({"result": {"size": 5, "modified": 1, "directory": False}}), flush=True)
            else:
                print(json.dumps({"error": {"code": 38, "message": "no checksums here"}}), flush=True)
        """
    )
    counts: list[int] = []
    location = parse("root://h//x")
    transport.get(location, transport.stat(location), tmp_path / "part", counts.append)
    assert sum(counts) == 5
    transport.close()


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (2, DataMissing),
        (13, TransferRefused),
        (38, TransferRefused),
        (5, TransferFailed),
        (110, TransferFailed),
    ],
)
def test_errors(helper: Any, code: int, kind: type[Exception]) -> None:
    transport = helper(
        f"""
        for line in sys.stdin:
            print(json.dumps({{"error": {{"code": {code}, "message": "said so"}}}}), flush=True)
        """
    )
    with pytest.raises(kind, match="said so"):
        transport.stat(parse("root://h//x"))
    transport.close()


def test_an_interpreter_without_gfal2_is_told(helper: Any) -> None:
    transport = helper(
        "sys.modules['gfal2'] = None\nimport runpy\nrunpy.run_path(sys.argv[2], run_name='__main__')"
    )
    with pytest.raises(TransferRefused, match=r"python3-gfal2.*gfal2_python"):
        transport.stat(parse("root://h//x"))


def test_no_such_interpreter() -> None:
    with pytest.raises(TransferRefused, match="cannot start /no/python"):
        Gfal2Transport(no_options, 1, "/no/python").hello()


def test_credentials_reach_the_helper_by_its_input_alone(helper: Any, tmp_path: Path) -> None:
    record = tmp_path / "record"
    transport = helper(
        f"""
        line = sys.stdin.readline()
        open({str(record)!r}, "w").write(json.dumps([json.loads(line), sys.argv, open("/proc/self/environ").read()]))
        print(json.dumps({{"result": {{"size": 5, "modified": 1, "directory": False}}}}), flush=True)
        sys.stdin.readline()
        """
    )
    transport._options = lambda _: {"token": "s3cret", "ca_directory": "/ca", "options": {"G:K": 1}}
    transport.stat(parse("davs://h/x"))
    import json

    request, argv, environment = json.loads(record.read_text())
    assert request["credentials"] == [{"kind": "BEARER", "value": "s3cret", "prefix": "davs://h"}]
    assert request["environment"] == {"X509_CERT_DIR": "/ca"}
    assert request["options"] == {"G:K": 1}
    assert "s3cret" not in str(argv) + environment
    transport.close()


def test_a_task_that_ends_ends_its_helper(helper: Any, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    transport = helper(
        f"import os\nopen({str(pid)!r}, 'w').write(str(os.getpid()))\nsys.stdin.readline()\ntime.sleep(600)"
    )
    transport._timeout = 60.0
    stopping = threading.Event()
    with DataAccess(DataOptions(), stopping.is_set) as data:

        def get() -> None:
            with pytest.raises(TransferStopped):
                data.persist(
                    "x",
                    lambda told: transport.get(parse("root://h//x"), Status(5), tmp_path / "part", told),
                )

        thread = threading.Thread(target=get)
        thread.start()
        while not pid.exists() or not pid.read_text():
            time.sleep(0.01)
        stopping.set()
        thread.join(90)
        assert not thread.is_alive()
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


@pytest.mark.gfal2
def test_the_helper_ends_with_who_started_it(grid: Any) -> None:
    """Killed with kill -9, a task leaves no helper behind: its standard input ends."""
    import subprocess

    from chronos_plugin.data import gfal2_agent

    process = subprocess.Popen(
        ["/usr/bin/python3", "-I", gfal2_agent.__file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b'{"do": "hello"}\n')
    process.stdin.flush()
    assert b"xrootd" in process.stdout.readline()
    process.stdin.close()
    assert process.wait(90) == 0
    process.stdout.close()
