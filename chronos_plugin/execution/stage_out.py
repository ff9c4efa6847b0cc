"""Workflow outputs to another storage: files first, then the output object that says what there is.

::

    URI/NAME…                     the files, as they would lie in a folder
    URI/chronos-outputs.json      the output object, written last

Stores have no operation that makes many files appear at once: who reads the output object first, and
then what it names, sees all of a run or nothing. It is removed before anything is replaced.
"""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

from chronos_plugin.data.access import DataAccess
from chronos_plugin.data.checksums import of_file
from chronos_plugin.data.fetch import in_parallel
from chronos_plugin.data.location import Location, parse
from chronos_plugin.data.progress import Meter
from chronos_plugin.errors import DataMissing, InputInvalid, RunFailed, ServiceFailed
from chronos_plugin.execution.publish import publish
from chronos_plugin.execution.remote import fetched_folder, remote_entries, stage_in
from chronos_plugin.execution.store import run_folder

if TYPE_CHECKING:
    from chronos_plugin.execution.run import Run

log = logging.getLogger("chronos.data")
MANIFEST = "chronos-outputs.json"
_MANIFEST_LIMIT = 256 << 20


def output_place(root: Path, uri: str, dag_id: str, run_id: str) -> Path | Location:
    """Return where a run's outputs go: below ``uri`` if there is one, else below the folder ``root``."""
    if not uri:
        return run_folder(root, dag_id, run_id)
    below = run_folder(Path("/"), dag_id, run_id).relative_to("/")
    return parse(uri).child(below.as_posix())


@dataclass(frozen=True)
class _Upload:
    """A file on its way out: from this machine, or (``source``) from another storage."""

    target: Location
    file: Path
    source: Location | None = None


def send_outputs(run: Run, outputs: dict[str, Any], place: Location) -> dict[str, Any]:
    """Publish an output object to ``place``; return it with the files' new locations.

    What a storage can copy by itself from where an input lies does not come through here.

    Raises:
        RunFailed: If a file cannot be sent. What was there before is then incomplete, and says so by
            having no output object.
    """
    work = run.store.root / "work"
    work.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(dir=work, prefix="@outputs-") as folder,
        DataAccess(run.options.data) as data,
    ):
        try:
            return _send(run, data, outputs, place, Path(folder))
        except (ServiceFailed, InputInvalid, OSError) as error:
            raise RunFailed(f"the outputs cannot be sent to {place.shown}: {error}") from error


def _send(
    run: Run, data: DataAccess, outputs: dict[str, Any], place: Location, folder: Path
) -> dict[str, Any]:
    sources: dict[str, Location] = {}
    local = stage_in(run, _with_stand_ins(data, outputs, place, folder / "stand-ins", sources))
    staged = folder / "outputs"
    published = publish(local, staged, run.store.root, foreign=(fetched_folder(run),))
    copied = _copied(local, published, sources)
    uploads = [
        _Upload(place.child(file.relative_to(staged).as_posix()), file, copied.get(str(file)))
        for file in sorted(staged.rglob("*"))
        if file.is_file()
    ]
    if any(upload.target.name == MANIFEST and upload.target.parent() == place for upload in uploads):
        raise RunFailed(f"an output is named {MANIFEST}, as the list of the outputs is: give it another name")
    before = _withdraw(data, place)
    _send_files(data, uploads)
    result: dict[str, Any] = _relocated(data, published, staged, place, copied)
    manifest = folder / MANIFEST
    manifest.write_text(json.dumps(result, ensure_ascii=False, indent=2))
    _put(data, _Upload(place.child(MANIFEST), manifest), Meter("sending", 1, None))
    _remove_old(data, before, result)
    return result


def _with_stand_ins(
    data: DataAccess, outputs: dict[str, Any], place: Location, folder: Path, sources: dict[str, Location]
) -> dict[str, Any]:
    """Put an empty file in the place of each remote File that the storages can copy by themselves."""
    result: dict[str, Any] = json.loads(json.dumps(outputs))
    for number, entry in enumerate(remote_entries(result)):
        source = data.locate(str(entry["location"]))
        if entry["class"] != "File" or not data.transport(source).can_copy(source, place):
            continue
        stand_in = folder / str(number) / str(entry.get("basename") or source.name)
        stand_in.parent.mkdir(parents=True)
        stand_in.touch()
        entry["location"] = _file_uri(stand_in)
        sources[entry["location"]] = source
    return result


def _copied(before: Any, after: Any, sources: dict[str, Location]) -> dict[str, Location]:
    """Return where the published stand-ins come from, by path; ``after`` has the shape of ``before``."""
    found = {}
    for old, new in _pairs(before, after):
        source = sources.get(str(old.get("location")))
        if source is not None:
            found[_path(new)] = source
    return found


def _pairs(before: Any, after: Any) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    if isinstance(before, list) and isinstance(after, list):
        for old, new in zip(before, after, strict=True):
            yield from _pairs(old, new)
    elif isinstance(before, dict) and isinstance(after, dict):
        if before.get("class") == "File":
            yield before, after
        for name in before.keys() & after.keys():
            yield from _pairs(before[name], after[name])


def _send_files(data: DataAccess, uploads: list[_Upload]) -> None:
    meter = Meter("sending", len(uploads), sum(upload.file.stat().st_size for upload in uploads))

    def one(upload: _Upload) -> None:
        _put(data, upload, meter)
        meter.ended()

    in_parallel(data, uploads, one)


def _put(data: DataAccess, upload: _Upload, meter: Meter) -> None:
    target, source = upload.target, upload.source
    transport = data.transport(target)

    def work(moved: Any) -> None:
        def report(count: int) -> None:
            moved(count)
            meter.moved(count)

        if source is not None:
            transport.copy(source, target, report)
        else:
            transport.put(upload.file, target, of_file(upload.file, ["sha1"]), report)

    if source is None and _is_there(data, upload):
        log.info("%s: sent by an earlier try", target.shown)
        return
    data.persist(target.shown, work)


def _is_there(data: DataAccess, upload: _Upload) -> bool:
    """Return whether an earlier try has sent the file, by the storage's own checksums."""
    try:
        status = data.stat(upload.target)
    except DataMissing:
        return False
    if status.size != upload.file.stat().st_size or not status.checksums:
        return False
    return of_file(upload.file, status.checksums) == dict(status.checksums)


def _relocated(
    data: DataAccess, value: Any, staged: Path, place: Location, copied: dict[str, Location]
) -> Any:
    """Return an output object with locations in ``place``, and sizes and checksums of what was copied."""
    if isinstance(value, list):
        return [_relocated(data, inner, staged, place, copied) for inner in value]
    if not isinstance(value, dict):
        return value
    result = {k: _relocated(data, v, staged, place, copied) for k, v in value.items()}
    if value.get("class") in ("File", "Directory"):
        path = _path(value)
        target = place.child(PurePosixPath(path).relative_to(staged).as_posix())
        result["location"] = str(target)
        if path in copied:
            status = data.stat(target)
            result["size"] = status.size
            result.pop("checksum", None)
            if "sha1" in status.checksums:
                result["checksum"] = f"sha1${status.checksums['sha1']}"
    return result


def _withdraw(data: DataAccess, place: Location) -> Any:
    """Remove the output object of an earlier publication; return it."""
    manifest = place.child(MANIFEST)
    transport = data.transport(manifest)
    try:
        data.stat(manifest)
        text = data.persist(manifest.shown, lambda _: transport.read(manifest, _MANIFEST_LIMIT))
    except DataMissing:
        return None
    _remove(data, manifest)
    try:
        return json.loads(text)
    except ValueError:
        log.warning("%s: this is no output object; what it named stays", manifest.shown)
        return None


def _remove_old(data: DataAccess, before: Any, after: Any) -> None:
    """Remove what an earlier publication had and this one has not."""
    kept = _locations(after)
    for text in sorted(_locations(before) - kept):
        _remove(data, parse(text))


def _remove(data: DataAccess, location: Location) -> None:
    data.persist(location.shown, lambda _: data.transport(location).remove(location))


def _locations(value: Any) -> set[str]:
    if isinstance(value, list):
        return {location for inner in value for location in _locations(inner)}
    if not isinstance(value, dict):
        return set()
    own = {str(value["location"])} if value.get("class") == "File" else set()
    return own.union(*(_locations(inner) for inner in value.values()))


def _path(entry: dict[str, Any]) -> str:
    return unquote(urlsplit(str(entry["location"])).path)


def _file_uri(path: Path) -> str:
    return "file://" + quote(str(path), safe="/~")
