"""Files in grid storages (``root: davs: srm: gsiftp:``), with gfal2 in a process of its own.

gfal2's binding belongs to the operating system's Python, its calls block, and a crash in one of its
libraries ends the process: helpers (:mod:`chronos_plugin.data.gfal2_agent`) hold it, one for each
transfer that goes on at a time.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import select
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from chronos_plugin.data import gfal2_agent
from chronos_plugin.data.checksums import differing, of_file
from chronos_plugin.data.location import Location
from chronos_plugin.data.schemes import GFAL2
from chronos_plugin.data.transport import Entry, Report, Status, StorageOptions
from chronos_plugin.errors import DataMissing, ServiceFailed, TransferFailed, TransferRefused

log = logging.getLogger("chronos.data")
DEFAULT_CHECKSUM = "ADLER32"
_POLL = 0.5
_SLOWEST = 1 << 20
_NO_GFAL2 = 0
_REFUSED = {
    errno.EPERM,
    errno.EACCES,
    errno.ENOSYS,
    errno.EOPNOTSUPP,
    errno.EPROTONOSUPPORT,
    errno.EROFS,
    errno.EINVAL,
    errno.EISDIR,
    errno.ENOTDIR,
}


class Gfal2Transport:
    """Access to grid storages.

    Options of a place: ``token`` (bearer), ``x509_proxy`` or ``x509_cert`` and ``x509_key`` (paths on the
    worker), ``ca_directory`` (path), ``checksum`` (algorithm that the storage knows, or ``none``),
    ``streams`` (parallel streams of a transfer), ``options`` (gfal2's own, by ``GROUP:KEY``).

    Args:
        python: Interpreter that has gfal2's binding.
        timeout: Seconds without an answer or progress after which a storage counts as gone.
    """

    def __init__(self, options: StorageOptions, timeout: float, python: str) -> None:
        self._options, self._timeout, self._python = options, timeout, python
        self._idle: list[_Agent] = []
        self._lock = threading.Lock()

    def hello(self) -> dict[str, Any]:
        """Return gfal2's ``version`` and ``plugins``, without asking any storage."""
        return dict(self._call("hello", (), {}))

    def stat(self, location: Location) -> Status:
        """Return size and time of change."""
        found = self._call("stat", (location,), {"uri": str(location)})
        size = int(found["size"])
        # Storages that tell no time say 0.
        validator = f"modified:{found['modified']}|{size}" if found["modified"] else ""
        directory = bool(found["directory"])
        return Status(None if directory else size, directory, "" if directory else validator)

    def get(self, location: Location, status: Status, part: Path, report: Report) -> None:
        """Fetch the missing bytes; compare the checksum that the storage tells of itself."""
        size = status.size or 0
        have = part.stat().st_size if part.exists() else 0
        if have > size:
            part.unlink()
            have = 0
        part.touch()
        arguments = {"uri": str(location), "file": str(part), "size": size}
        self._call("get", (location,), arguments, report, done=have, total=size)
        if self.stat(location) != status:
            part.unlink()
            raise TransferFailed(f"{location.shown}: changed while it was fetched; it is begun anew")
        if wrong := self._damage(location, part):
            part.unlink()
            raise TransferFailed(f"{location.shown}: arrived damaged: {wrong}")

    def put(self, file: Path, location: Location, checksums: Mapping[str, str], report: Report) -> None:
        """Send; compare size and checksum with those that the storage tells."""
        del checksums
        size = file.stat().st_size
        arguments = {"file": str(file), "uri": str(location), "streams": self._streams(location)}
        self._call("put", (location,), arguments, report, total=size, patience=size / _SLOWEST)
        status = self.stat(location)
        wrong = self._damage(location, file)
        if status.size != size or wrong:
            raise TransferFailed(f"{location.shown}: arrived damaged: {wrong or f'{status.size} bytes'}")

    def can_copy(self, source: Location, target: Location) -> bool:
        """Return whether gfal2 reaches both."""
        return source.transport == target.transport == GFAL2

    def copy(self, source: Location, target: Location, report: Report) -> None:
        """Let the storages copy (gfal2 falls back to a stream where they cannot); compare both ends."""
        size = self.stat(source).size or 0
        arguments = {"source": str(source), "target": str(target), "streams": self._streams(target)}
        patience = size / _SLOWEST
        way = self._call("copy", (source, target), arguments, report, total=size, patience=patience)
        log.info("%s → %s: copied (%s)", source.shown, target.shown, _ways(way))
        before, after = self._checksum(source), self._checksum(target)
        arrived = self.stat(target).size
        if arrived != size or (before and after and (wrong := differing(after, before))):
            raise TransferFailed(f"{target.shown}: the copy differs: {wrong if arrived == size else arrived}")

    def list(self, location: Location) -> Sequence[Entry]:
        """Return what lies in the folder."""
        found = self._call("list", (location,), {"uri": str(location)})
        return sorted((Entry(name, bool(d)) for name, d in found), key=lambda entry: entry.name)

    def remove(self, location: Location) -> None:
        """Remove the file."""
        try:
            self._call("remove", (location,), {"uri": str(location)})
        except DataMissing:
            return

    def read(self, location: Location, limit: int) -> bytes:
        """Return the first bytes."""
        limit = min(limit, self.stat(location).size or 0)
        text = self._call("read", (location,), {"uri": str(location), "limit": limit})
        return str(text).encode("latin-1")

    def close(self) -> None:
        """End the helpers."""
        with self._lock:
            for agent in self._idle:
                agent.end()
            self._idle.clear()

    def _streams(self, location: Location) -> int:
        return int(self._options(location).get("streams") or 0)

    def _damage(self, location: Location, file: Path) -> str | None:
        """Return how the storage's checksum differs from the file's; None if it does not, or is not told."""
        told = self._checksum(location)
        return differing(of_file(file, told), told)

    def _checksum(self, location: Location) -> dict[str, str]:
        algorithm = str(self._options(location).get("checksum") or DEFAULT_CHECKSUM)
        if algorithm.lower() == "none":
            return {}
        try:
            value = self._call("checksum", (location,), {"uri": str(location), "algorithm": algorithm})
        except ServiceFailed as error:
            log.warning("%s: only its size is compared: %s", location.shown, error)
            return {}
        return {algorithm.lower(): str(value).lower().rjust(8, "0")}

    def _call(
        self,
        name: str,
        locations: Sequence[Location],
        arguments: Mapping[str, Any],
        report: Report | None = None,
        *,
        done: int = 0,
        total: int = 0,
        patience: float = 0.0,
    ) -> Any:
        """Have a helper do something.

        Args:
            locations: The places that it needs credentials for.
            done: Bytes that were moved before.
            done, total: Bytes that were moved before, and that will be in the end.
            patience: Seconds more than ``timeout`` for a transfer that may tell no progress.
        """
        request = {"do": name, "arguments": arguments, **self._rights(locations)}
        shown = " → ".join(location.shown for location in locations) or "gfal2"
        with self._agent() as agent:
            answer = agent.ask(request, self._timeout + patience, report or (lambda _: None), done, total)
            if answer.get("error", {}).get("code") == _NO_GFAL2:
                raise _error(shown, answer["error"])
        if "error" in answer:
            raise _error(shown, answer["error"])
        return answer["result"]

    def _rights(self, locations: Sequence[Location]) -> dict[str, Any]:
        credentials: list[dict[str, Any]] = []
        options: dict[str, Any] = {}
        environment: dict[str, str] = {}
        for location in locations:
            given = self._options(location)
            prefix = f"{location.scheme}://{location.authority}"
            kinds = {
                "BEARER": given.get("token"),
                "X509_CERT": given.get("x509_proxy") or given.get("x509_cert"),
                "X509_KEY": given.get("x509_key") or given.get("x509_proxy"),
            }
            credentials += [{"kind": k, "value": v, "prefix": prefix} for k, v in kinds.items() if v]
            options.update(given.get("options") or {})
            if given.get("ca_directory"):
                environment["X509_CERT_DIR"] = given["ca_directory"]
        return {"credentials": credentials, "options": options, "environment": environment}

    @contextmanager
    def _agent(self) -> Iterator[_Agent]:
        """Lend a helper; one that was stopped in the middle is not used again."""
        with self._lock:
            agent = self._idle.pop() if self._idle else None
        if agent is None:
            agent = _Agent(self._python)
        try:
            yield agent
        except BaseException:
            agent.end()
            raise
        with self._lock:
            self._idle.append(agent)


class _Agent:
    """A helper process."""

    def __init__(self, python: str) -> None:
        try:
            # A session of its own: a terminal's Ctrl-C ends it through its standard input.
            self._process = subprocess.Popen(
                [python, "-I", gfal2_agent.__file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            raise TransferRefused(
                f"gfal2: cannot start {python} (option gfal2_python of [chronos]): {error}"
            ) from error
        self._buffer = b""

    def ask(
        self, request: Mapping[str, Any], timeout: float, report: Report, done: int, total: int
    ) -> dict[str, Any]:
        """Send a request, report its progress, return its answer."""
        self._send(request)
        deadline = time.monotonic() + timeout
        while True:
            line = self._line()
            if line is None:
                report(0)
                if time.monotonic() > deadline:
                    raise TransferFailed(f"gfal2 gave no answer for {timeout:.0f} s")
                continue
            message: dict[str, Any] = json.loads(line)
            if "bytes" not in message:
                # The last bytes, or all of what told no progress.
                report(max(0, total - done) if "result" in message else 0)
                return message
            if message["bytes"] > done:
                report(message["bytes"] - done)
                done = message["bytes"]
                deadline = time.monotonic() + timeout

    def end(self) -> None:
        """End the process, whatever it is doing."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _send(self, request: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            # It has ended; its last words are read below.
            return

    def _line(self) -> bytes | None:
        """Return the next line; None if none came for a moment."""
        assert self._process.stdout is not None
        while b"\n" not in self._buffer:
            descriptor = self._process.stdout.fileno()
            if not select.select([descriptor], [], [], _POLL)[0]:
                return None
            data = os.read(descriptor, 1 << 16)
            if not data:
                code = self._process.wait()
                raise TransferFailed(f"gfal2's helper ended (status {code}) in the middle of its work")
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line


def _ways(way: str) -> str:
    return {"streamed": "through this machine", "": "by the storages"}.get(way, f"by the storages: {way}")


def _error(shown: str, error: Mapping[str, Any]) -> ServiceFailed:
    code, message = int(error["code"]), str(error["message"])
    if code == _NO_GFAL2:
        return TransferRefused(
            f"{shown}: no gfal2 ({message}): install python3-gfal2 and the plugins, and name the interpreter "
            "that has it in option gfal2_python of [chronos]"
        )
    if code == errno.ENOENT:
        return DataMissing(f"{shown}: the storage has no such file ({message})")
    if code in _REFUSED:
        return TransferRefused(f"{shown}: the storage refuses ({message})")
    return TransferFailed(f"{shown}: {message}")
