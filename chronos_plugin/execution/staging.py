"""Inputs in other places than the shared file system: checked when a run opens, fetched before a step.

::

    RUN/work/@data/HASH/NAME      a fetched file or folder; files of one remote folder lie in one folder
    RUN/work/@data/HASH.json      which remote folder that is

Between steps, and in what is recorded, such a file has its URI; only the step that reads it sees the
fetched one.
"""

from __future__ import annotations

import copy
import hashlib
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

from chronos_plugin.compiler.naming import short_name
from chronos_plugin.data.access import DataAccess
from chronos_plugin.data.cache import ContentCache
from chronos_plugin.data.checksums import sha1_of
from chronos_plugin.data.fetch import Wanted, fetch, in_parallel
from chronos_plugin.data.location import Location, parse
from chronos_plugin.data.transport import Status
from chronos_plugin.errors import (
    DataMissing,
    InputInvalid,
    ServiceFailed,
    StepFailed,
    TransferFailed,
    TransferRefused,
)
from chronos_plugin.execution.remote import FILES, fetched_folder, remote_entries
from chronos_plugin.execution.store import read_json, write_json

if TYPE_CHECKING:
    from chronos_plugin.execution.run import Run

log = logging.getLogger("chronos.data")
_DEPTH = 64


def check_remote(run: Run, inputs: dict[str, Any]) -> None:
    """Do what :func:`chronos_plugin.execution.remote.check_remote` says."""
    found = [(name, entry) for name, value in inputs.items() for entry in remote_entries(value)]
    with DataAccess(run.options.data) as data:
        problems = in_parallel(data, found, lambda item: _problem(data, *item))
    wrong = [problem for problem in problems if isinstance(problem, InputInvalid)]
    if wrong:
        raise InputInvalid("\n".join(dict.fromkeys(map(str, wrong))))
    if unanswered := [problem for problem in problems if problem is not None]:
        raise unanswered[0]
    log.info("files in other places, all there: %d", len(found))


def _problem(data: DataAccess, name: str, entry: dict[str, Any]) -> Exception | None:
    """Return why an input cannot be used; complete it if it can."""
    try:
        location = data.locate(str(entry["location"]))
        entry["location"] = str(location)
        if entry["class"] == "Directory":
            _check_directory(data, location)
        else:
            _complete(location, entry, data.stat(location))
    except TransferFailed as error:
        return TransferFailed(f"input '{name}': {error}")
    except (InputInvalid, ServiceFailed) as error:
        return InputInvalid(f"input '{name}': {error}")
    return None


def _complete(location: Location, entry: dict[str, Any], status: Status) -> None:
    if status.directory:
        raise InputInvalid(f"{location.shown} is a folder, and a File is asked for")
    sha1 = status.checksums.get("sha1")
    given = sha1_of(entry.get("checksum"))
    if entry.get("size") not in (None, status.size) and status.size is not None:
        raise InputInvalid(f"{location.shown} has {status.size} bytes, the input object says {entry['size']}")
    if sha1 and given and sha1 != given:
        raise InputInvalid(f"{location.shown} has the SHA-1 {sha1}, the input object says {given}")
    if status.size is not None:
        entry["size"] = status.size
    if sha1:
        entry["checksum"] = f"sha1${sha1}"


def _check_directory(data: DataAccess, location: Location) -> None:
    transport = data.transport(location)
    # Where nothing can be listed, this says so; a store without folders says that nothing is there.
    data.persist(location.shown, lambda _: transport.list(location))
    if not data.stat(location).directory:
        raise InputInvalid(f"{location.shown} is a file, and a Directory is asked for")


def look_beside(
    run: Run, inputs: Mapping[str, Any], parameters: Sequence[Mapping[str, Any]]
) -> dict[Location, Status | None]:
    """Ask for the secondary files of all remote files at a time; None where there is none.

    The CWL library asks for one after the other. Patterns that are expressions are left to it.
    """
    with DataAccess(run.options.data) as data:
        places = {
            place: None
            for parameter in parameters
            for entry in remote_entries(inputs.get(short_name(parameter["id"])))
            if entry["class"] == "File" and not entry.get("secondaryFiles")
            for place in _beside(data.locate(str(entry["location"])), parameter)
        }

        def ask(place: Location) -> list[tuple[Location, Status | None]]:
            try:
                return [(place, data.stat(place))]
            except DataMissing:
                return [(place, None)]
            except ServiceFailed:
                # The library asks again, and says what is wrong.
                return []

        return dict(pair for pairs in in_parallel(data, list(places), ask) for pair in pairs)


def _beside(location: Location, parameter: Mapping[str, Any]) -> Iterator[Location]:
    declared = parameter.get("secondaryFiles") or []
    for entry in declared if isinstance(declared, list) else [declared]:
        pattern = str(entry.get("pattern", "") if isinstance(entry, dict) else entry).removesuffix("?")
        if not pattern or "$" in pattern:
            continue
        stem = location.name
        while pattern.startswith("^"):
            stem, pattern = (stem.rpartition(".")[0] or stem), pattern[1:]
        yield location.parent().child(stem + pattern)


def stage_in(run: Run, inputs: Mapping[str, Any], stopping: Callable[[], bool]) -> dict[str, Any]:
    """Do what :func:`chronos_plugin.execution.remote.stage_in` says."""
    result = copy.deepcopy(dict(inputs))
    entries = list(remote_entries(result))
    with DataAccess(run.options.data, stopping) as data:
        try:
            wanted = [w for entry in entries for w in _wanted(run, data, entry)]
            unique = {w.target: w for w in wanted}
            fetch(data, site_cache(run), list(unique.values()))
        except (ServiceFailed, InputInvalid, OSError) as error:
            raise StepFailed(f"the inputs cannot be fetched: {error}") from error
    return result


def site_cache(run: Run) -> ContentCache:
    """Return the site's cache, or one in the run's own folder where the site has none."""
    options = run.options.data
    if options is None or options.cache is None:
        return ContentCache(fetched_folder(run) / "cache")
    return ContentCache(options.cache, options.cache_bytes)


def remote_again(run: Run, value: Any) -> Any:
    """Do what :func:`chronos_plugin.execution.remote.remote_again` says."""
    home = f"{fetched_folder(run)}/"
    known: dict[str, Any] = {}

    def restore(entry: Any) -> Any:
        if isinstance(entry, list):
            return [restore(inner) for inner in entry]
        if not isinstance(entry, dict):
            return entry
        result = {name: restore(inner) for name, inner in entry.items()}
        # The library gives some locations as plain paths.
        location = str(result.get("location") or "")
        path = unquote(urlsplit(location).path) if location.startswith("file:") else location
        if result.get("class") in FILES and path.startswith(home):
            result["location"] = _origin(run, path.removeprefix(home), known) or location
            result.pop("path", None)
        return result

    return restore(value)


def _origin(run: Run, relative: str, known: dict[str, Any]) -> str | None:
    folder, _, rest = relative.partition("/")
    if folder not in known:
        known[folder] = read_json(fetched_folder(run) / f"{folder}.json")
    if known[folder] is None or not rest:
        return None
    location = parse(known[folder]["folder"]).child(rest)
    # What is inside a fetched folder has no query of its own.
    return str(location if "/" in rest else replace(location, query=known[folder]["query"]))


def _wanted(run: Run, data: DataAccess, entry: dict[str, Any]) -> Iterator[Wanted]:
    """Give an entry its local place; yield the files that must be fetched for it."""
    location = data.locate(str(entry["location"]))
    target = _target(run, location)
    entry["location"] = "file://" + quote(str(target), safe="/~")
    entry.setdefault("basename", location.name)
    entry.pop("path", None)
    if entry["class"] == "File":
        yield Wanted(location, target, entry.get("size"), sha1_of(entry.get("checksum")))
        return
    entry.pop("listing", None)
    yield from _inside(data, location, target, _DEPTH)


def _target(run: Run, location: Location) -> Path:
    name = location.name
    if name in ("", ".", "..") or "/" in name or "\0" in name:
        raise TransferRefused(f"{location.shown}: the URI ends with no name of a file or folder")
    parent = location.parent()
    key = hashlib.sha256(f"{parent}?{location.query}".encode()).hexdigest()[:24]
    record = fetched_folder(run) / f"{key}.json"
    if not record.exists():
        write_json(record, {"folder": str(parent), "query": location.query})
    return fetched_folder(run) / key / name


def _inside(data: DataAccess, location: Location, target: Path, depth: int) -> Iterator[Wanted]:
    """Yield the files of a remote folder and of those in it; make the local folders."""
    if not depth:
        raise TransferRefused(f"{location.shown}: more than {_DEPTH} folders inside each other")
    target.mkdir(parents=True, exist_ok=True)
    transport = data.transport(location)
    for entry in data.persist(location.shown, lambda _: transport.list(location)):
        if entry.name in ("", ".", "..") or "/" in entry.name or "\0" in entry.name:
            raise TransferRefused(f"{location.shown}: holds an entry named {entry.name!r}")
        place = location.child(entry.name)
        if entry.directory:
            yield from _inside(data, place, target / entry.name, depth - 1)
        else:
            yield Wanted(place, target / entry.name, inside_folder=True)
