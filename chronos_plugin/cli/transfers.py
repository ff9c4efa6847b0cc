"""What the commands under ``airflow chronos data`` do."""

from __future__ import annotations

import datetime
import json
import logging
import os
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chronos_plugin import settings
from chronos_plugin.cli.output import plainly, print_table
from chronos_plugin.data.access import DataAccess
from chronos_plugin.data.cache import Content, ContentCache
from chronos_plugin.data.checksums import of_file
from chronos_plugin.data.location import Location, parse
from chronos_plugin.data.progress import Meter, amount_of
from chronos_plugin.data.schemes import is_remote
from chronos_plugin.errors import InputInvalid, SettingInvalid


@plainly
def list(arguments: Namespace) -> None:
    """List what the cache holds."""
    cache = _cache()
    contents = cache.contents()
    if arguments.json:
        print(json.dumps({"folder": str(cache.root), "contents": [_record(c) for c in contents]}, indent=2))
        return
    print_table(("SHA-1", "SIZE", "USED", "BY A RUN", "FROM"), [_row(c) for c in contents])
    held = sum(c.size for c in contents if c.in_use)
    total = sum(c.size for c in contents)
    bound = amount_of(cache.limit) if cache.limit else "no bound"
    print(f"{cache.root}: {amount_of(total)} of {bound}, {amount_of(held)} of it used by runs")


@plainly
def evict(arguments: Namespace) -> None:
    """Remove what nothing uses until the cache fits."""
    cache = _cache()
    limit = cache.limit if arguments.size is None else arguments.size << 20
    if arguments.size is None and not cache.limit:
        raise SettingInvalid("the cache has no bound (option data_cache_size of [chronos]): give --size")
    gone = cache.evict(limit, dry_run=arguments.dry_run)
    if arguments.json:
        print(
            json.dumps({"removed": [_record(c) for c in gone], "dry_run": bool(arguments.dry_run)}, indent=2)
        )
        return
    print_table(("SHA-1", "SIZE", "USED", "BY A RUN", "FROM"), [_row(c) for c in gone])
    word = "would go" if arguments.dry_run else "removed"
    print(f"{len(gone)} files, {amount_of(sum(c.size for c in gone))} {word}")


@plainly
def stat(arguments: Namespace) -> None:
    """Ask a storage for a file."""
    location = parse(arguments.uri)
    with _access() as data:
        status = data.stat(location)
    found: dict[str, Any] = {
        "uri": location.shown,
        "transport": location.transport,
        "class": "Directory" if status.directory else "File",
        "size": status.size,
        "version": status.validator,
        "checksums": dict(status.checksums),
    }
    if arguments.json:
        print(json.dumps(found, indent=2))
        return
    rows = [(name, _text(value)) for name, value in found.items() if value not in (None, "", {})]
    print_table(("WHAT", "VALUE"), rows)


@plainly
def copy(arguments: Namespace) -> None:
    """Copy one file."""
    logging.basicConfig(format="%(message)s")
    logging.getLogger("chronos.data").setLevel(logging.INFO)
    source, target = _place(arguments.source), _place(arguments.target)
    with _access() as data:
        how = _copy(data, source, target)
    if arguments.json:
        print(json.dumps({"source": _shown(source), "target": _shown(target), "how": how}, indent=2))
    else:
        print(f"{_shown(target)}: copied {how}")


def _copy(data: DataAccess, source: Location | Path, target: Location | Path) -> str:
    if isinstance(source, Path) and isinstance(target, Path):
        raise InputInvalid("neither is a URI of a storage: use cp")
    if isinstance(source, Location) and isinstance(target, Location):
        transport = data.transport(target)
        if source.transport == target.transport and transport.can_copy(source, target):
            size = data.stat(source).size
            _persist(data, target, size, lambda report: transport.copy(source, target, report))
            return "by the storages"
        return _through_here(data, source, target)
    if isinstance(source, Location):
        assert isinstance(target, Path)
        _get(data, source, target)
        return "from the storage"
    assert isinstance(target, Location)
    _put(data, source, target)
    return "to the storage"


def _through_here(data: DataAccess, source: Location, target: Location) -> str:
    import tempfile

    with tempfile.TemporaryDirectory(prefix="chronos-copy-") as folder:
        file = Path(folder) / "file"
        _get(data, source, file)
        _put(data, file, target)
    return "through this machine"


def _get(data: DataAccess, source: Location, target: Path) -> None:
    status = data.stat(source)
    part = target.with_name(f".{target.name}.part")
    transport = data.transport(source)
    _persist(data, source, status.size, lambda report: transport.get(source, status, part, report))
    os.replace(part, target)


def _put(data: DataAccess, source: Path, target: Location) -> None:
    if not source.is_file():
        raise InputInvalid(f"{source}: no such file")
    checksums = of_file(source, ["sha1"])
    transport = data.transport(target)
    size = source.stat().st_size
    _persist(data, target, size, lambda report: transport.put(source, target, checksums, report))


def _persist(
    data: DataAccess, location: Location, size: int | None, work: Callable[[Callable[[int], None]], None]
) -> None:
    meter = Meter("copying", 1, size)

    def told(moved: Callable[[int], None]) -> None:
        def report(count: int) -> None:
            moved(count)
            meter.moved(count)

        work(report)

    data.persist(location.shown, told)


def _place(text: str) -> Location | Path:
    if is_remote(text) or ("://" in text and not text.startswith("file:")):
        return parse(text)
    return Path(text.removeprefix("file://"))


def _shown(place: Location | Path) -> str:
    return place.shown if isinstance(place, Location) else str(place)


def _cache() -> ContentCache:
    configured = settings.load()
    assert configured.data_cache is not None
    return ContentCache(configured.data_cache, configured.data_cache_size << 20)


def _access() -> DataAccess:
    from chronos_plugin.hooks.data import site_data_options

    return DataAccess(site_data_options(settings.load()))


def _record(content: Content) -> dict[str, Any]:
    return {
        "sha1": content.sha1,
        "size": content.size,
        "source": content.source,
        "used": _time(content),
        "in_use": content.in_use,
    }


def _row(content: Content) -> tuple[str, ...]:
    used = "yes" if content.in_use else "no"
    return content.sha1, amount_of(content.size), _time(content), used, content.source


def _time(content: Content) -> str:
    return datetime.datetime.fromtimestamp(content.used, datetime.UTC).isoformat(timespec="seconds")


def _text(value: Any) -> str:
    return ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else str(value)
