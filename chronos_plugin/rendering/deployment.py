"""Documents that come through the API: into the DAG bundle, whole or not at all.

::

    DAGS/deployed/NAME/.chronos-deployed.json     {"root": …, "fragment": …}
    DAGS/deployed/NAME/…                          the document and all that it includes
"""

from __future__ import annotations

import io
import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from chronos_plugin.compiler.compile import CompiledDocument
from chronos_plugin.errors import CwlInvalid, ServiceFailed, SourceLocation
from chronos_plugin.rendering import metadata
from chronos_plugin.rendering.compiling import compiled
from chronos_plugin.settings import Settings

MARK = ".chronos-deployed.json"
MAX_UNPACKED = 256 << 20
MAX_FILES = 10_000


@dataclass(frozen=True)
class Deployment:
    """A deployed (or, in a dry run, checked) document."""

    name: str
    document: CompiledDocument
    relative_path: str
    created: bool


@dataclass(frozen=True)
class Mark:
    """Which process of a deployed folder is the root."""

    name: str
    root: str
    fragment: str


def read_mark(folder: Path) -> Mark | None:
    """Return the mark of a deployed folder, None if it has none."""
    try:
        value = json.loads((folder / MARK).read_bytes())
        return Mark(folder.name, str(value["root"]), str(value.get("fragment", "")))
    except (OSError, ValueError, KeyError):
        return None


def mark_of(path: Path, bundle: Path | None, settings: Settings) -> Mark | None:
    """Return the mark of the deployed folder that ``path`` lies in, None if it lies in none."""
    if bundle is None or not path.is_relative_to(bundle):
        return None
    parts = path.relative_to(bundle).parts
    if len(parts) < 3 or parts[0] != settings.deploy_folder:
        return None
    return read_mark(bundle / parts[0] / parts[1])


def deploy(
    name: str, archive: bytes, root: str, fragment: str, settings: Settings, *, dry_run: bool = False
) -> Deployment:
    """Unpack, compile, and (unless ``dry_run``) put in place.

    Raises:
        CwlInvalid, CwlUnsupported: If the document does not compile; nothing is changed then.
        ServiceFailed: If the bundle cannot be written to.
    """
    bundle = bundle_folder(settings)
    home = bundle / settings.deploy_folder
    try:
        home.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(dir=home, prefix=".deploying-"))
    except OSError as error:
        raise ServiceFailed(f"cannot write to the DAG bundle {settings.deploy_bundle}: {error}") from error
    try:
        _unpack(archive, staging)
        staged = _inside(staging, root)
        if not staged.is_file():
            raise CwlInvalid("the archive has no such document", location=SourceLocation(root))
        (staging / MARK).write_text(json.dumps({"root": root, "fragment": fragment}))
        checked = compiled(staged, staging, settings, fragment)
        final = home / name
        relative = (final / root).relative_to(bundle).as_posix()
        if dry_run:
            return Deployment(name, checked, relative, created=False)
        created = not _same(staging, final)
        if created:
            _swap(staging, final)
        return Deployment(name, compiled(final / root, bundle, settings, fragment), relative, created)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def withdraw(name: str, settings: Settings) -> bool:
    """Remove a deployed document; False if there is none of that name.

    Raises:
        ServiceBusy: If the metadata database is locked; nothing is changed then.
    """
    folder = bundle_folder(settings) / settings.deploy_folder / name
    if os.sep in name or name.startswith(".") or read_mark(folder) is None:
        return False
    _forget(name, settings)
    gone = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".withdrawn-"))
    folder.rename(gone / name)
    shutil.rmtree(gone, ignore_errors=True)
    return True


def _forget(name: str, settings: Settings) -> None:
    """Let no new run of a withdrawn document start, before the DAG processor notices by itself."""
    from airflow.models.dag import DagModel
    from sqlalchemy import update

    folder = f"{settings.deploy_folder}/{name}/"
    gone = update(DagModel).where(
        DagModel.dag_id == name,
        DagModel.bundle_name == settings.deploy_bundle,
        DagModel.relative_fileloc.startswith(folder, autoescape=True),
    )
    metadata.write(lambda session: session.execute(gone.values(is_stale=True)), f"withdrawing {name}")


def request_parsing(deployment: Deployment, settings: Settings) -> None:
    """Ask the DAG processor to parse the document before everything else.

    Raises:
        ServiceBusy: If the metadata database is locked; the document is in place all the same.
    """
    from airflow.models.dagbag import DagPriorityParsingRequest
    from sqlalchemy import select

    bundle, file = settings.deploy_bundle, deployment.relative_path
    known = select(DagPriorityParsingRequest).where(
        DagPriorityParsingRequest.bundle_name == bundle, DagPriorityParsingRequest.relative_fileloc == file
    )

    def change(session: Any) -> None:
        if session.scalars(known).first() is None:
            session.add(DagPriorityParsingRequest(bundle_name=bundle, relative_fileloc=file))

    metadata.write(change, f"{deployment.name} is in place")


def bundle_folder(settings: Settings) -> Path:
    """Return the folder of the bundle that takes deployed documents.

    Raises:
        ServiceFailed: If there is no such bundle, or it is kept under version control.
    """
    from airflow.dag_processing.bundles.manager import DagBundlesManager

    try:
        bundle = DagBundlesManager().get_bundle(settings.deploy_bundle)
    except ValueError as error:
        raise ServiceFailed(f"option deploy_bundle of [chronos]: {error}") from error
    if bundle.supports_versioning:
        raise ServiceFailed(
            f"bundle {settings.deploy_bundle} is kept in a repository: commit the document there, or set "
            "option deploy_bundle of [chronos] to a local bundle"
        )
    return Path(bundle.path)


def deployed_roots(bundle: Path, settings: Settings) -> Iterator[Path]:
    """Yield the root documents of the deployed folders of a bundle."""
    home = bundle / settings.deploy_folder
    if not home.is_dir():
        return
    for folder in sorted(home.iterdir()):
        mark = None if folder.name.startswith(".") else read_mark(folder)
        if mark is not None:
            yield folder / mark.root


def _unpack(archive: bytes, folder: Path) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as packed:
            entries = [entry for entry in packed.infolist() if not entry.is_dir()]
            if len(entries) > MAX_FILES or sum(entry.file_size for entry in entries) > MAX_UNPACKED:
                raise CwlInvalid(
                    f"the archive holds more than {MAX_FILES} files or {MAX_UNPACKED >> 20} MiB",
                    suggestion="deploy documents, not data: give data as inputs",
                )
            for entry in entries:
                target = _inside(folder, entry.filename)
                target.parent.mkdir(parents=True, exist_ok=True)
                with packed.open(entry) as source, open(target, "xb") as sink:
                    shutil.copyfileobj(source, sink)
                target.chmod(0o755 if (entry.external_attr >> 16) & 0o100 else 0o644)
    except (zipfile.BadZipFile, FileExistsError) as error:
        raise CwlInvalid(f"the archive cannot be unpacked: {error}") from error


def _inside(folder: Path, name: str) -> Path:
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or ".." in parts or "\\" in name or MARK in parts:
        raise CwlInvalid(f"the archive names the path {name!r}", suggestion="use relative paths inside it")
    return folder.joinpath(*parts)


def _same(staged: Path, final: Path) -> bool:
    def content(folder: Path) -> dict[str, Any]:
        return {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file()
        }

    return final.is_dir() and content(staged) == content(final)


def _swap(staged: Path, final: Path) -> None:
    staged.chmod(0o755)
    if final.exists():
        old = Path(tempfile.mkdtemp(dir=final.parent, prefix=".replaced-"))
        final.rename(old / final.name)
        staged.rename(final)
        shutil.rmtree(old, ignore_errors=True)
    else:
        staged.rename(final)
