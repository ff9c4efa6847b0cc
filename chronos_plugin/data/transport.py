"""What every transport can do: find, read from any byte, write, copy between storages, list."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from chronos_plugin.data.location import Location

Report = Callable[[int], None]
"""Told how many bytes more have arrived; raises to end a transfer."""


@dataclass(frozen=True)
class Status:
    """What a storage says of a file or folder.

    Attributes:
        size: Bytes; None where the storage does not say.
        directory: Whether it is a folder.
        validator: Changes when the content changes (an ETag, or size and time of change); empty where
            the storage gives nothing to tell versions apart by.
        checksums: By algorithm (``sha1 sha256 md5 adler32``), hexadecimal.
    """

    size: int | None = None
    directory: bool = False
    validator: str = ""
    checksums: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Entry:
    """What lies in a folder: its name, and whether it is a folder itself."""

    name: str
    directory: bool = False


class Transport(Protocol):
    """Access to the storages of some schemes, usable from several threads.

    All methods raise ``DataMissing`` where there is no such file, ``TransferRefused`` where asking again
    is no use (rights, credentials, an ability that is not there), and ``TransferFailed`` otherwise.
    """

    def stat(self, location: Location) -> Status:
        """Return what the storage says of a file or folder."""
        ...

    def get(self, location: Location, status: Status, part: Path, report: Report) -> None:
        """Complete the file ``part``: it holds the first bytes of the version that ``status`` describes.

        Where the storage cannot give the rest alone, or the version is another one, ``part`` is begun anew.
        """
        ...

    def put(self, file: Path, location: Location, checksums: Mapping[str, str], report: Report) -> None:
        """Write ``file`` to ``location``, replacing what is there, and check what has arrived.

        Args:
            checksums: Of ``file``; those that the storage can keep or compare are used.
        """
        ...

    def can_copy(self, source: Location, target: Location) -> bool:
        """Return whether the storages can copy without the bytes passing through here."""
        ...

    def copy(self, source: Location, target: Location, report: Report) -> None:
        """Copy between storages, replacing what is there, and check what has arrived."""
        ...

    def list(self, location: Location) -> Sequence[Entry]:
        """Return what lies directly in a folder."""
        ...

    def remove(self, location: Location) -> None:
        """Remove a file; one that is not there is no error."""
        ...

    def read(self, location: Location, limit: int) -> bytes:
        """Return the first ``limit`` bytes of a file."""
        ...

    def close(self) -> None:
        """End what the transport keeps open."""
        ...


StorageOptions = Callable[[Location], Mapping[str, Any]]
"""Gives the options (credentials, endpoints) for a place; which there are is said by each transport."""


def no_options(_: Location) -> Mapping[str, Any]:
    """Return no options: the libraries look for credentials in the environment by themselves."""
    return {}
