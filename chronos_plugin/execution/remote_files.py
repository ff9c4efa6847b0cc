"""The CWL library's view of files, widened to those in other places."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any, TypeVar

from chronos_plugin.data.access import DataAccess
from chronos_plugin.data.location import Location
from chronos_plugin.data.schemes import is_remote
from chronos_plugin.data.transport import Status
from chronos_plugin.errors import DataMissing, ServiceFailed

_T = TypeVar("_T")
_CONTENT_LIMIT = 64 << 10
"""Bytes that ``loadContents`` may load (CWL v1.2); one more shows that a file is too large."""


def file_access(data: DataAccess, seen: Mapping[Location, Status | None] | None = None) -> Any:
    """Return what makes the CWL library's file access (a ``StdFsAccess``) for a base folder.

    It looks at remote files as at local ones: whether they exist (secondary files), their first bytes
    (``loadContents``), the entries of folders (``loadListing``).

    Args:
        seen: What is known already; None: there is no such file.
    """
    return partial(_class(), data=data, seen=seen or {})


@cache
def _class() -> Any:
    # The library takes half a second to import; processes that read no CWL need none of it.
    from cwltool.stdfsaccess import StdFsAccess

    return type("RemoteFsAccess", (_RemoteFiles, StdFsAccess), {"local": StdFsAccess})


class _RemoteFiles:
    """Answers for remote files, and has the library's own class (``local``) answer for others."""

    local: Any

    def __init__(self, basedir: str, data: DataAccess, seen: Mapping[Location, Status | None]) -> None:
        self.local.__init__(self, basedir)
        self._data = data
        self._seen = dict(seen)

    def open(self, fn: str, mode: str) -> Any:
        if not is_remote(fn):
            return self.local.open(self, fn, mode)
        location = self._data.locate(fn)
        transport = self._data.transport(location)
        return io.BytesIO(self._ask(location, lambda: transport.read(location, _CONTENT_LIMIT + 1)))

    def exists(self, fn: str) -> bool:
        return self._status(fn) is not None if is_remote(fn) else self.local.exists(self, fn)

    def isfile(self, fn: str) -> bool:
        if not is_remote(fn):
            return bool(self.local.isfile(self, fn))
        status = self._status(fn)
        return status is not None and not status.directory

    def isdir(self, fn: str) -> bool:
        if not is_remote(fn):
            return bool(self.local.isdir(self, fn))
        status = self._status(fn)
        return status is not None and status.directory

    def size(self, fn: str) -> int:
        if not is_remote(fn):
            return int(self.local.size(self, fn))
        status = self._status(fn)
        if status is None or status.size is None:
            raise OSError(f"{fn}: its size is not known")
        return status.size

    def listdir(self, fn: str) -> list[str]:
        if not is_remote(fn):
            return list(self.local.listdir(self, fn))
        location = self._data.locate(fn)
        transport = self._data.transport(location)
        children = []
        for entry in self._ask(location, lambda: transport.list(location)):
            child = location.child(entry.name)
            # Whether it is a folder is all that the library asks of what it lists.
            self._seen[child] = Status(directory=entry.directory)
            children.append(str(child))
        return children

    def _status(self, fn: str) -> Status | None:
        location = self._data.locate(fn)
        if location not in self._seen:
            try:
                self._seen[location] = self._ask(
                    location, lambda: self._data.transport(location).stat(location)
                )
            except FileNotFoundError:
                self._seen[location] = None
        return self._seen[location]

    def _ask(self, location: Location, work: Callable[[], _T]) -> _T:
        """Do ``work``; raise what the CWL library expects of files."""
        try:
            return self._data.persist(location.shown, lambda _: work())
        except DataMissing as error:
            raise FileNotFoundError(str(error)) from error
        except ServiceFailed as error:
            raise OSError(str(error)) from error
