"""Checksums of files, by the names that storages use."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol

BLOCK = 1 << 20
PREFERRED = ("sha1", "sha256", "md5", "adler32")
"""The checksums that are understood, those that say most first."""


class _Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...

    def hexdigest(self) -> str: ...


class Adler32:
    """Adler-32 in the shape of hashlib's objects: eight hexadecimal digits, as grid storages write it."""

    def __init__(self) -> None:
        self._value = 1

    def update(self, data: bytes, /) -> None:
        """Take in more bytes."""
        self._value = zlib.adler32(data, self._value)

    def hexdigest(self) -> str:
        """Return the checksum of all bytes so far."""
        return f"{self._value:08x}"


def of_file(path: Path, algorithms: Iterable[str]) -> dict[str, str]:
    """Return the checksums of a file in hexadecimal, in one pass."""
    digests = {name: _digest(name) for name in algorithms}
    with open(path, "rb") as file:
        while block := file.read(BLOCK):
            for digest in digests.values():
                digest.update(block)
    return {name: digest.hexdigest() for name, digest in digests.items()}


def differing(found: Mapping[str, str], expected: Mapping[str, str]) -> str | None:
    """Return what differs, in words; None if all checksums that both have are equal."""
    for name, value in expected.items():
        if name in found and found[name].lower() != value.lower():
            return f"its {name} is {found[name]}, not {value}"
    return None


def sha1_of(checksum: object) -> str | None:
    """Return the SHA-1 of a CWL File's ``checksum`` (``sha1$…``), None where it is not one."""
    text = str(checksum or "")
    return text[5:].lower() if text.startswith("sha1$") and len(text) == 45 else None


def _digest(name: str) -> _Digest:
    # Checksums find damage here; nobody is kept out by them.
    return Adler32() if name == "adler32" else hashlib.new(name, usedforsecurity=False)
