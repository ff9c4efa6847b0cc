"""Workflow outputs to their place: all of them at once, or none."""

from __future__ import annotations

import contextlib
import copy
import os
import shutil
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from chronos_plugin.errors import RunFailed


def publish(
    outputs: dict[str, Any], folder: Path, owned: Path, *, foreign: Sequence[Path] = ()
) -> dict[str, Any]:
    """Put the files of an output object into ``folder``, replacing what is there.

    Files of the run itself are hard-linked where the file system allows it, so that large products are
    neither moved away from the step that made them nor copied; all others are copied.

    Args:
        outputs: Output object whose files have ``file:`` locations, or are literals.
        folder: Appears complete, in one rename.
        owned: Folder of the run; what lies outside belongs to somebody else.
        foreign: Folders inside ``owned`` whose files belong to somebody else all the same.

    Returns:
        The output object with the new locations, sizes and SHA-1 checksums.

    Raises:
        RunFailed: If a file is gone or there is no room; what was in ``folder`` stays.
    """
    from cwltool.errors import WorkflowException
    from schema_salad.exceptions import ValidationException

    try:
        return _publish(outputs, folder, owned, foreign)
    except (OSError, ValidationException, WorkflowException) as error:
        raise RunFailed(f"the outputs cannot be published to {folder}: {error}") from error


def _publish(outputs: dict[str, Any], folder: Path, owned: Path, foreign: Sequence[Path]) -> dict[str, Any]:
    from cwltool.pathmapper import PathMapper
    from cwltool.process import compute_checksums, stage_files
    from cwltool.stdfsaccess import StdFsAccess
    from cwltool.utils import adjustDirObjs, get_listing, visit_class

    result = copy.deepcopy(outputs)
    access = StdFsAccess("")
    adjustDirObjs(result, lambda d: get_listing(access, d, recursive=True))
    found: list[Any] = []
    _collect(result, found)
    visit_class(found, ("File", "Directory"), _resolve)
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name[:40]}."))
    staging.chmod(0o755)
    try:
        mapper = PathMapper(found, "", str(staging), separateDirs=False)
        own = os.path.realpath(owned) + os.sep
        others = tuple(os.path.realpath(path) + os.sep for path in foreign)
        stage_files(mapper, stage_func=partial(_place, own, others), symlink=False, fix_conflicts=True)

        def moved(entry: dict[str, Any]) -> None:
            target = mapper.mapper(entry["location"])[1]
            entry["location"] = _uri(target)
            entry.pop("contents", None)
            if entry["class"] == "File":
                compute_checksums(access, entry)  # type: ignore[arg-type]
            entry["location"] = _uri(str(folder) + target[len(str(staging)) :])
            entry["basename"] = os.path.basename(target)
            for derived in ("path", "nameroot", "nameext", "dirname"):
                entry.pop(derived, None)

        visit_class(result, ("File", "Directory"), moved)
        _swap(staging, folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return result


def _collect(value: Any, found: list[Any]) -> None:
    if isinstance(value, dict):
        if value.get("class") in ("File", "Directory"):
            found.append(value)
        else:
            for inner in value.values():
                _collect(inner, found)
    elif isinstance(value, list):
        for inner in value:
            _collect(inner, found)


def _resolve(entry: dict[str, Any]) -> None:
    location = str(entry["location"])
    if location.startswith("file:"):
        entry["location"] = _uri(os.path.realpath(unquote(urlsplit(location).path)))


def _place(own: str, others: tuple[str, ...], source: str, target: str) -> None:
    put = partial(_link, own, others)
    if os.path.isdir(source):
        shutil.copytree(source, target, copy_function=put, dirs_exist_ok=True)
    else:
        put(source, target)


def _link(own: str, others: tuple[str, ...], source: str, target: str) -> None:
    real = os.path.realpath(source)
    if real.startswith(own) and not real.startswith(others):
        with contextlib.suppress(OSError):
            os.link(real, target)
            return
    shutil.copy2(source, target)


def _swap(staging: Path, folder: Path) -> None:
    """Put ``staging`` in the place of ``folder``."""
    if not folder.exists():
        staging.rename(folder)
        return
    old = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name[:40]}.old."))
    folder.rename(old / "replaced")
    staging.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def _uri(path: str) -> str:
    return "file://" + quote(path, safe="/~")
