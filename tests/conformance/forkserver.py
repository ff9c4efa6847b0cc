"""Runs a Python command many times for the price of one import.

    python -P forkserver.py --socket PATH [--warm CALL ...] MODULE:FUNCTION

imports ``MODULE`` once and listens on a Unix socket. For each client (runner_client.py) it forks: the child
takes over the client's arguments, working directory, environment, umask and standard streams, calls
``FUNCTION(arguments)`` as a console script would, and ends with its status. The command is thus the one that
a user would start, without the seconds that importing it costs.

Contract:

* ``FUNCTION`` takes the arguments (a list of strings, without the program's name) and returns a status or
  ``None``.
* A command leads its own process group. When its client goes away, the group gets SIGTERM, and SIGKILL after
  ``GRACE`` seconds or when the command has ended.
* The server ends, with all its commands, on SIGTERM, SIGINT or the end of its standard input.
* ``ready`` is printed when clients can connect.
"""

from __future__ import annotations

import argparse
import atexit
import contextlib
import gc
import importlib
import os
import selectors
import signal
import socket
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

# cwltool asks the engine to kill a container and waits up to 10 seconds for that.
GRACE = 12.0
# A client sends its request at once; only a stray connection is silent.
PATIENCE = 10.0
STOPPING = (signal.SIGTERM, signal.SIGINT)

Entry = Callable[[list[str]], object]


@dataclass(frozen=True)
class Request:
    """What a client asks for: one command, described as ``execve`` would want it."""

    directory: bytes
    umask: int
    name: str
    arguments: list[str]
    environment: dict[bytes, bytes]
    streams: list[int]


@dataclass
class Command:
    """A running command and the connection of its client, ``None`` once that is gone."""

    pid: int
    client: socket.socket | None
    kill_at: float | None = None


def resolve(name: str) -> Callable[..., object]:
    """Return the callable that ``module:function`` names.

    Raises:
        ValueError: ``name`` has another form, or names something that cannot be called.
    """
    module, _, attribute = name.partition(":")
    if not module or not attribute:
        raise ValueError(f"{name!r} is not of the form module:function")
    found: Any = importlib.import_module(module)
    for part in attribute.split("."):
        found = getattr(found, part)
    if not callable(found):
        raise ValueError(f"{name!r} cannot be called")
    return found  # type: ignore[no-any-return]


def warm(call: str) -> None:
    """Call ``module:function`` or ``module:function=argument`` once, for what that leaves in memory."""
    name, equals, argument = call.partition("=")
    resolve(name)(*([argument] if equals else []))


def receive(connection: socket.socket) -> Request:
    """Read the request that ``runner_client.request`` wrote.

    Raises:
        OSError: the client is gone, or not one of ours.
    """
    connection.settimeout(PATIENCE)
    data, streams, _, _ = socket.recv_fds(connection, 65536, 3)
    try:
        while len(data) < 8 or len(data) < 8 + int.from_bytes(data[:8], "big"):
            more = connection.recv(65536)
            if not more:
                raise ConnectionError("the request ends too early")
            data += more
        if len(streams) != 3:
            raise ConnectionError("the request carries no standard streams")
    except OSError:
        _close(streams)
        raise
    connection.settimeout(None)
    directory, mask, count, *fields = data[8:].split(b"\0")
    words = [os.fsdecode(word) for word in fields[: int(count)]]
    pairs = [field.partition(b"=") for field in fields[int(count) :]]
    environment = {key: value for key, _, value in pairs}
    return Request(directory, int(mask), words[0], words[1:], environment, streams)


def _close(descriptors: Sequence[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def become(request: Request) -> None:
    """Take over everything of a client that a started program would have inherited."""
    for number, stream in enumerate(request.streams):
        os.dup2(stream, number)
    _close(request.streams)
    os.chdir(request.directory)
    os.umask(request.umask)
    os.environb.clear()
    os.environb.update(request.environment)
    # Both were settled when the server started, from its own environment.
    tempfile.tempdir = None
    sys.argv = [request.name, *request.arguments]


def conduct(entry: Entry, arguments: list[str]) -> int:
    """Call ``entry`` and return the exit status that the interpreter would give it; errors go to stderr."""
    try:
        result = entry(arguments)
    except SystemExit as error:
        result = error.code
    except BaseException:  # noqa: BLE001  what the interpreter itself does at its outermost level
        traceback.print_exc()
        return 1
    if result is None:
        return 0
    if isinstance(result, int):
        return result & 0xFF
    print(result, file=sys.stderr)
    return 1


def run_and_exit(entry: Entry, request: Request) -> NoReturn:
    """In the forked child: be the command, and end as an interpreter ends, without taking itself apart."""
    status = 1
    try:
        become(request)
        status = conduct(entry, request.arguments)
        for thread in threading.enumerate():
            if not thread.daemon and thread is not threading.current_thread():
                thread.join()
        atexit._run_exitfuncs()
        sys.stdout.flush()
    except BrokenPipeError:
        status = 1
    except BaseException:  # noqa: BLE001  nothing may return into the server's loop
        traceback.print_exc()
        status = 1
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.flush()
        os._exit(status)


class Server:
    """Serves one entry point on one socket; see the module's contract.

    Use: ``Server(entry, path).serve()``, in the main thread.
    """

    def __init__(self, entry: Entry, path: str) -> None:
        """Listen on ``path``, which must be free."""
        self.entry = entry
        self.path = path
        self.commands: dict[int, Command] = {}
        self.stop_wanted = False
        self.stopping = False
        self.selector = selectors.DefaultSelector()
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(path)
        self.listener.listen(64)
        self.wake_out, self.wake_in = os.pipe()
        for descriptor in (self.wake_out, self.wake_in):
            os.set_blocking(descriptor, False)

    def serve(self) -> None:
        """Serve until a signal or the end of standard input says to stop; leave no command behind."""
        self.selector.register(self.listener, selectors.EVENT_READ, self._accept)
        self.selector.register(self.wake_out, selectors.EVENT_READ, self._reap)
        self.selector.register(0, selectors.EVENT_READ, self._standard_input)
        # A handler runs between any two instructions of the loop, so it only leaves word; the byte that the
        # interpreter writes to the wake-up descriptor ends the wait.
        signal.set_wakeup_fd(self.wake_in, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in STOPPING:
            signal.signal(number, self._want_stop)
        print("ready", flush=True)
        while not self.stopping or self.commands:
            for key, _ in self.selector.select(self._next_deadline()):
                # An earlier event of the same round may have closed this one's descriptor.
                if key.fd in self.selector.get_map():
                    key.data(key.fileobj)
            if self.stop_wanted:
                self._stop()
            self._kill_overdue()

    def _want_stop(self, *_: object) -> None:
        self.stop_wanted = True

    def _stop(self) -> None:
        if not self.stopping:
            self.stopping = True
            self.selector.unregister(self.listener)
            self.listener.close()
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.path)
            for command in self.commands.values():
                self._terminate(command)

    def _standard_input(self, _: object) -> None:
        if not os.read(0, 4096):
            self.selector.unregister(0)
            self.stop_wanted = True

    def _accept(self, _: object) -> None:
        connection, _address = self.listener.accept()
        try:
            request = receive(connection)
        except (OSError, ValueError):
            connection.close()
            return
        # A signal to stop must meet a child that obeys it: held back until the child has its own handlers.
        held = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
        pid = os.fork()
        if pid == 0:
            self._forget(connection)
            signal.pthread_sigmask(signal.SIG_SETMASK, held)
            run_and_exit(self.entry, request)
        with contextlib.suppress(OSError):
            os.setpgid(pid, pid)
        signal.pthread_sigmask(signal.SIG_SETMASK, held)
        _close(request.streams)
        command = Command(pid, connection)
        self.commands[pid] = command
        self.selector.register(connection, selectors.EVENT_READ, lambda _: self._hang_up(command))

    def _forget(self, connection: socket.socket) -> None:
        """In the forked child: give up what belongs to the server; lead a process group."""
        # Both sides do it, since neither knows which of them comes first.
        with contextlib.suppress(OSError):
            os.setpgid(0, 0)
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        connection.close()
        for command in self.commands.values():
            if command.client is not None:
                command.client.close()
        self.listener.close()
        self.selector.close()
        _close([self.wake_in, self.wake_out])

    def _hang_up(self, command: Command) -> None:
        """A client has gone, or says something after its request, which no client of ours does."""
        if command.client is not None:
            self.selector.unregister(command.client)
            command.client.close()
            command.client = None
            self._terminate(command)

    def _terminate(self, command: Command) -> None:
        if command.kill_at is None:
            command.kill_at = time.monotonic() + GRACE
            _signal_group(command.pid, signal.SIGTERM)

    def _next_deadline(self) -> float | None:
        deadlines = [command.kill_at for command in self.commands.values() if command.kill_at is not None]
        return max(0.0, min(deadlines) - time.monotonic()) if deadlines else None

    def _kill_overdue(self) -> None:
        now = time.monotonic()
        for command in self.commands.values():
            if command.kill_at is not None and command.kill_at <= now:
                command.kill_at = now + GRACE
                _signal_group(command.pid, signal.SIGKILL)

    def _reap(self, _: object) -> None:
        with contextlib.suppress(BlockingIOError):
            while os.read(self.wake_out, 4096):
                pass
        for command in list(self.commands.values()):
            pid, status = os.waitpid(command.pid, os.WNOHANG)
            if pid:
                self._ended(command, os.waitstatus_to_exitcode(status))

    def _ended(self, command: Command, status: int) -> None:
        """Report a command's end; what a killed command left running in its group ends with it."""
        del self.commands[command.pid]
        if command.kill_at is not None:
            _signal_group(command.pid, signal.SIGKILL)
        if command.client is not None:
            self.selector.unregister(command.client)
            # As a shell does for a command that died of a signal.
            text = b"%d" % (status if status >= 0 else 128 - status)
            with contextlib.suppress(OSError):
                command.client.sendall(text)
            command.client.close()
            command.client = None


def _signal_group(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the server; return 0 when it was told to stop."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--socket", required=True, metavar="PATH", help="where to listen")
    parser.add_argument(
        "--warm",
        action="append",
        default=[],
        metavar="MODULE:FUNCTION[=ARGUMENT]",
        help="call this once before serving",
    )
    parser.add_argument(
        "entry", metavar="MODULE:FUNCTION", help="the command, called with a list of arguments"
    )
    options = parser.parse_args(arguments)
    entry = resolve(options.entry)
    for call in options.warm:
        warm(call)
    # What is alive now stays so: without this, each child's first collection would copy all of it.
    gc.collect()
    gc.freeze()
    Server(entry, options.socket).serve()
    return 0


if __name__ == "__main__":
    sys.exit(main())
