"""Grid storages that run here: xrootd with WebDAV, and GridFTP; no user or service of the machine is needed."""

from __future__ import annotations

import os
import pwd
import shlex
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from chronos_plugin.data.location import Location
from tests import needs
from tests.services import SCRIPTS

PYTHON = "/usr/bin/python3"
_PROGRAMS = ("xrootd", "xrdcp", "globus-gridftp-server", "openssl")


@dataclass(frozen=True)
class Grid:
    """Servers of one folder.

    Attributes:
        folder: What is at the root of each.
        root, davs, gsiftp: URIs of that root.
    """

    home: Path
    folder: Path
    root: str
    davs: str
    gsiftp: str

    def options(self, location: Location) -> Mapping[str, Any]:
        """Return the options of the transport."""
        authorities = {"ca_directory": str(self.home / "ca")}
        if location.scheme == "gsiftp":
            return {**authorities, "x509_proxy": str(self.home / "user" / "user.both")}
        # The server asks for no token; with one, gfal2 has storages copy without delegating a certificate.
        return {**authorities, "token": "any"}


def gfal2_is_missing() -> str:
    """Return what is missing for tests with grid storages; empty where nothing is."""
    if missing := [name for name in _PROGRAMS if shutil.which(name) is None]:
        return f"no {', '.join(missing)}"
    found = Path(PYTHON).exists() and subprocess.run([PYTHON, "-c", "import gfal2"], capture_output=True)
    return "" if found and not found.returncode else "no gfal2 in the system's Python"


@pytest.fixture(scope="session")
def grid() -> Iterator[Grid]:
    """Storages that speak xrootd, WebDAV over TLS and GridFTP, with checksums and third-party copies."""
    if gfal2_is_missing() and needs.may_start_servers():
        done = subprocess.run([SCRIPTS / "gfal2.sh"], capture_output=True, text=True)
        assert done.returncode in (0, 3), done.stderr
    if missing := gfal2_is_missing():
        pytest.skip(missing)
    with ExitStack() as stack:
        # The server runs as another user than root, for whom pytest's own folders are closed.
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chronos-grid-")))
        home.chmod(0o755)
        for name in ("root", "admin", "run", "ca", "user"):
            (home / name).mkdir()
        (home / "root").chmod(0o777)
        _certificates(home)
        xrootd, web = _start_xrootd(home, stack)
        gridftp = _start_gridftp(home, stack)
        # A server recognises itself in third-party copies by its address.
        root = f"root://127.0.0.1:{xrootd}//"
        yield Grid(
            home, home / "root", root, f"davs://localhost:{web}", f"gsiftp://localhost:{gridftp}{home}/root"
        )


def _start_xrootd(home: Path, stack: ExitStack) -> tuple[int, int]:
    root_port, web_port = _free_port(), _free_port()
    (home / "xrootd.cfg").write_text(f"""\
all.export /
oss.localroot {home}/root
xrd.port {root_port}
all.adminpath {home}/admin
all.pidpath {home}/run
xrootd.chksum max 2 adler32
xrd.tls {home}/host.pem {home}/host.key
xrd.tlsca certfile {home}/ca.pem
xrd.protocol http:{web_port} libXrdHttp.so
http.exthandler xrdtpc libXrdHttpTPC.so
http.desthttps no
http.selfhttps2http no
ofs.tpc pgm {shutil.which("xrdcp")} --server
""")
    command = ["xrootd", "-l", str(home / "log"), "-c", str(home / "xrootd.cfg")]
    if os.getuid() == 0:
        owner = pwd.getpwnam("nobody")
        for path in (home, *home.rglob("*")):
            if path.parent.name != "user":
                os.chown(path, owner.pw_uid, owner.pw_gid)
        command[1:1] = ["-R", "nobody"]
    _serve(command, {}, home, (root_port, web_port), stack)
    return root_port, web_port


def _start_gridftp(home: Path, stack: ExitStack) -> int:
    port, user = _free_port(), home / "user"
    (user / "gridmap").write_text(f'"/O=Test/CN=user" {pwd.getpwuid(os.getuid()).pw_name}\n')
    for name in ("host.pem", "host.key"):
        shutil.copy(home / name, user / name)
    words = f"-control-interface 127.0.0.1 -data-interface 127.0.0.1 -p {port} -d ERROR -l {user}/log"
    command = ["globus-gridftp-server", *shlex.split(words)]
    if os.getuid() == 0:
        command.append("-allow-root")
    environment = {
        "X509_CERT_DIR": str(home / "ca"),
        "X509_USER_CERT": str(user / "host.pem"),
        "X509_USER_KEY": str(user / "host.key"),
        "GRIDMAP": str(user / "gridmap"),
    }
    _serve(command, environment, user, (port,), stack)
    return port


def _serve(
    command: list[str], environment: Mapping[str, str], folder: Path, ports: tuple[int, ...], stack: ExitStack
) -> None:
    """Start a server, wait for it, and end it with ``stack``."""
    process = subprocess.Popen(
        command,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=folder,
    )
    stack.callback(process.wait)
    stack.callback(process.terminate)
    for port in ports:
        _wait_for(port, process)


def _certificates(home: Path) -> None:
    """Make an authority, a certificate of the servers, and one of a user."""

    def openssl(words: str, *more: str) -> str:
        line = ["openssl", *shlex.split(words), *more]
        return subprocess.run(line, cwd=home, capture_output=True, text=True, check=True).stdout.strip()

    openssl(
        "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj '/O=Test/CN=Test CA'",
        *("-addext", "basicConstraints=critical,CA:TRUE"),
    )
    (home / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1")
    for name, subject in (("host", "localhost"), ("user/user", "user")):
        openssl(f"req -newkey rsa:2048 -nodes -keyout {name}.key -out {name}.csr -subj /O=Test/CN={subject}")
        openssl(
            f"x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out {name}.pem -days 2 "
            "-extfile names"
        )
        (home / f"{name}.key").chmod(0o400)
    both = home / "user" / "user.both"
    both.write_bytes(both.with_suffix(".pem").read_bytes() + both.with_suffix(".key").read_bytes())
    both.chmod(0o600)
    digest = openssl("x509 -in ca.pem -noout -hash")
    shutil.copy(home / "ca.pem", home / "ca" / f"{digest}.0")
    (home / "ca" / f"{digest}.signing_policy").write_text(
        "access_id_CA X509 '/O=Test/CN=Test CA'\npos_rights globus CA:sign\n"
        "cond_subjects globus '\"/O=Test/*\"'\n"
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        if process.poll() is not None:
            pytest.fail(f"the server ended with {process.returncode}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    pytest.fail("the server does not answer")
