"""Web servers: what they say of a file, and downloads that go on where they broke off."""

from __future__ import annotations

import base64
import hashlib
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from chronos_plugin.data.http import HttpTransport
from chronos_plugin.data.location import Location, parse
from chronos_plugin.data.transport import no_options
from chronos_plugin.errors import DataMissing, TransferFailed, TransferRefused

CONTENT = bytes(range(256)) * 4096


@pytest.fixture
def transport() -> Iterator[HttpTransport]:
    made = HttpTransport(no_options, timeout=10)
    yield made
    made.close()


def place(web: Any, path: str = "/a.nc") -> Location:
    web.files.setdefault(path, CONTENT)
    return parse(web.base + path)


def test_stat_by_head(web: Any, transport: HttpTransport) -> None:
    status = transport.stat(place(web))
    assert status.size == len(CONTENT)
    assert status.validator == f'etag:"{hashlib.md5(CONTENT).hexdigest()}"'
    assert [method for method, _, _ in web.asked] == ["HEAD"]


def test_stat_where_head_is_refused(web: Any, transport: HttpTransport) -> None:
    """A signed URL is good for GET alone."""
    web.head = False
    assert transport.stat(place(web)).size == len(CONTENT)
    web.files["/empty"] = b""
    assert transport.stat(parse(f"{web.base}/empty")).size == 0


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("Digest", "SHA={base64}"),
        ("Digest", "adler32=00000001, sha={base64}"),
        ("Repr-Digest", "sha-256=:{base64_256}:"),
        ("X-Checksum-Sha1", "{hex}"),
    ],
)
def test_checksums_that_servers_tell(web: Any, transport: HttpTransport, name: str, form: str) -> None:
    sha1, sha256 = hashlib.sha1(CONTENT), hashlib.sha256(CONTENT)
    web.digests[name] = form.format(
        base64=base64.b64encode(sha1.digest()).decode(),
        base64_256=base64.b64encode(sha256.digest()).decode(),
        hex=sha1.hexdigest(),
    )
    found = transport.stat(place(web)).checksums
    expected = ("sha256", sha256.hexdigest()) if "256" in form else ("sha1", sha1.hexdigest())
    assert found[expected[0]] == expected[1]


def test_nonsense_for_a_checksum_is_none(web: Any, transport: HttpTransport) -> None:
    web.digests["Digest"] = "sha=???,md5=abcd,crc64=1"
    assert transport.stat(place(web)).checksums == {}


def test_download(web: Any, transport: HttpTransport, tmp_path: Path) -> None:
    location, counts = place(web), []
    transport.get(location, transport.stat(location), tmp_path / "part", counts.append)
    assert (tmp_path / "part").read_bytes() == CONTENT
    assert sum(counts) == len(CONTENT)


def test_broken_download_goes_on(web: Any, transport: HttpTransport, tmp_path: Path) -> None:
    location, part = place(web), tmp_path / "part"
    status = transport.stat(location)
    web.cut = [300_000]
    with pytest.raises(TransferFailed):
        transport.get(location, status, part, lambda _: None)
    have = part.stat().st_size
    assert 0 < have <= 300_000
    transport.get(location, status, part, lambda _: None)
    assert part.read_bytes() == CONTENT
    assert web.gets("/a.nc") == ["", f"bytes={have}-"]


def test_another_version_is_begun_anew(web: Any, transport: HttpTransport, tmp_path: Path) -> None:
    location, part = place(web), tmp_path / "part"
    status = transport.stat(location)
    part.write_bytes(CONTENT[:1000])
    web.files["/a.nc"] = b"new" * 1000
    transport.get(location, status, part, lambda _: None)
    assert part.read_bytes() == b"new" * 1000


def test_server_without_ranges_is_begun_anew(web: Any, transport: HttpTransport, tmp_path: Path) -> None:
    web.ranges = False
    location, part = place(web), tmp_path / "part"
    part.write_bytes(CONTENT[:1000])
    transport.get(location, transport.stat(location), part, lambda _: None)
    assert part.read_bytes() == CONTENT


def test_versions_that_nothing_tells_apart_are_not_joined(
    web: Any, transport: HttpTransport, tmp_path: Path
) -> None:
    location, part = place(web), tmp_path / "part"
    status = transport.stat(location)
    part.write_bytes(b"x" * (len(CONTENT) + 5))
    with pytest.raises(TransferFailed, match="changed"):
        transport.get(location, status, part, lambda _: None)
    assert part.stat().st_size == 0


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (404, DataMissing),
        (410, DataMissing),
        (401, TransferRefused),
        (403, TransferRefused),
        (500, TransferFailed),
        (503, TransferFailed),
        (429, TransferFailed),
    ],
)
def test_answers_and_errors(web: Any, transport: HttpTransport, code: int, kind: type[Exception]) -> None:
    location = place(web)
    web.refuse = [code, code]
    with pytest.raises(kind, match=str(code)):
        transport.stat(location)


def test_nobody_there(transport: HttpTransport) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        location = parse(f"http://127.0.0.1:{probe.getsockname()[1]}/x?Signature=hidden")
        with pytest.raises(TransferFailed) as raised:
            transport.stat(location)
    assert "hidden" not in str(raised.value)


@pytest.mark.parametrize(
    ("options", "header"),
    [
        ({"login": "u", "password": "p"}, "Basic " + base64.b64encode(b"u:p").decode()),
        ({"token": "t"}, "Bearer t"),
        ({"headers": {"Authorization": "Custom"}}, "Custom"),
    ],
)
def test_credentials(web: Any, options: Mapping[str, Any], header: str) -> None:
    transport = HttpTransport(lambda _: options, timeout=10)
    transport.stat(place(web))
    transport.close()
    assert web.headers[0]["Authorization"] == header


def test_upload_and_removal(web: Any, transport: HttpTransport, tmp_path: Path) -> None:
    file, counts = tmp_path / "f", []
    file.write_bytes(CONTENT)
    location = parse(f"{web.base}/up/f")
    transport.put(file, location, {}, counts.append)
    assert web.files["/up/f"] == CONTENT
    assert sum(counts) == len(CONTENT)
    transport.remove(location)
    transport.remove(location)
    assert "/up/f" not in web.files


def test_upload_that_arrived_otherwise_is_found(web: Any, transport: HttpTransport, tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_bytes(CONTENT)
    web.digests["X-Checksum-Sha1"] = "0" * 40
    with pytest.raises(TransferFailed, match="another sha1"):
        transport.put(file, parse(f"{web.base}/f"), {"sha1": "1" * 40}, lambda _: None)


def test_first_bytes(web: Any, transport: HttpTransport) -> None:
    assert transport.read(place(web), 10) == CONTENT[:10]
    web.ranges = False
    assert transport.read(place(web), 10) == CONTENT[:10]


def test_no_folders(web: Any, transport: HttpTransport) -> None:
    with pytest.raises(TransferRefused, match="davs:"):
        transport.list(place(web))
