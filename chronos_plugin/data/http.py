"""Files on web servers (``http:``, ``https:``), with ``requests``.

fsspec's own file system for HTTP is not used: it takes the answer to a request for a range without
looking whether the server has honoured it, and cannot ask for the rest of the same version only.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import email.utils
import os
import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from chronos_plugin.data.location import Location
from chronos_plugin.data.transport import Entry, Report, Status, StorageOptions
from chronos_plugin.errors import DataMissing, TransferFailed, TransferRefused

if TYPE_CHECKING:
    import requests

# What has arrived of a chunk is lost when the connection breaks.
_CHUNK = 1 << 16
_DIGESTS = {"sha": "sha1", "sha-1": "sha1", "sha-256": "sha256", "md5": "md5", "adler32": "adler32"}
_HEX_DIGITS = {"sha1": 40, "sha256": 64, "md5": 32, "adler32": 8}
_MISSING = (404, 410)
_REFUSED = (400, 401, 403, 405, 407, 411, 413, 414, 415, 451, 501)


class HttpTransport:
    """Access to web servers.

    Options of a place: ``login`` and ``password`` (basic authentication), ``token`` (bearer),
    ``headers`` (mapping), ``verify`` (false, or the path of a CA bundle), ``cert`` (client certificate).

    Args:
        timeout: Seconds without an answer or another byte after which a server counts as gone.
    """

    def __init__(self, options: StorageOptions, timeout: float) -> None:
        self._options, self._timeout = options, timeout
        self._local = threading.local()
        self._sessions: list[requests.Session] = []
        self._lock = threading.Lock()

    def stat(self, location: Location) -> Status:
        """Return what the server says; where it refuses HEAD, by the first byte of a GET."""
        with self._ask("HEAD", location, {"Want-Digest": "sha, sha-256;q=0.9, adler32;q=0.5"}) as answer:
            if answer.ok:
                return _status(answer.headers, _length(answer.headers))
            code = answer.status_code
            if code in _MISSING or code >= 500 or code == 429:
                raise _error(location, answer)
        with self._ask("GET", location, {"Range": "bytes=0-0"}) as answer:
            if answer.status_code == 416:
                return _status(answer.headers, 0)
            _check(location, answer)
            return _status(answer.headers, _total(answer))

    def get(self, location: Location, status: Status, part: Path, report: Report) -> None:
        """Ask for the rest, provided that the version is still the same."""
        have = part.stat().st_size if part.exists() else 0
        # A download that had its last byte already is only judged by its size.
        if have and have == status.size:
            return
        headers = _continuation(have, status) if have else {}
        with self._ask("GET", location, headers) as answer, open(part, "ab") as file:
            if answer.status_code == 416:
                file.truncate(0)
                raise TransferFailed(f"{location.shown}: changed while it was fetched; it is begun anew")
            _check(location, answer)
            if not _continues(answer, have, status):
                file.truncate(0)
            self._receive(location, answer, file, report)

    def put(self, file: Path, location: Location, checksums: Mapping[str, str], report: Report) -> None:
        """Send by PUT; check the size, and the checksum where the server tells one."""
        with open(file, "rb") as source:
            body = _Reported(source, report)
            with self._ask("PUT", location, {"Content-Type": "application/octet-stream"}, body) as answer:
                _check(location, answer)
        status = self.stat(location)
        if status.size is not None and status.size != file.stat().st_size:
            raise TransferFailed(f"{location.shown}: {status.size} bytes arrived of {file.stat().st_size}")
        wrong = next((n for n, v in checksums.items() if status.checksums.get(n, v) != v), None)
        if wrong:
            raise TransferFailed(f"{location.shown}: arrived with another {wrong}")

    def can_copy(self, source: Location, target: Location) -> bool:
        """Return False: HTTP has no copy; WebDAV has, under ``davs:``."""
        del source, target
        return False

    def copy(self, source: Location, target: Location, report: Report) -> None:
        """Refuse."""
        del report
        raise TransferRefused(f"{source.shown} → {target.shown}: web servers do not copy; try davs:")

    def list(self, location: Location) -> Sequence[Entry]:
        """Refuse: HTTP has no folders."""
        raise TransferRefused(
            f"{location.shown}: a web server has no listing that a Directory could be read from; use davs: "
            "where the server speaks WebDAV, or give the files one by one"
        )

    def remove(self, location: Location) -> None:
        """Remove by DELETE."""
        with self._ask("DELETE", location, {}) as answer:
            if answer.status_code not in _MISSING:
                _check(location, answer)

    def read(self, location: Location, limit: int) -> bytes:
        """Ask for the first bytes."""
        data = b""
        with self._ask("GET", location, {"Range": f"bytes=0-{limit - 1}"}) as answer:
            if answer.status_code == 416:
                return data
            _check(location, answer)
            for chunk in self._chunks(location, answer):
                data += chunk
                if len(data) >= limit:
                    break
        return data[:limit]

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            for session in self._sessions:
                session.close()
            self._sessions.clear()
            self._local = threading.local()

    def _receive(self, location: Location, answer: requests.Response, file: BinaryIO, report: Report) -> None:
        expected = _length(answer.headers)
        received = 0
        for chunk in self._chunks(location, answer):
            file.write(chunk)
            received += len(chunk)
            report(len(chunk))
        if expected is not None and received < expected:
            raise TransferFailed(f"{location.shown}: the server ended {expected - received} bytes too early")

    def _chunks(self, location: Location, answer: requests.Response) -> Iterator[bytes]:
        import requests

        try:
            yield from answer.iter_content(_CHUNK)
        except requests.RequestException as error:
            raise TransferFailed(f"{location.shown}: the transfer broke: {_reason(error)}") from error

    @contextlib.contextmanager
    def _ask(
        self, method: str, location: Location, headers: Mapping[str, str], body: Any = None
    ) -> Iterator[requests.Response]:
        import requests

        options = self._options(location)
        own = {"Accept-Encoding": "identity", **headers, **options.get("headers", {})}
        if options.get("token"):
            own["Authorization"] = f"Bearer {options['token']}"
        try:
            answer = self._session().request(
                method,
                str(location),
                headers=own,
                auth=(options["login"], options.get("password") or "") if options.get("login") else None,
                verify=options.get("verify", True),
                cert=options.get("cert"),
                data=body,
                stream=True,
                timeout=self._timeout,
                allow_redirects=True,
            )
        except requests.RequestException as error:
            raise TransferFailed(f"{location.shown}: {_reason(error)}") from error
        with answer:
            yield answer

    def _session(self) -> requests.Session:
        import requests

        session = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = requests.Session()
            with self._lock:
                self._sessions.append(session)
        return session


class _Reported:
    """A file being sent, that tells how far it is; ``requests`` takes its length from ``__len__``."""

    def __init__(self, file: BinaryIO, report: Report) -> None:
        self._file, self._report = file, report
        self._size = os.fstat(file.fileno()).st_size

    def __len__(self) -> int:
        return self._size

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(_CHUNK if size < 0 else max(size, _CHUNK))
        self._report(len(data))
        return data


def _continuation(have: int, status: Status) -> dict[str, str]:
    """Return the headers that ask for what follows the first ``have`` bytes."""
    headers = {"Range": f"bytes={have}-"}
    if status.validator.startswith('etag:"'):
        headers["If-Range"] = status.validator.removeprefix("etag:")
    elif status.validator.startswith("modified:"):
        headers["If-Range"] = status.validator.removeprefix("modified:").partition("|")[0]
    return headers


def _continues(answer: requests.Response, have: int, status: Status) -> bool:
    """Return whether an answer goes on where ``have`` bytes of the same version end."""
    if not have or answer.status_code != 206:
        return False
    begins = re.match(r"bytes (\d+)-", answer.headers.get("Content-Range", ""))
    same = not status.validator or _status(answer.headers, _total(answer)).validator == status.validator
    if begins is None or int(begins[1]) != have or not same:
        raise TransferFailed(f"{answer.url.partition('?')[0]}: the server sent another part than was asked")
    return True


def _status(headers: Mapping[str, str], size: int | None) -> Status:
    etag, modified = headers.get("ETag", ""), headers.get("Last-Modified", "")
    validator = f"etag:{etag}" if etag else f"modified:{modified}|{size}" if modified else ""
    return Status(size=size, validator=validator, checksums=_checksums(headers))


def _checksums(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the checksums of RFC 9530 (``Repr-Digest``), RFC 3230 (``Digest``) and ``X-Checksum-Sha1``."""
    found = {}
    listed = f"{headers.get('Digest', '')},{headers.get('Repr-Digest', '')}"
    for name, value in re.findall(r"([A-Za-z0-9-]+)\s*=\s*:?([^,:]+):?", listed):
        algorithm = _DIGESTS.get(name.lower())
        if algorithm and (digits := _hexadecimal(algorithm, value.strip())):
            found[algorithm] = digits
    if len(plain := headers.get("X-Checksum-Sha1", "")) == 40:
        found["sha1"] = plain.lower()
    return found


def _hexadecimal(algorithm: str, value: str) -> str | None:
    """Return a checksum that is written in hexadecimal or in base64, None for anything else."""
    length = _HEX_DIGITS[algorithm]
    if re.fullmatch(f"[0-9a-fA-F]{{{length}}}", value):
        return value.lower()
    try:
        digits = base64.b64decode(value, validate=True).hex()
    except (binascii.Error, ValueError):
        return None
    return digits if len(digits) == length else None


def _length(headers: Mapping[str, str]) -> int | None:
    text = headers.get("Content-Length", "")
    # An encoded body has another length than the file.
    return int(text) if text.isdigit() and "Content-Encoding" not in headers else None


def _total(answer: requests.Response) -> int | None:
    if answer.status_code != 206:
        return _length(answer.headers)
    total = answer.headers.get("Content-Range", "").rpartition("/")[2]
    return int(total) if total.isdigit() else None


def _check(location: Location, answer: requests.Response) -> None:
    if not answer.ok:
        raise _error(location, answer)


def _error(location: Location, answer: requests.Response) -> Exception:
    code, said = answer.status_code, f"{answer.status_code} {answer.reason}"
    if code in _MISSING:
        return DataMissing(f"{location.shown}: the server has no such file ({said})")
    if code in (401, 403, 407):
        return TransferRefused(
            f"{location.shown}: the server refuses ({said}): name a connection with the right to it in "
            "option data_connections of [chronos]"
        )
    if code in _REFUSED:
        return TransferRefused(f"{location.shown}: the server refuses ({said})")
    return TransferFailed(
        f"{location.shown}: the server answers {said}", pause=_pause(answer.headers.get("Retry-After", ""))
    )


def _pause(text: str) -> float | None:
    if text.isdigit():
        return float(text)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return None


def _reason(error: Exception) -> str:
    """Return what went wrong, without the URL that the library repeats (it may hold a signature)."""
    import requests

    if isinstance(error, requests.Timeout):
        return "no answer in time"
    if isinstance(error, requests.exceptions.SSLError):
        return f"no trust in the server's certificate: {_innermost(error)}"
    return _innermost(error)


def _innermost(error: BaseException) -> str:
    seen = error
    while (inner := getattr(seen, "reason", None) or seen.__cause__ or seen.__context__) is not None:
        if not isinstance(inner, BaseException):
            break
        seen = inner
    return re.sub(r"<[^>]*>:?\s*|https?://\S+", "", str(seen)).strip() or type(seen).__name__
