"""Fetching inputs from a web server: one large file, the same from the cache, many small ones.

Peers in the same run: ``curl`` with ``sha1sum`` for the large file, ``curl --parallel`` for the small ones.
The server is a process of its own and not counted.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

_MIB = 1 << 20


def run(*, mib: int = 512, files: int = 200, repeats: int = 3) -> dict[str, Any]:
    """Measure CPU seconds (user and system) and wall seconds; the least of ``repeats``.

    Returns:
        ``fetch``, ``cached``, ``curl`` for one file of ``mib`` MiB (fetching computes the SHA-1, and so does
        the peer), ``small`` and ``small_curl`` for ``files`` files of 1 KiB, and ratios of CPU seconds.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        served = folder / "served"
        served.mkdir()
        with open(served / "large", "wb") as sink:
            for _ in range(mib):
                sink.write(os.urandom(_MIB))
        for number in range(files):
            (served / f"small{number}").write_bytes(os.urandom(1024))
        with _Server(served) as base:
            return {"mib": mib, "files": files, "repeats": repeats, **_measure(folder, base, files, repeats)}


def _measure(folder: Path, base: str, files: int, repeats: int) -> dict[str, Any]:
    large, small = [f"{base}/large"], [f"{base}/small{n}" for n in range(files)]
    result: dict[str, Any] = {
        "fetch": _least(lambda: _ours(folder, large, fresh=True), repeats),
        "cached": _least(lambda: _ours(folder, large, fresh=False), repeats),
        "curl": _least(lambda: _curl(folder, large[0]), repeats),
        "small": _least(lambda: _ours(folder, small, fresh=True), repeats),
        "small_curl": _least(lambda: _curl_many(folder, small), repeats),
    }
    result["ratio_to_curl"] = round(result["fetch"]["cpu_seconds"] / result["curl"]["cpu_seconds"], 2)
    result["ratio_cached_to_fetch"] = round(
        result["cached"]["cpu_seconds"] / result["fetch"]["cpu_seconds"], 3
    )
    result["ms_per_small_file"] = round(1000 * result["small"]["cpu_seconds"] / files, 2)
    return result


def _ours(folder: Path, uris: list[str], *, fresh: bool) -> None:
    from chronos_plugin.data.access import DataAccess, DataOptions
    from chronos_plugin.data.cache import ContentCache
    from chronos_plugin.data.fetch import Wanted, fetch
    from chronos_plugin.data.location import parse

    if fresh:
        shutil.rmtree(folder / "cache", ignore_errors=True)
    shutil.rmtree(folder / "run", ignore_errors=True)
    with DataAccess(DataOptions()) as data:
        wanted = [Wanted(parse(uri), folder / "run" / str(n)) for n, uri in enumerate(uris)]
        fetch(data, ContentCache(folder / "cache"), wanted)


def _curl(folder: Path, uri: str) -> None:
    subprocess.run(["curl", "-sf", "-o", str(folder / "peer"), uri], check=True)
    subprocess.run(["sha1sum", str(folder / "peer")], check=True, capture_output=True)


def _curl_many(folder: Path, uris: list[str]) -> None:
    words = [word for n, uri in enumerate(uris) for word in ("-o", str(folder / f"peer{n}"), uri)]
    subprocess.run(
        ["curl", "-f", "--no-progress-meter", "--parallel", "--parallel-max", "4", *words], check=True
    )


def _least(work: Callable[[], None], repeats: int) -> dict[str, float]:
    found = []
    for _ in range(repeats):
        before, began = _cpu(), time.monotonic()
        work()
        found.append((_cpu() - before, time.monotonic() - began))
    cpu, wall = min(found)
    return {"cpu_seconds": round(cpu, 4), "wall_seconds": round(wall, 4)}


def _cpu() -> float:
    both = (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


class _Server:
    """A web server of a folder in a process of its own; it is not waited for before the figures are taken."""

    def __init__(self, folder: Path) -> None:
        program = (
            "import functools, http.server as h\n"
            "h.SimpleHTTPRequestHandler.log_message = lambda *_: None\n"
            "h.SimpleHTTPRequestHandler.protocol_version = 'HTTP/1.1'\n"
            f"kind = functools.partial(h.SimpleHTTPRequestHandler, directory={str(folder)!r})\n"
            "server = h.ThreadingHTTPServer(('127.0.0.1', 0), kind)\n"
            "print(server.server_port, flush=True)\n"
            "server.serve_forever()\n"
        )
        self._command = [sys.executable, "-c", program]

    def __enter__(self) -> str:
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        return f"http://127.0.0.1:{self._process.stdout.readline().strip()}"

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
