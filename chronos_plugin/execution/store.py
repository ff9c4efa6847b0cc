"""The files of one run: what its tasks, in whatever process or on whatever node, tell each other.

::

    RUN/                        one folder a run, on storage that all workers see
        run.json                what is run, since when
        inputs.json             the checked input object
        state/STEP[@N]/…        results, nested as the steps are; N counts scatter elements
            plan.json           how a scattered step or subworkflow is laid out
            elements.jsonl      its elements' input objects, one a line (elements.idx: byte offsets)
            result.json         status, outputs, inputs and usage of one execution
            gathered.json       all elements' outputs in the shape that the scatter method asks for
        scatter/TASK.jsonl      the executions of each mapped task instance (TASK.idx: byte offsets)
        work/STEP[@N]/TRY/      work directories

Each file is replaced in one operation, so a reader sees an old or a new one, never a part.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

Key = tuple[tuple[str, int | None], ...]
"""An instance of a step: names from the root workflow down, each with its scatter element or None."""

RESULT = "result.json"
PLAN = "plan.json"
GATHERED = "gathered.json"
_OFFSET = struct.Struct("<Q")


@dataclass(frozen=True)
class RunStore:
    """Access to the files of the run in ``root``."""

    root: Path

    def folder(self, key: Key) -> Path:
        """Return the folder of the state of ``key``."""
        return self.root.joinpath("state", *(_part(name, index) for name, index in key))

    def work(self, key: Key) -> Path:
        """Return the folder of the work directories of ``key``."""
        return self.root.joinpath("work", *(_part(name, index) for name, index in key))

    def read(self, key: Key, name: str) -> Any:
        """Return a file's JSON value, or None if there is no such file."""
        return read_json(self.folder(key) / name)

    def write(self, key: Key, name: str, value: Any) -> None:
        """Replace a file by ``value`` in JSON."""
        write_json(self.folder(key) / name, value)

    def write_elements(self, key: Key, elements: Iterable[Any]) -> int:
        """Write the elements' input objects (None: skipped); return how many."""
        return write_list(self.folder(key) / "elements", elements)

    def element(self, key: Key, index: int) -> Any:
        """Return one element's input object; errors as in :func:`read_item`."""
        return read_item(self.folder(key) / "elements", index)

    def write_batches(self, scatter_task: str, batches: Iterable[list[Key]]) -> int:
        """Write which executions each task instance of a scatter handles; return how many."""
        return write_list(self.root / "scatter" / scatter_task, batches)

    def batch(self, scatter_task: str, index: int) -> list[Key]:
        """Return the executions of one task instance; errors as in :func:`read_item`."""
        value = read_item(self.root / "scatter" / scatter_task, index)
        return [tuple((name, element) for name, element in key) for key in value]

    def count_batches(self, scatter_task: str) -> int:
        """Return how many task instances a scatter has; FileNotFoundError if it has not run."""
        return os.stat(self.root / "scatter" / f"{scatter_task}.idx").st_size // _OFFSET.size

    def stamp(self, keys: Iterable[Key]) -> str:
        """Return a text that changes when a result of ``keys`` is replaced."""
        digest = hashlib.sha256()
        for key in keys:
            try:
                status = os.stat(self.folder(key) / RESULT)
                digest.update(b"%d.%d;" % (status.st_mtime_ns, status.st_ino))
            except OSError:
                digest.update(b"-;")
        return digest.hexdigest()[:32]


class replacing:  # noqa: N801 - reads as a verb where it is used
    """A binary file that takes the place of ``path`` when the block ends well, and never otherwise."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> Any:
        descriptor, name = tempfile.mkstemp(dir=self._path.parent, prefix=".writing-")
        self._name = name
        self._file = os.fdopen(descriptor, "wb")
        return self._file

    def __exit__(self, kind: object, *_: object) -> None:
        self._file.close()
        if kind is None:
            os.chmod(self._name, 0o644)
            os.replace(self._name, self._path)
        else:
            os.unlink(self._name)


def read_json(path: Path) -> Any:
    """Return the JSON value in ``path``, or None if there is no such file."""
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        return None


def write_json(path: Path, value: Any) -> None:
    """Replace ``path`` by ``value`` in JSON, making its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        # Names and variables of the system may hold bytes that are no text: Python's stand-ins for them.
        file.write(json.dumps(value, ensure_ascii=False).encode(errors="surrogatepass"))


def write_list(stem: Path, items: Iterable[Any]) -> int:
    """Write values to ``stem.jsonl``, one a line, with their offsets in ``stem.idx``; return how many."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    offsets, position = [], 0
    with replacing(stem.with_name(f"{stem.name}.jsonl")) as lines:
        for item in items:
            offsets.append(_OFFSET.pack(position))
            position += lines.write(json.dumps(item, separators=(",", ":")).encode() + b"\n")
    with replacing(stem.with_name(f"{stem.name}.idx")) as index:
        index.write(b"".join(offsets))
    return len(offsets)


def read_item(stem: Path, index: int) -> Any:
    """Return one value of a list without reading the others.

    Raises:
        FileNotFoundError: If there is no such list.
        IndexError: If it has no such item.
    """
    if index < 0:
        raise IndexError(f"{stem.name} has no item {index}")
    with open(stem.with_name(f"{stem.name}.idx"), "rb") as offsets:
        offsets.seek(index * _OFFSET.size)
        packed = offsets.read(_OFFSET.size)
    if len(packed) < _OFFSET.size:
        raise IndexError(f"{stem.name} has no item {index}")
    with open(stem.with_name(f"{stem.name}.jsonl"), "rb") as lines:
        lines.seek(_OFFSET.unpack(packed)[0])
        return json.loads(lines.readline())


def run_folder(work_root: Path, dag_id: str, run_id: str) -> Path:
    """Return the folder of a run: both ids made safe for a file name, no two runs sharing one."""
    return work_root / _part(dag_id, None) / _part(run_id, None)


def strip(value: Any) -> Any:
    """Return ``value`` as it may cross a process boundary.

    Listings of directories that exist are dropped: the next process lists them as they are then.
    Marks of the CWL library's own bookkeeping go too.
    """
    if isinstance(value, Mapping):
        kept: Iterator[tuple[str, Any]] = (
            (str(k), v) for k, v in value.items() if not str(k).startswith("http://commonwl.org/cwltool#")
        )
        result = {k: strip(v) for k, v in kept}
        if result.get("class") == "Directory" and str(result.get("location", "")).startswith("file:"):
            result.pop("listing", None)
        return result
    if isinstance(value, list | tuple):
        return [strip(v) for v in value]
    return value


def _part(name: str, index: int | None) -> str:
    safe = quote(name, safe="-_.+:")
    if len(safe) > 200 or safe in ("", ".", ".."):
        safe = "%" + hashlib.sha256(name.encode()).hexdigest()[:40]
    return safe if index is None else f"{safe}@{index}"
