"""Files fetched to where a step reads them: from the cache, or whole and checked from their storage."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from chronos_plugin.data.access import DataAccess
from chronos_plugin.data.cache import ContentCache
from chronos_plugin.data.checksums import differing, of_file
from chronos_plugin.data.location import Location
from chronos_plugin.data.progress import Meter, amount_of
from chronos_plugin.data.transport import Status
from chronos_plugin.errors import TransferFailed, TransferRefused, TransferStopped

log = logging.getLogger("chronos.data")
_T = TypeVar("_T")
_R = TypeVar("_R")
_WORTH_SAYING = 60.0


@dataclass(frozen=True)
class Wanted:
    """A file to fetch.

    Attributes:
        location: Where it comes from.
        target: Path that it gets.
        size, sha1: What it must have; None: not known.
        inside_folder: Whether it is part of a folder that is fetched as a whole.
    """

    location: Location
    target: Path
    size: int | None = None
    sha1: str | None = None
    inside_folder: bool = False


def fetch(data: DataAccess, cache: ContentCache, wanted: Sequence[Wanted]) -> None:
    """Fetch files in parallel; each appears complete.

    Raises:
        DataMissing, TransferRefused, TransferFailed: The first error; the other transfers are ended, and
            what has arrived of them is kept for the next try.
    """
    if not wanted:
        return
    statuses = in_parallel(data, [w.location for w in wanted], data.stat)
    sizes = [status.size for status in statuses]
    total = None if None in sizes else sum(size for size in sizes if size is not None)
    meter = Meter("fetching", len(wanted), total)

    def one(item: tuple[Wanted, Status]) -> None:
        _Fetch(data, cache, *item, meter).run()
        meter.ended()

    in_parallel(data, list(zip(wanted, statuses, strict=True)), one)


def in_parallel(data: DataAccess, items: Sequence[_T], work: Callable[[_T], _R]) -> list[_R]:
    """Do ``work`` for all items, as many at a time as the site says; the first error ends all."""
    if len(items) <= 1:
        return [work(item) for item in items]
    with ThreadPoolExecutor(max_workers=max(1, min(data.options.parallel, len(items)))) as pool:
        futures = [pool.submit(work, item) for item in items]
        try:
            done, _ = wait(futures, return_when=FIRST_EXCEPTION)
        except BaseException:
            data.stop()
            pool.shutdown(cancel_futures=True)
            raise
        failed = [future for future in done if future.exception() is not None]
        if failed:
            data.stop()
            pool.shutdown(cancel_futures=True)
            errors = [e for f in futures if not f.cancelled() and (e := f.exception()) is not None]
            # Those that were stopped on its account say nothing.
            raise next((e for e in errors if not isinstance(e, TransferStopped)), errors[0])
        return [future.result() for future in futures]


class _Fetch:
    """One file on its way."""

    def __init__(
        self, data: DataAccess, cache: ContentCache, wanted: Wanted, status: Status, meter: Meter
    ) -> None:
        self._data, self._cache, self._wanted, self._status, self._meter = data, cache, wanted, status, meter
        self._name = wanted.location.shown
        self._said = 0.0

    def run(self) -> None:
        self._check_size(self._status.size)
        if self._from_cache():
            return
        began = time.monotonic()
        with self._cache.part(self._wanted.location, self._status, self._wait) as part:
            # Whoever had the lock has fetched it, perhaps.
            if self._from_cache():
                return
            have = part.stat().st_size if part.exists() else 0
            if have:
                log.info("%s: going on after %s", self._name, amount_of(have))
                self._meter.moved(have)
            sha1 = self._data.persist(self._name, lambda moved: self._download(part, moved))
            size = part.stat().st_size
            wanted = self._wanted
            self._cache.add(
                part, sha1, wanted.location, self._status, wanted.target, inside_folder=wanted.inside_folder
            )
        seconds = time.monotonic() - began
        rate = amount_of((size - have) / max(seconds, 0.001))
        log.info("fetched %s: %s in %.1f s, %s/s", self._name, amount_of(size), seconds, rate)

    def _download(self, part: Path, moved: Callable[[int], None]) -> str:
        """Get the bytes that are missing; return the SHA-1 of all."""

        def report(count: int) -> None:
            moved(count)
            self._meter.moved(count)

        location, status = self._wanted.location, self._status
        self._data.transport(location).get(location, status, part, report)
        size = part.stat().st_size
        if status.size is not None and size != status.size:
            _forget(part, size > status.size)
            raise TransferFailed(f"{self._name}: {size} bytes have arrived of {status.size}")
        self._check_size(size)
        found = of_file(part, {"sha1", *status.checksums})
        if wrong := differing(found, status.checksums):
            _forget(part)
            raise TransferFailed(f"{self._name}: arrived damaged: {wrong}")
        if self._wanted.sha1 and (wrong := differing(found, {"sha1": self._wanted.sha1})):
            _forget(part)
            raise TransferRefused(f"{self._name}: this is not the file that the input object means: {wrong}")
        return found["sha1"]

    def _from_cache(self) -> bool:
        """Use what the site has already."""
        told = self._status.checksums.get("sha1") or self._cache.known(self._wanted.location, self._status)
        sha1 = self._wanted.sha1 or told
        if sha1 is None or (told is not None and told != sha1) or not self._place(sha1):
            return False
        log.info("%s: in the data cache already", self._name)
        self._meter.moved(self._status.size or 0)
        return True

    def _place(self, sha1: str) -> bool:
        wanted = self._wanted
        return self._cache.place(sha1, wanted.target, inside_folder=wanted.inside_folder)

    def _check_size(self, size: int | None) -> None:
        wanted = self._wanted.size
        if wanted is not None and size is not None and size != wanted:
            raise TransferRefused(
                f"{self._name}: it has {size} bytes, but had {wanted} when the run was opened (or as the "
                "input object says): start a new run for the new version"
            )

    def _wait(self, seconds: float) -> None:
        self._data.check_stopping()
        if seconds >= self._said:
            log.info("%s: another task is fetching it; waiting", self._name)
            self._said = seconds + _WORTH_SAYING


def _forget(part: Path, really: bool = True) -> None:
    if really:
        part.unlink(missing_ok=True)
