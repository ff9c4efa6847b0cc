"""One running installation: its database, its components, and its end."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from chronos_plugin.errors import ServiceFailed
from deploy.demo import configuration
from deploy.demo.configuration import Address, Secrets
from deploy.demo.errors import DemoError, NotReady
from deploy.demo.layout import Layout, read_json, write_private
from deploy.demo.lock import RunLock
from deploy.demo.ports import reserve
from deploy.demo.processes import ProcessGroup, end, tail
from deploy.demo.proctable import ProcessId

if TYPE_CHECKING:
    from chronos_plugin.client import Client

PORT = 8080
START_TIMEOUT = 180.0
_POLL_SECONDS = 0.2
_HEALTHY = frozenset({"metadatabase", "scheduler", "dag_processor", "triggerer"})
_SCRIPTS = Path(__file__).resolve().parent


class Installation(NamedTuple):
    """What a started installation is reached by; ``api`` is logged in as its administrator."""

    api: Client
    processes: ProcessGroup
    address: Address
    keys: Secrets


@contextlib.contextmanager
def started(
    layout: Layout,
    lock: RunLock,
    pause: Callable[[float], None] = time.sleep,
    changes: configuration.Changes = MappingProxyType({}),
) -> Iterator[Installation]:
    """Start all components, wait until they are healthy, and stop them and all they started at the end.

    Args:
        layout: The installation's files.
        lock: Its lock, which is held.
        pause: Waits; raises when there is no point in waiting.
        changes: Settings over the demo's own.

    Raises:
        DemoError: The installation did not come up; the message says what its logs say.
    """
    with reserve(PORT) as port:
        if port != PORT:
            print(f"port {PORT} is taken; using {port}")
        address = Address(os.environ.get("CHRONOS_HOST") or "127.0.0.1", port)
        yield from _started(layout, lock, pause, address, changes)


def _started(
    layout: Layout,
    lock: RunLock,
    pause: Callable[[float], None],
    address: Address,
    changes: configuration.Changes,
) -> Iterator[Installation]:
    keys = Secrets.load(layout.secrets)
    configuration.write(layout, address, keys, changes)
    environment = configuration.environment(layout, dict(os.environ))
    prepare_database(layout, keys, environment, pause)
    processes = ProcessGroup(
        # -P: the demo's own modules are no import of Airflow's and of the workflows'.
        [sys.executable, "-P", str(_SCRIPTS / "loader.py")],
        environment,
        layout.logs,
    )
    try:
        print("starting API server, scheduler, DAG processor, triggerer", flush=True)
        processes.start()
        lock.publish(address.public, processes.leaders())
        # Imported while the components load. The server is on this machine, and whether it lives is
        # asked of its process.
        from chronos_plugin.client import Client

        api = Client(f"http://{address.client_host}:{address.port}", patience=0, proxies=False)
        with contextlib.closing(api):
            wait_until_healthy(api, processes, pause)
            _log_in(api, keys, layout)
            yield Installation(api, processes, address, keys)
    finally:
        processes.stop()


def prepare_database(
    layout: Layout, keys: Secrets, environment: dict[str, str], pause: Callable[[float], None]
) -> None:
    """Make or migrate the database, unless it was made for what is installed now.

    Raises:
        DemoError: It could not be made.
    """
    wanted = database_mark(layout.checkout, keys)
    known = read_json(layout.database_stamp)
    if layout.database.exists() and known == wanted:
        return
    print("preparing the database (once)", flush=True)
    log = layout.logs / "database.log"
    request = {
        "user": configuration.USER,
        "password": keys.password,
        # A password that somebody changed in the web interface is theirs.
        "reset_password": known.get("password") != wanted["password"],
    }
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-P", str(_SCRIPTS / "database.py")],
            stdin=subprocess.PIPE,
            stdout=stream,
            stderr=subprocess.STDOUT,
            cwd=layout.home,
            env=environment,
            # Ctrl-C reaches the demo only.
            start_new_session=True,
        )
    try:
        if process.stdin is not None:
            with process.stdin as stdin, contextlib.suppress(BrokenPipeError):
                stdin.write(json.dumps(request).encode())
        while process.poll() is None:
            pause(_POLL_SECONDS)
    finally:
        end([ProcessId.of(process.pid)] if process.poll() is None else [])
        process.wait()
    if process.returncode:
        last = "\n".join(f"  {line}" for line in tail(log, 20))
        raise DemoError(f"The database could not be prepared. The last lines of {log}:\n{last}")
    write_private(layout.database_stamp, json.dumps(wanted, indent=2) + "\n")


def database_mark(checkout: Path, keys: Secrets) -> dict[str, str]:
    """Return what a database is made for: the locked packages, CHRONOS's own tables and rights, the account.

    Two databases with equal marks are interchangeable.
    """
    sources = [checkout / "pyproject.toml", *sorted((checkout / "requirements").glob("*.txt"))]
    sources += sorted((checkout / "chronos_plugin").glob("**/migrations/**/*.py"))
    sources += (checkout / "chronos_plugin").glob("permissions.py")
    digest = hashlib.sha256(sys.version.encode())
    for source in sources:
        digest.update(source.name.encode() + b"\0" + source.read_bytes() + b"\0")
    return {
        "installed": digest.hexdigest(),
        "password": hashlib.sha256(keys.password.encode()).hexdigest(),
    }


def wait_until_healthy(
    api: Client,
    processes: ProcessGroup,
    pause: Callable[[float], None] = time.sleep,
    timeout: float = START_TIMEOUT,
) -> None:
    """Return as soon as every component reports that it is healthy.

    Raises:
        ComponentDied: A component ended instead.
        NotReady: They did not report in time.
    """
    deadline = time.monotonic() + timeout
    state: dict[str, str] = {}
    while time.monotonic() < deadline:
        processes.check()
        # It does not answer before it has loaded everything.
        with contextlib.suppress(ServiceFailed):
            state = api.health()
            if all(state.get(name) == "healthy" for name in _HEALTHY):
                return
        pause(_POLL_SECONDS)
    missing = ", ".join(sorted(name for name in _HEALTHY if state.get(name) != "healthy"))
    raise NotReady(f"Not healthy after {timeout:.0f} s: {missing if state else 'the API server'}")


def _log_in(api: Client, keys: Secrets, layout: Layout) -> None:
    try:
        api.log_in(configuration.USER, keys.password)
    except ServiceFailed as problem:
        if problem.status != 401:
            raise
        raise DemoError(
            f"The password of {configuration.USER} is no longer the one in {layout.secrets}. "
            "Write the new one there, or remove the file to have one made."
        ) from problem
