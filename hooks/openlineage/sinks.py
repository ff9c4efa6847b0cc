"""Where OpenLineage events go: a receiver over HTTP, or a file."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from chronos_plugin.errors import ExportFailed
from chronos_plugin.exporters.delivery import Item, Problem
from chronos_plugin.exporters.openlineage import events_of
from chronos_plugin.hooks.receiver import Receiver, ask, client, said

ENDPOINT = "/api/v1/lineage"
_HEADERS = {"Content-Type": "application/json"}


class HttpSink:
    """Posts each event, as the specification's API wants it.

    Args:
        endpoint: Path of the receiver's API.
    """

    def __init__(self, receiver: Receiver, endpoint: str = ENDPOINT) -> None:
        self._http = client(receiver)
        self._endpoint = endpoint

    def send(self, items: Sequence[Item]) -> Mapping[int, Problem]:
        """Deliver items, as :class:`~chronos_plugin.exporters.delivery.Sink` says."""
        problems: dict[int, Problem] = {}
        taken: set[int] = set()
        stuck: set[int] = set()
        for item in items:
            if item.entry.number in stuck:
                # After what failed, in its turn.
                continue
            try:
                problem = self._tell(item)
            except ExportFailed as error:
                raise ExportFailed(str(error), status=error.status, taken=frozenset(taken)) from error
            if problem is None:
                taken.add(item.entry.id)
                continue
            problems[item.entry.id] = problem
            if not problem.refused:
                stuck.add(item.entry.number)
        return problems

    def close(self) -> None:
        """Close connections."""
        self._http.close()

    def _tell(self, item: Item) -> Problem | None:
        for event in events_of(item):
            answer = ask(self._http, "POST", self._endpoint, content=json.dumps(event), headers=_HEADERS)
            if not answer.is_success:
                return Problem(said(answer), refused=answer.status_code < 500)
        return None


class FileSink:
    """Appends each event as one line of JSON; several processes may write one file."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def send(self, items: Sequence[Item]) -> Mapping[int, Problem]:
        """Deliver items, as :class:`~chronos_plugin.exporters.delivery.Sink` says."""
        text = "".join(f"{json.dumps(event)}\n" for item in items for event in events_of(item))
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with open(self._file, "ab+") as stream:
                fcntl.flock(stream, fcntl.LOCK_EX)
                if _ends_in_half_a_line(stream.fileno()):
                    text = f"\n{text}"
                stream.write(text.encode())
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            raise ExportFailed(f"{self._file}: {error.strerror or error}") from error
        return {}

    def close(self) -> None:
        """Nothing is held."""


def _ends_in_half_a_line(file: int) -> bool:
    size = os.fstat(file).st_size
    return bool(size) and os.pread(file, 1, size - 1) != b"\n"
