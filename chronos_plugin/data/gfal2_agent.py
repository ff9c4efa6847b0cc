"""Moves files by gfal2, for a CHRONOS process that talks to it in lines of JSON.

gfal2's binding belongs to one interpreter, that of the operating system, where CHRONOS is not
installed: so this file is run as a script, and knows nothing but the standard library and gfal2.

A request is a line ``{"do": NAME, "arguments": {…}, "credentials": […], "options": {…},
"environment": {…}}`` on standard input; one is worked on at a time. The answer is lines on standard
output: any number of ``{"bytes": N}`` (progress: so many in all), then ``{"result": …}`` or
``{"error": {"code": ERRNO, "message": …}}``. The process ends when standard input does, in the middle
of a transfer too.
"""

import contextlib
import json
import os
import queue
import stat
import sys
import threading
import time
from typing import Any

BLOCK = 4 << 20
INTERVAL = 0.5


class Agent:
    """Answers requests with one gfal2 context."""

    def __init__(self, gfal2: Any, out: Any) -> None:
        self.gfal2 = gfal2
        self.out = out
        self.context = gfal2.creat_context()
        self._told = 0.0
        self._prepared = ""

    def say(self, message: Any) -> None:
        """Write a line."""
        self.out.write(json.dumps(message) + "\n")
        self.out.flush()

    def progress(self, count: int) -> None:
        """Tell how many bytes have been moved, now and then."""
        now = time.monotonic()
        if now - self._told >= INTERVAL:
            self._told = now
            self.say({"bytes": count})

    def answer(self, request: Any) -> None:
        """Do what a request asks; tell its result or error."""
        try:
            self.prepare(*(request.get(name) for name in ("credentials", "options", "environment")))
            work = getattr(self, "do_" + request["do"])
            self.say({"result": work(**request.get("arguments") or {})})
        except self.gfal2.GError as error:
            self.say({"error": {"code": error.code, "message": str(error.message)}})
        except OSError as error:
            self.say({"error": {"code": error.errno or 5, "message": str(error)}})

    def prepare(self, credentials: Any, options: Any, environment: Any) -> None:
        """Use other credentials and options than before, in a context of their own."""
        wanted = json.dumps([credentials, options, environment], sort_keys=True)
        if wanted == self._prepared:
            return
        os.environ.update(environment or {})
        self.context = self.gfal2.creat_context()
        for name, value in (options or {}).items():
            group, _, key = name.rpartition(":")
            setter = {bool: "boolean", int: "integer"}.get(type(value), "string")
            getattr(self.context, "set_opt_" + setter)(group, key, value)
        for credential in credentials or ():
            made = self.gfal2.cred_new(credential["kind"], credential["value"])
            self.context.cred_set(credential["prefix"], made)
        self._prepared = wanted

    def do_hello(self) -> Any:
        """Return the library's version and its plugins."""
        return {"version": self.gfal2.get_version(), "plugins": list(self.context.get_plugin_names())}

    def do_stat(self, uri: str) -> Any:
        """Return size, time of change, whether it is a folder."""
        found = self.context.stat(uri)
        return {
            "size": found.st_size,
            "modified": found.st_mtime,
            "directory": stat.S_ISDIR(found.st_mode),
        }

    def do_checksum(self, uri: str, algorithm: str) -> Any:
        """Return the storage's own checksum in hexadecimal."""
        return self.context.checksum(uri, algorithm)

    def do_list(self, uri: str) -> Any:
        """Return names and whether they are folders."""
        entries: list[Any] = []
        directory = self.context.opendir(uri)
        while True:
            entry, found = directory.readpp()
            if entry is None or not entry.d_name:
                return entries
            name = entry.d_name.rstrip("/")
            if name not in (".", "..", ""):
                entries.append([name, stat.S_ISDIR(found.st_mode)])

    def do_read(self, uri: str, limit: int) -> str:
        """Return the first bytes, as Latin-1 text."""
        return bytes(self.context.open(uri, "r").pread_bytes(0, limit)).decode("latin-1") if limit else ""

    def do_get(self, uri: str, file: str, size: int) -> int:
        """Append what ``file`` lacks of the ``size`` bytes."""
        source = self.context.open(uri, "r")
        with open(file, "ab") as sink:
            have = sink.tell()
            while have < size:
                block = source.pread_bytes(have, min(BLOCK, size - have))
                if not block:
                    raise OSError(5, f"the storage ended {size - have} bytes too early")
                sink.write(block)
                have += len(block)
                self.progress(have)
        return have

    def do_put(self, file: str, uri: str, streams: int) -> str:
        """Write a file of this machine."""
        return self.transfer("file://" + os.path.abspath(file), uri, streams)

    def do_copy(self, source: str, target: str, streams: int) -> str:
        """Copy between storages, by themselves where they can."""
        return self.transfer(source, target, streams)

    def do_remove(self, uri: str) -> None:
        """Remove a file."""
        self.context.unlink(uri)

    def transfer(self, source: str, target: str, streams: int) -> str:
        """Copy; return how: ``streamed``, ``3rd pull``, ``3rd push``, or empty where it is not told."""
        parameters = self.context.transfer_parameters()
        parameters.overwrite = True
        parameters.create_parent = True
        if streams:
            parameters.nbstreams = streams
        # What was there goes first, as gfal2 does it itself for WebDAV: a server may go on telling the
        # checksum that it has kept of the file before.
        with contextlib.suppress(self.gfal2.GError):
            self.context.unlink(target)
        ways: list[str] = []

        def happened(event: Any) -> None:
            if str(event.stage) == "TRANSFER:TYPE":
                ways.append(str(event.description))

        parameters.event_callback = happened
        parameters.monitor_callback = lambda _s, _d, _average, _now, count, _elapsed: self.progress(count)
        self.context.filecopy(parameters, source, target)
        return ways[-1] if ways else ""


def main() -> int:
    """Answer requests until standard input ends."""
    # What the library prints must not come among the answers.
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    try:
        import gfal2  # type: ignore[import-not-found,unused-ignore]
    except ImportError as error:
        out.write(json.dumps({"error": {"code": 0, "message": str(error)}}) + "\n")
        out.flush()
        return 1
    requests: queue.Queue[str] = queue.Queue()

    def listen() -> None:
        for line in sys.stdin:
            requests.put(line)
        # The other side is gone; a transfer in C code would go on.
        os._exit(0)

    threading.Thread(target=listen, daemon=True).start()
    agent = Agent(gfal2, out)
    with contextlib.suppress(KeyboardInterrupt, BrokenPipeError):
        while True:
            agent.answer(json.loads(requests.get()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
