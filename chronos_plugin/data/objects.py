"""Files in object stores (``s3:``, ``gs:``), with fsspec's file systems."""

from __future__ import annotations

import base64
import binascii
import contextlib
import importlib
import json
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from chronos_plugin.data.checksums import differing, of_file
from chronos_plugin.data.location import Location
from chronos_plugin.data.transport import Entry, Report, Status, StorageOptions
from chronos_plugin.errors import DataMissing, TransferFailed, TransferRefused

_T = TypeVar("_T")
_BLOCK = 8 << 20
# gcsfs's outer class asks by gRPC what kind of bucket it deals with; flat access serves all kinds.
_MODULES = {"s3": ("s3fs", "S3FileSystem"), "gs": ("gcsfs.core", "GCSFileSystem")}
_EXTRAS = {"s3": "s3", "gs": "gcs"}
_SHA1 = "chronos-sha1"
"""The metadata field in which uploads keep the SHA-1, for those who fetch them."""


class ObjectTransport:
    """Access to object stores.

    Options of a place are the arguments of fsspec's file system: for ``s3:`` ``key``, ``secret``, ``token``,
    ``endpoint_url``, ``client_kwargs``…; for ``gs:`` ``token``, ``project``, ``endpoint_url``…

    Args:
        timeout: Seconds without an answer after which a store counts as gone.
    """

    def __init__(self, options: StorageOptions, timeout: float) -> None:
        self._options, self._timeout = options, timeout
        self._systems: dict[str, Any] = {}
        self._lock = threading.Lock()

    def stat(self, location: Location) -> Status:
        """Return size, ETag and the checksums that the store keeps."""
        system = self._system(location)
        return self._do(location, lambda: _status(location.scheme, system, _path(location)))

    def get(self, location: Location, status: Status, part: Path, report: Report) -> None:
        """Fetch the missing ranges; the version is compared when the last one has come."""
        system = self._system(location)
        have = part.stat().st_size if part.exists() else 0
        size = status.size or 0
        if have > size:
            part.unlink()
            have = 0
        with open(part, "ab") as file:
            while have < size:
                end = min(have + _BLOCK, size)
                work = partial(system.cat_file, _path(location), start=have, end=end)
                block = self._do(location, work)
                if not block:
                    raise TransferFailed(f"{location.shown}: ends before byte {size}")
                file.write(block)
                have += len(block)
                report(len(block))
        if self.stat(location).validator != status.validator:
            part.unlink()
            raise TransferFailed(f"{location.shown}: changed while it was fetched; it is begun anew")

    def put(self, file: Path, location: Location, checksums: Mapping[str, str], report: Report) -> None:
        """Send in one request or in parts; the object appears when it is complete."""
        system, path = self._system(location), _path(location)
        more = _metadata(location.scheme, checksums)
        self._do(location, lambda: system.put_file(str(file), path, callback=_callback(report), **more))
        status = self.stat(location)
        if status.size != file.stat().st_size:
            raise TransferFailed(f"{location.shown}: {status.size} bytes arrived of {file.stat().st_size}")
        stored = {k: v for k, v in status.checksums.items() if k != "sha1"}
        if wrong := differing(of_file(file, stored), stored):
            raise TransferFailed(f"{location.shown}: arrived damaged: {wrong}")

    def can_copy(self, source: Location, target: Location) -> bool:
        """Return whether one store with one set of credentials holds both."""
        return source.scheme == target.scheme and self._options(source) == self._options(target)

    def copy(self, source: Location, target: Location, report: Report) -> None:
        """Let the store copy; compare size and what checksums it keeps of both."""
        system = self._system(target)
        self._do(source, lambda: system.copy(_path(source), _path(target)))
        before, after = self.stat(source), self.stat(target)
        wrong = differing(after.checksums, before.checksums)
        if before.size != after.size or wrong:
            raise TransferFailed(f"{target.shown}: the copy differs: {wrong or f'{after.size} bytes'}")
        report(after.size or 0)

    def list(self, location: Location) -> Sequence[Entry]:
        """Return the keys below the place, as far as the next slash."""
        system, path = self._system(location), _path(location).rstrip("/")
        found = self._do(location, lambda: system.ls(path, detail=True, refresh=True))
        entries = [
            Entry(e["name"].rstrip("/").rpartition("/")[2], e["type"] == "directory")
            for e in found
            # A marker object names the folder itself.
            if e["name"].rstrip("/") != path
        ]
        return sorted(entries, key=lambda entry: entry.name)

    def remove(self, location: Location) -> None:
        """Remove the object."""
        system = self._system(location)
        try:
            self._do(location, lambda: system.rm_file(_path(location)))
        except DataMissing:
            return

    def read(self, location: Location, limit: int) -> bytes:
        """Fetch the first range."""
        size = self.stat(location).size or 0
        if not size:
            return b""
        system = self._system(location)
        return bytes(
            self._do(location, lambda: system.cat_file(_path(location), start=0, end=min(limit, size)))
        )

    def close(self) -> None:
        """Forget the file systems; their sessions end with them."""
        with self._lock:
            self._systems.clear()

    def _system(self, location: Location) -> Any:
        options = dict(self._options(location))
        key = json.dumps([location.scheme, options], sort_keys=True, default=str)
        with self._lock:
            if key not in self._systems:
                self._systems[key] = _file_system(location, options, self._timeout)
            return self._systems[key]

    def _do(self, location: Location, work: Callable[[], _T]) -> _T:
        """Call the library, and translate what it raises."""
        try:
            return work()
        except FileNotFoundError as error:
            raise DataMissing(f"{location.shown}: the store has no such object") from error
        except PermissionError as error:
            raise TransferRefused(
                f"{location.shown}: the store refuses ({_reason(error)}): name a connection with the right "
                "to it in option data_connections of [chronos]"
            ) from error
        except (DataMissing, TransferFailed, TransferRefused):
            raise
        except Exception as error:
            # Each store's library raises errors of its own.
            kind = TransferRefused if _is_final(error) else TransferFailed
            raise kind(f"{location.shown}: {_reason(error)}") from error


def _file_system(location: Location, options: dict[str, Any], timeout: float) -> Any:
    module, name = _MODULES[location.scheme]
    try:
        kind = getattr(importlib.import_module(module), name)
    except ImportError as error:
        raise TransferRefused(
            f"{location.shown}: {module.partition('.')[0]} is not installed: install "
            f"chronos-airflow[{_EXTRAS[location.scheme]}]"
        ) from error
    if location.scheme == "s3":
        limits = {"connect_timeout": timeout, "read_timeout": timeout}
        options["config_kwargs"] = {**limits, **options.get("config_kwargs", {})}
    # Instances are shared by this transport, not by the process: forked children need sessions of their own.
    return kind(**options, use_listings_cache=False, skip_instance_cache=True)


def _path(location: Location) -> str:
    return f"{location.authority}/{location.key}".rstrip("/")


def _status(scheme: str, system: Any, path: str) -> Status:
    info = system.info(path)
    if info.get("type") == "directory":
        return Status(directory=True)
    etag = str(info.get("ETag") or info.get("etag") or info.get("generation") or "").strip('"')
    checksums = _s3_checksums(system, path, etag) if scheme == "s3" else _gs_checksums(info)
    return Status(size=int(info["size"]), validator=f"etag:{etag}" if etag else "", checksums=checksums)


def _s3_checksums(system: Any, path: str, etag: str) -> dict[str, str]:
    bucket, key, _ = system.split_path(path)
    head = system.call_s3("head_object", Bucket=bucket, Key=key, ChecksumMode="ENABLED")
    found = {}
    for field, name in (("ChecksumSHA1", "sha1"), ("ChecksumSHA256", "sha256")):
        # With a dash they are checksums of parts' checksums.
        if head.get(field) and "-" not in head[field]:
            found[name] = base64.b64decode(head[field]).hex()
    kept = str((head.get("Metadata") or {}).get(_SHA1, ""))
    if re.fullmatch("[0-9a-f]{40}", kept):
        found.setdefault("sha1", kept)
    # An object encrypted by a managed key has an ETag that looks like an MD5 and is none.
    if re.fullmatch("[0-9a-f]{32}", etag) and head.get("ServerSideEncryption") in (None, "AES256"):
        found["md5"] = etag
    return found


def _gs_checksums(info: Mapping[str, Any]) -> dict[str, str]:
    found = {}
    with contextlib.suppress(binascii.Error):
        found["md5"] = base64.b64decode(info.get("md5Hash") or "", validate=True).hex()
    kept = str((info.get("metadata") or {}).get(_SHA1, ""))
    if re.fullmatch("[0-9a-f]{40}", kept):
        found["sha1"] = kept
    return {name: value for name, value in found.items() if value}


def _metadata(scheme: str, checksums: Mapping[str, str]) -> dict[str, Any]:
    """Return the arguments that keep the SHA-1 with the object."""
    if "sha1" not in checksums:
        return {}
    return {"Metadata" if scheme == "s3" else "metadata": {_SHA1: checksums["sha1"]}}


def _callback(report: Report) -> Any:
    from fsspec.callbacks import Callback

    class Told(Callback):
        def relative_update(self, inc: int = 1) -> None:
            report(inc)

    return Told()  # type: ignore[no-untyped-call]


def _is_final(error: Exception) -> bool:
    """Return whether asking again is no use: no credentials, no bucket, a wrong request."""
    name = type(error).__name__
    code = getattr(error, "code", None)
    return name in ("NoCredentialsError", "PartialCredentialsError", "ParamValidationError") or code in (
        400,
        401,
        403,
    )


def _reason(error: BaseException) -> str:
    # Signed addresses stand in some messages.
    text = re.sub(r"(https?://[^\s?\"']+)\?[^\s\"']*", r"\1?…", str(error)).strip()
    return text or type(error).__name__
