"""How a process reaches data: options, transports, and repetition of what failed in passing."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from chronos_plugin.data.location import Location, parse
from chronos_plugin.data.schemes import GFAL2, HTTP
from chronos_plugin.data.transport import Status, StorageOptions, Transport, no_options
from chronos_plugin.errors import InputInvalid, TransferFailed, TransferStopped

log = logging.getLogger("chronos.data")
_T = TypeVar("_T")
_LONGEST_PAUSE = 60.0
_GOOD_PROGRESS = 1 << 20


@dataclass(frozen=True)
class DataOptions:
    """What a site says of its data.

    Attributes:
        cache: Folder of the fetched files; None: files are kept in the run's own folder.
        cache_bytes: Bytes that it may hold; 0: no bound.
        parallel: Transfers at a time.
        retries: Repetitions of a transfer that does not get on.
        pause: Seconds before the first repetition; doubled each time, up to a minute.
        timeout: Seconds without an answer or progress after which a storage counts as gone.
        gfal2_python: Interpreter that has gfal2's binding.
        allowed: URI prefixes that input files may come from; empty: any.
        storage_options: Credentials and endpoints by place.
    """

    cache: Path | None = None
    cache_bytes: int = 0
    parallel: int = 4
    retries: int = 4
    pause: float = 1.0
    timeout: float = 60.0
    gfal2_python: str = "/usr/bin/python3"
    allowed: tuple[str, ...] = ()
    storage_options: StorageOptions = no_options


class DataAccess:
    """The transports of a process, made when they are needed; a context manager that closes them.

    Args:
        options: Default: those of a site that has said nothing.
        stopping: Tells that the task is ending; transfers end soon after.
    """

    def __init__(
        self, options: DataOptions | None = None, stopping: Callable[[], bool] = lambda: False
    ) -> None:
        self.options = options or DataOptions()
        self._stopping = stopping
        self._stop = threading.Event()
        self._transports: dict[str, Transport] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        for transport in self._transports.values():
            transport.close()

    def transport(self, location: Location) -> Transport:
        """Return the transport that reaches a place."""
        with self._lock:
            known = self._transports.get(location.transport)
            if known is None:
                known = self._transports[location.transport] = _make(location.transport, self.options)
            return known

    def locate(self, text: str) -> Location:
        """Return the place that the URI of an input names.

        Raises:
            InputInvalid: If it is wrong, or no input may come from there.
        """
        location = parse(text)
        allowed = self.options.allowed
        if allowed and not any(location.within(str(parse(prefix))) for prefix in allowed):
            raise InputInvalid(
                f"{location.shown}: input files may come from {', '.join(allowed)} only "
                "(option input_uris of [chronos])"
            )
        return location

    def stat(self, location: Location) -> Status:
        """Return what the storage says of a file, asked again where it fails in passing."""
        return self.persist(location.shown, lambda _: self.transport(location).stat(location))

    def persist(self, what: str, work: Callable[[Callable[[int], None]], _T]) -> _T:
        """Do ``work``, again and again while it fails in passing.

        Work that moves bytes tells the function it is given how many; one that has moved a good many may
        fail as often as at first.

        Raises:
            DataMissing, TransferRefused: At once.
            TransferFailed: When the retries are used up.
            TransferStopped: When the task is ending.
        """
        failures = 0
        while True:
            moved = 0

            def told(count: int) -> None:
                nonlocal moved
                self.check_stopping()
                moved += count

            self.check_stopping()
            try:
                return work(told)
            except TransferFailed as error:
                failures = 1 if moved >= _GOOD_PROGRESS else failures + 1
                if failures > self.options.retries:
                    raise
                pause = self._pause(failures, error)
                log.warning("%s; trying again in %.1f s (%s)", error, pause, what)
                self._sleep(pause)

    def stop(self) -> None:
        """Let all transfers end."""
        self._stop.set()

    def check_stopping(self) -> None:
        """Raise TransferStopped if the task is ending."""
        if self._stop.is_set() or self._stopping():
            raise TransferStopped("the transfer was stopped")

    def _pause(self, failures: int, error: TransferFailed) -> float:
        doubled = self.options.pause * 2.0 ** (failures - 1)
        # Many that failed together should not come back together.
        spread = doubled * random.uniform(0.75, 1.25)  # noqa: S311 - no secret
        return min(max(spread, error.pause or 0.0), _LONGEST_PAUSE)

    def _sleep(self, seconds: float) -> None:
        left = seconds
        while left > 0:
            self.check_stopping()
            self._stop.wait(min(left, 0.5))
            left -= 0.5
        self.check_stopping()


def _make(kind: str, options: DataOptions) -> Transport:
    if kind == HTTP:
        from chronos_plugin.data.http import HttpTransport

        return HttpTransport(options.storage_options, options.timeout)
    if kind == GFAL2:
        from chronos_plugin.data.gfal2 import Gfal2Transport

        return Gfal2Transport(options.storage_options, options.timeout, options.gfal2_python)
    from chronos_plugin.data.objects import ObjectTransport

    return ObjectTransport(options.storage_options, options.timeout)
