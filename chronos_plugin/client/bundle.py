"""Bundles of documents, as they are sent: archives of files, and names for them."""

from __future__ import annotations

import hashlib
import io
import os
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path

# Zip files know no time before; a fixed one makes equal bundles equal archives.
_EPOCH = (1980, 1, 1, 0, 0, 0)


def pack(base: Path, files: list[Path]) -> bytes:
    """Return a zip archive of files below ``base``; the same files give the same bytes."""
    read = {
        path.relative_to(base).as_posix(): (path.read_bytes(), os.access(path, os.X_OK))
        for path in set(files)
    }
    return pack_contents(read)


def pack_contents(contents: Mapping[str, tuple[bytes, bool]]) -> bytes:
    """Return a zip archive of contents by path, each with whether it may be executed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, (content, executable) in sorted(contents.items(), key=lambda item: Path(item[0])):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.external_attr = (0o755 if executable else 0o644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return buffer.getvalue()


def name_of(archive: bytes, fragment: str, stem: str) -> str:
    """Return a DAG id for an archive: the same for the same content.

    Args:
        stem: Of the root document's name.
    """
    digest = hashlib.sha256(archive + fragment.encode()).hexdigest()[:8]
    return f"{re.sub(r'[^A-Za-z0-9_.-]+', '_', stem)[:180]}-{digest}"
