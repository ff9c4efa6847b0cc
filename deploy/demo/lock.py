"""The lock that lets one process at a time run an installation.

The lock is the kernel's (``flock``), so it cannot outlive its holder; the file's text says who holds it,
or who held it when it was killed, with the sessions of the components that it may have left behind.
"""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from deploy.demo.errors import AlreadyRunning
from deploy.demo.proctable import ProcessId, start_mark


@dataclass(frozen=True)
class Holder:
    """The process that holds the lock, as written in the lock file."""

    process: ProcessId
    since: str
    address: str = ""
    components: dict[str, ProcessId] = field(default_factory=dict)


class RunLock:
    """An exclusive lock on an installation, released when its process ends for any reason."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stream: IO[str] | None = None
        self._holder: Holder | None = None

    def acquire(self) -> Holder | None:
        """Take the lock.

        Returns:
            The last holder when it ended without releasing the lock, else None.

        Raises:
            AlreadyRunning: A living process holds the lock.
        """
        # Opened for appending: the text of a living holder must not be cut before the lock is ours.
        stream = self._path.open("a+", encoding="utf-8")
        self._path.chmod(0o600)
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            stream.close()
            raise AlreadyRunning(_refusal(_read(self._path))) from None
        self._stream = stream
        previous = _read(self._path)
        self._write(
            Holder(ProcessId.of(os.getpid()), datetime.now().astimezone().isoformat(timespec="seconds"))
        )
        return previous

    def publish(self, address: str, components: dict[str, ProcessId]) -> None:
        """Say in the lock file where the interface is and which sessions belong to this run.

        Raises:
            RuntimeError: The lock is not held.
        """
        if self._holder is None:
            raise RuntimeError("The lock is not held")
        self._write(Holder(self._holder.process, self._holder.since, address, components))

    def release(self) -> None:
        """Give the lock back; the file is left empty."""
        if self._stream is not None:
            self._stream.truncate(0)
            self._stream.close()
            self._stream = None
            self._holder = None

    def _write(self, holder: Holder) -> None:
        if self._stream is None:
            raise RuntimeError("The lock is not held")
        self._holder = holder
        self._stream.truncate(0)
        self._stream.write(json.dumps(asdict(holder), indent=2) + "\n")
        self._stream.flush()


def _read(path: Path) -> Holder | None:
    try:
        value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return Holder(
            process=ProcessId(**value["process"]),
            since=value["since"],
            address=value["address"],
            components={name: ProcessId(**known) for name, known in value["components"].items()},
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        # Empty after an orderly end, or half written by a process that was killed meanwhile.
        return None


def _refusal(holder: Holder | None) -> str:
    if holder is None:
        return "The demo is being started or stopped by another process; wait for it to finish."
    where = f": {holder.address}" if holder.address else "; it is still starting"
    stop = f"Stop it with Ctrl-C where it runs, or with: kill {holder.process.pid}"
    if start_mark(holder.process.pid) != holder.process.started:
        # The lock is held, but not by the process in the file: on a shared file system, by another machine.
        stop = "It does not run on this machine; stop it there."
    return f"The demo is already running since {holder.since} (process {holder.process.pid}){where}\n{stop}"
