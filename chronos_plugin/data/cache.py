"""Fetched files of a site, kept by content.

::

    CACHE/content/ab/SHA1           the bytes, read-only
    CACHE/entries/SHA1.json         size, time of change, where it came from; touched when it is used
    CACHE/places/HASH.json          which content a version of a URI has
    CACHE/links/SHA1/HASH           paths that are symbolic links to the content
    CACHE/parts/HASH[.lock]         what has arrived of a version of a URI
    CACHE/lock                      shared by who uses content, exclusive to who removes some

A run gets hard links where its folder is on the same file system, else symbolic links (files) or
copies (files inside folders). Content with another link to it, of either kind, is in use.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chronos_plugin.data.location import Location
from chronos_plugin.data.locks import held, held_at_once
from chronos_plugin.data.transport import Status

log = logging.getLogger("chronos.data")
_STALE_PART = 7 * 86400.0


@dataclass(frozen=True)
class Content:
    """A file of the cache.

    Attributes:
        sha1: Its name.
        size: Bytes.
        source: URI that it came from, without a query.
        used: When it was used last, in seconds since 1970.
        in_use: Whether a run has a link to it.
    """

    sha1: str
    size: int
    source: str
    used: float
    in_use: bool


class ContentCache:
    """The cache in a folder, shared by the processes of a site.

    Args:
        root: Made when it is needed first.
        limit: Bytes that it may hold; 0: no bound. What runs use may exceed it.
    """

    def __init__(self, root: Path, limit: int = 0) -> None:
        self.root, self.limit = root, limit

    # -- to look up and use --------------------------------------------------------------------

    def known(self, location: Location, status: Status) -> str | None:
        """Return the SHA-1 of a version of a file, None where it was never fetched."""
        if not status.validator:
            return None
        place = _read(self._place(location))
        return str(place["sha1"]) if place and place["validator"] == status.validator else None

    def place(self, sha1: str, target: Path, *, inside_folder: bool = False) -> bool:
        """Put content at ``target``, replacing what is there; return False if it is not in the cache."""
        with self._using():
            content = self._content(sha1)
            if not self._is_sound(sha1):
                return False
            os.utime(self._entry(sha1))
            _replace(target, lambda new: self._link(content, sha1, new, target, inside_folder))
        return True

    # -- to add --------------------------------------------------------------------------------

    @contextlib.contextmanager
    def part(
        self, location: Location, status: Status, waiting: Callable[[float], None] | None = None
    ) -> Iterator[Path]:
        """Give the file that receives a version, to this process alone; it stays if the block fails.

        Args:
            waiting: Called while another process has it, with the seconds so far.
        """
        name = hashlib.sha256(f"{location}\n{status.validator}\n{status.size}".encode()).hexdigest()
        path = self._folder("parts") / name
        if not status.validator:
            # Nothing tells whether what arrived before is of the same version.
            with tempfile.TemporaryDirectory(dir=path.parent, prefix="unnamed-") as folder:
                yield Path(folder) / "part"
            return
        with held(path.with_name(f"{name}.lock"), waiting=waiting, remove=True):
            yield path

    def add(
        self,
        part: Path,
        sha1: str,
        location: Location,
        status: Status,
        target: Path,
        *,
        inside_folder: bool = False,
    ) -> None:
        """Take a complete file in, under the SHA-1 that the caller has computed, and put it at ``target``."""
        with self._using():
            content = self._content(sha1)
            content.parent.mkdir(parents=True, exist_ok=True)
            part.chmod(0o444)
            found = part.stat()
            source = location.shown
            os.replace(part, content)
            _write(
                self._entry(sha1), {"size": found.st_size, "modified": found.st_mtime_ns, "source": source}
            )
            if status.validator:
                _write(self._place(location), {"validator": status.validator, "sha1": sha1})
            _replace(target, lambda new: self._link(content, sha1, new, target, inside_folder))
        if self.limit:
            self.evict(wait=False)

    # -- to keep small -------------------------------------------------------------------------

    def contents(self) -> list[Content]:
        """Return what is there, that used longest ago first."""
        found = []
        for entry in (self.root / "entries").glob("*.json"):
            record, sha1 = _read(entry), entry.stem
            with contextlib.suppress(FileNotFoundError):
                used = entry.stat().st_mtime
                if record is not None and self._content(sha1).exists():
                    source = str(record["source"])
                    found.append(Content(sha1, int(record["size"]), source, used, self._in_use(sha1)))
        return sorted(found, key=lambda content: content.used)

    def evict(self, limit: int | None = None, *, wait: bool = True, dry_run: bool = False) -> list[Content]:
        """Remove what was used longest ago and is not in use, until the rest fits; return what went.

        Args:
            limit: Bytes; default: the cache's own bound.
            wait: Wait for processes that are just using the cache; else leave it to another time.
            dry_run: Remove nothing.
        """
        bound = self.limit if limit is None else limit
        self._folder("parts")
        lock = held(self.root / "lock") if wait else held_at_once(self.root / "lock")
        with lock as got:
            if got is False:
                return []
            contents = self.contents()
            total = sum(content.size for content in contents)
            gone = []
            for content in contents:
                if total <= bound:
                    break
                if not content.in_use:
                    gone.append(content)
                    total -= content.size
            if not dry_run:
                for content in gone:
                    self._remove(content.sha1)
                self._remove_remains()
        if total > bound:
            log.warning(
                "the data cache holds %.1f MiB more than its bound: runs use them", (total - bound) / 2**20
            )
        return gone

    # -- inside --------------------------------------------------------------------------------

    def _using(self) -> contextlib.AbstractContextManager[None]:
        self._folder("entries")
        return held(self.root / "lock", shared=True)

    def _folder(self, name: str) -> Path:
        folder = self.root / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _content(self, sha1: str) -> Path:
        return self.root / "content" / sha1[:2] / sha1

    def _entry(self, sha1: str) -> Path:
        return self.root / "entries" / f"{sha1}.json"

    def _place(self, location: Location) -> Path:
        return self.root / "places" / f"{hashlib.sha256(str(location).encode()).hexdigest()}.json"

    def _is_sound(self, sha1: str) -> bool:
        """Return whether the content is there, and as it came."""
        record = _read(self._entry(sha1))
        try:
            found = self._content(sha1).stat()
        except FileNotFoundError:
            return False
        if record is None:
            return False
        if (found.st_size, found.st_mtime_ns) == (record["size"], record["modified"]):
            return True
        log.warning("a tool has changed %s in the data cache: it is fetched again", record["source"])
        return False

    def _link(self, content: Path, sha1: str, new: Path, target: Path, inside_folder: bool) -> None:
        try:
            os.link(content, new)
        except OSError:
            if inside_folder:
                # A container sees the folder, and not what links in it lead to.
                shutil.copyfile(content, new)
                return
            links = self._folder("links") / sha1
            links.mkdir(exist_ok=True)
            name = hashlib.sha256(os.fsencode(target)).hexdigest()
            (links / name).write_text(str(target))
            os.symlink(content, new)

    def _in_use(self, sha1: str) -> bool:
        content = self._content(sha1)
        if content.stat().st_nlink > 1:
            return True
        used = False
        for link in (self.root / "links" / sha1).glob("*"):
            if Path(link.read_text()).resolve() == content.resolve():
                used = True
            else:
                link.unlink(missing_ok=True)
        return used

    def _remove(self, sha1: str) -> None:
        self._content(sha1).unlink(missing_ok=True)
        self._entry(sha1).unlink(missing_ok=True)
        shutil.rmtree(self.root / "links" / sha1, ignore_errors=True)

    def _remove_remains(self) -> None:
        """Remove what is known of content that is gone, and what nobody has gone on fetching for a week."""
        for place in (self.root / "places").glob("*.json"):
            record = _read(place)
            if record is None or not self._content(record["sha1"]).exists():
                place.unlink(missing_ok=True)
        for part in self._folder("parts").iterdir():
            if part.suffix == ".lock" or time.time() - part.lstat().st_mtime < _STALE_PART:
                continue
            if part.is_dir():
                shutil.rmtree(part, ignore_errors=True)
                continue
            with held_at_once(part.with_name(f"{part.name}.lock")) as mine:
                if mine:
                    part.unlink(missing_ok=True)
                    part.with_name(f"{part.name}.lock").unlink(missing_ok=True)


def _replace(target: Path, make: Callable[[Path], None]) -> None:
    """Make a file beside ``target`` and rename it over."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".placing-") as folder:
        new = Path(folder) / "new"
        make(new)
        # Others may be reading the target. Where both are links to one file already, this does nothing.
        os.replace(new, target)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        value: dict[str, Any] = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return value


def _write(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
    with os.fdopen(descriptor, "w") as file:
        json.dump(value, file)
    os.chmod(name, 0o664)
    os.replace(name, path)
