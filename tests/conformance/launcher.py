"""Starts the fork server around a block of code, and gives it the shape of a command."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HERE = Path(__file__).resolve().parent
# The kernel's limit for a socket's path is 108 bytes, on other systems 104.
LONGEST_SOCKET = 100
# The server gives its commands GRACE seconds to end (forkserver.py), and then kills them.
END_TIMEOUT = 30.0


class ServerError(Exception):
    """The fork server did not start or did not last; its own words are on standard error."""


@contextlib.contextmanager
def in_process(entry: str, warm: Sequence[str] = ()) -> Iterator[Path]:
    """Serve ``entry`` (``module:function``) while the block runs; yield the path of a command that runs it.

    The command may be started from anywhere, as often and as many at a time as one likes. It is gone after
    the block, and so is everything that it started.

    Args:
        entry: a function that takes a list of arguments and returns an exit status.
        warm: calls to make once before, of the form ``module:function`` or ``module:function=argument``.

    Raises:
        ServerError: the server did not start, for instance because the module cannot be imported; or it did
            not last until the end of the block, so that what the command gave is not to be believed.
    """
    folder = Path(tempfile.mkdtemp(prefix="cwl-runner-"))
    if len(os.fsencode(folder)) > LONGEST_SOCKET - len("/socket"):
        folder.rmdir()
        folder = Path(tempfile.mkdtemp(prefix="cwl-runner-", dir="/tmp"))
    path = folder / "socket"
    # Without -P the folder of this file would stand before the runner's own modules.
    command = [sys.executable, "-P", str(HERE / "forkserver.py"), "--socket", str(path), entry]
    command[-1:-1] = [word for call in warm for word in ("--warm", call)]
    # Its standard input is a pipe, so that the server ends with this process however that ends; a session of
    # its own keeps a Ctrl-C at the terminal for this process, which then stops the server in order.
    server = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        assert server.stdin is not None
        assert server.stdout is not None
        if server.stdout.readline() != "ready\n":
            raise ServerError(f"the fork server for {entry} did not start")
        name = entry.partition(":")[0]
        client = shlex.join([sys.executable, "-I", "-S", str(HERE / "runner_client.py"), str(path), name])
        wrapper = folder / "runner"
        wrapper.write_text(f'#!/bin/sh\nexec {client} "$@"\n')
        wrapper.chmod(0o755)
        yield wrapper
        if server.poll() is not None:
            raise ServerError(f"the fork server for {entry} ended with {server.returncode} before its time")
    finally:
        with contextlib.suppress(OSError):
            if server.stdin:
                server.stdin.close()
        try:
            server.wait(END_TIMEOUT)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        if server.stdout:
            server.stdout.close()
        shutil.rmtree(folder, ignore_errors=True)
