"""Files of an output object into a folder that may hold other things (the cwl-runner convention)."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from chronos_plugin.data.schemes import is_remote


def deliver(outputs: dict[str, Any], folder: Path, *, move: bool = False) -> dict[str, Any]:
    """Copy (or move) the files of a published output object into ``folder``.

    A file that has the name of another output gets a number; what lay in ``folder`` under the name is
    replaced. What was published to a storage stays there, under its URI.

    Returns:
        The output object with the new ``location`` and ``path`` of each file and directory.
    """
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    return dict(_Delivery(folder, move).value(outputs))


class _Delivery:
    def __init__(self, folder: Path, move: bool) -> None:
        self._folder, self._move = folder, move
        self._taken: dict[Path, str] = {}

    def value(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self.value(v) for v in value]
        if not isinstance(value, dict):
            return value
        if value.get("class") in ("File", "Directory"):
            return self.entry(value, self._folder)
        return {k: self.value(v) for k, v in value.items()}

    def entry(self, entry: dict[str, Any], folder: Path) -> dict[str, Any]:
        if is_remote(entry.get("location")):
            return entry
        source = _path(str(entry["location"]))
        target = self._free(folder / source.name, str(source))
        if str(source) != self._taken.get(target):
            self._put(source, target)
            self._taken[target] = str(source)
        result = {**entry, "location": _uri(target), "path": str(target)}
        for key in ("secondaryFiles", "listing"):
            if key in entry:
                inside = target if key == "listing" else folder
                # What lies in a directory has come with it.
                place = self._listed if key == "listing" else self.entry
                result[key] = [place(inner, inside) for inner in entry[key]]
        return result

    def _listed(self, entry: dict[str, Any], folder: Path) -> dict[str, Any]:
        target = folder / _path(str(entry["location"])).name
        result = {**entry, "location": _uri(target), "path": str(target)}
        for key in ("secondaryFiles", "listing"):
            if key in entry:
                inside = target if key == "listing" else folder
                result[key] = [self._listed(inner, inside) for inner in entry[key]]
        return result

    def _free(self, target: Path, source: str) -> Path:
        candidate, number = target, 2
        while self._taken.get(candidate, source) != source:
            candidate, number = target.with_name(f"{target.name}_{number}"), number + 1
        return candidate

    def _put(self, source: Path, target: Path) -> None:
        if source == target:
            return
        if target.is_dir() and not target.is_symlink():
            shutil.rmtree(target)
        elif target.exists() or target.is_symlink():
            target.unlink()
        if self._move:
            shutil.move(source, target)
        elif source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copy2(source, target)


def _path(location: str) -> Path:
    return Path(unquote(urlsplit(location).path)) if location.startswith("file:") else Path(location)


def _uri(path: Path) -> str:
    return "file://" + quote(os.fspath(path), safe="/~")
