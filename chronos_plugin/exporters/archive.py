"""A crate as a zip file: its metadata, the CWL documents, and files where they are wanted inside."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from chronos_plugin.errors import InputInvalid
from chronos_plugin.exporters.crate import README, WORKFLOW, CrateOptions, crate_metadata, readme
from chronos_plugin.exporters.crate_parts import METADATA
from chronos_plugin.exporters.provenance import Provenance
from chronos_plugin.lineage.model import Dataset

DATA = "data"
_CHUNK = 1 << 20
_ALGORITHMS = ("md5", "sha1", "sha256", "sha512")
Progress = Callable[[str], None]


@dataclass(frozen=True)
class CopyPlan:
    """Which files are copied into a crate.

    Attributes:
        files: By dataset key: the file, and its place in the crate.
        size: Bytes of all of them.
        left: By dataset key: why a file is only named.
    """

    files: Mapping[str, tuple[Path, str]]
    size: int
    left: Mapping[str, str]


def plan_copies(provenance: Provenance, roots: Sequence[Path] | None, most: int) -> CopyPlan:
    """Decide which files of a provenance are copied into its crate.

    Args:
        roots: Folders that files may come from; None: any.
        most: Bytes in all.

    Raises:
        InputInvalid: If they are more.
    """
    files, left, total = dict[str, tuple[Path, str]](), dict[str, str](), 0
    for key, dataset in provenance.datasets().items():
        path = Path(dataset.path)
        why = _why_not(dataset, path, roots)
        if why:
            left[key] = why
            continue
        size = path.stat().st_size
        if dataset.size is not None and size != dataset.size:
            left[key] = "another file lies there now"
            continue
        files[key] = (path, f"{DATA}/{key}/{dataset.name}")
        total += size
    if total > most:
        raise InputInvalid(
            f"the files have {total:,} bytes, more than the {most:,} that may be copied: raise --max-size, "
            "or leave --with-data out, and the crate names them by their URIs"
        )
    return CopyPlan(files, total, left)


def write_crate(
    target: Path,
    provenance: Provenance,
    options: CrateOptions,
    plan: CopyPlan | None = None,
    progress: Progress | None = None,
) -> CopyPlan:
    """Write a crate; ``target`` is replaced when all of it is there.

    Returns:
        The plan as it was carried out: files that were found changed are only named.
    """
    tell = progress or (lambda _: None)
    plan = _unchanged(provenance, plan or CopyPlan({}, 0, {}), tell)
    copied = {key: place for key, (_, place) in plan.files.items()}
    metadata = crate_metadata(provenance, replace(options, copied=copied))
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    partial = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as crate:
            crate.writestr(METADATA, json.dumps(metadata, indent=1))
            crate.writestr(README, readme(provenance))
            for path, content in provenance.documents.items():
                crate.writestr(f"{WORKFLOW}/{path}", content)
            for number, (source, place) in enumerate(plan.files.values(), start=1):
                tell(f"file {number} of {len(plan.files)}")
                # Products are compressed already, mostly.
                crate.write(source, place, compress_type=zipfile.ZIP_STORED)
        os.chmod(partial, 0o666 & ~_umask())
        os.replace(partial, target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    return plan


def _why_not(dataset: Dataset, path: Path, roots: Sequence[Path] | None) -> str:
    if dataset.namespace != "file":
        return "it lies in another storage"
    if dataset.path.endswith("/") or path.is_dir():
        return "it is a folder"
    if not path.is_file():
        return "it is not there any more"
    real = path.resolve()
    if roots is not None and not any(real.is_relative_to(root.resolve()) for root in roots):
        return "it lies outside input_roots, work_root and output_root"
    return ""


def _unchanged(provenance: Provenance, plan: CopyPlan, tell: Progress) -> CopyPlan:
    """Return a plan without the files that are not those that the history knows."""
    files, left, total = dict(plan.files), dict(plan.left), plan.size
    datasets = provenance.datasets()
    for number, (key, (path, _)) in enumerate(plan.files.items(), start=1):
        tell(f"checksum {number} of {len(plan.files)}")
        algorithm, _, value = datasets[key].checksum.partition("$")
        if algorithm in _ALGORITHMS and value and _checksum(path, algorithm) != value:
            left[key] = "another file lies there now"
            total -= path.stat().st_size
            del files[key]
    return CopyPlan(files, total, left)


def _checksum(path: Path, algorithm: str) -> str:
    found = hashlib.new(algorithm, usedforsecurity=False)
    with open(path, "rb") as stream:
        while chunk := stream.read(_CHUNK):
            found.update(chunk)
    return found.hexdigest()


def _umask() -> int:
    value = os.umask(0)
    os.umask(value)
    return value
