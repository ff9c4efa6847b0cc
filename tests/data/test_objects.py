"""Object stores: S3 by a server that speaks it, Cloud Storage by an emulator."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chronos_plugin.data.location import Location, parse
from chronos_plugin.data.objects import ObjectTransport
from chronos_plugin.errors import DataMissing, TransferFailed, TransferRefused

CONTENT = os.urandom(1 << 20)


@pytest.fixture
def transport(s3: Any) -> Iterator[ObjectTransport]:
    made = ObjectTransport(lambda _: s3.options, timeout=10)
    yield made
    made.close()


def place(s3: Any, key: str, content: bytes | None = CONTENT) -> Location:
    if content is not None:
        s3.client.put_object(Bucket=s3.bucket, Key=key, Body=content)
    return parse(f"s3://{s3.bucket}").child(key)


def test_stat(s3: Any, transport: ObjectTransport) -> None:
    status = transport.stat(place(s3, "data/a b#1.nc"))
    assert status.size == len(CONTENT)
    assert not status.directory
    assert status.validator.startswith("etag:")
    assert status.checksums["md5"] == hashlib.md5(CONTENT).hexdigest()
    assert transport.stat(place(s3, "data", None)).directory
    with pytest.raises(DataMissing, match="no such object"):
        transport.stat(place(s3, "gone", None))
    with pytest.raises(DataMissing):
        transport.stat(parse("s3://no-such-bucket-here/x"))


def test_download_in_ranges_goes_on(s3: Any, transport: ObjectTransport, tmp_path: Path) -> None:
    location, part, counts = place(s3, "a"), tmp_path / "part", []
    part.write_bytes(CONTENT[:1000])
    transport.get(location, transport.stat(location), part, counts.append)
    assert part.read_bytes() == CONTENT
    assert sum(counts) == len(CONTENT) - 1000


def test_a_change_in_the_middle_is_found(s3: Any, transport: ObjectTransport, tmp_path: Path) -> None:
    location, part = place(s3, "a"), tmp_path / "part"
    status = transport.stat(location)
    place(s3, "a", bytes(len(CONTENT)))
    with pytest.raises(TransferFailed, match="changed"):
        transport.get(location, status, part, lambda _: None)
    assert not part.exists()


@pytest.mark.parametrize("size", [0, 1000, (120 << 20)])
def test_upload_keeps_the_checksum(s3: Any, transport: ObjectTransport, tmp_path: Path, size: int) -> None:
    """Objects sent in parts have an ETag that is no checksum: the SHA-1 goes with them."""
    file, counts = tmp_path / "f", []
    with open(file, "wb") as sink:
        sink.truncate(size)
    sha1 = hashlib.sha1(bytes(size)).hexdigest()
    location = place(s3, "up/f", None)
    transport.put(file, location, {"sha1": sha1}, counts.append)
    status = transport.stat(location)
    assert (status.size, status.checksums["sha1"], sum(counts)) == (size, sha1, size)


def test_copy_inside_the_store(s3: Any, transport: ObjectTransport) -> None:
    source, target = place(s3, "a"), place(s3, "copied/a", None)
    assert transport.can_copy(source, target)
    transport.copy(source, target, lambda _: None)
    assert s3.client.get_object(Bucket=s3.bucket, Key="copied/a")["Body"].read() == CONTENT


def test_list_and_remove(s3: Any, transport: ObjectTransport) -> None:
    for key in ("d/a", "d/sub/b", "d/ü#1", "other"):
        place(s3, key, b"x")
    folder = place(s3, "d", None)
    assert [(e.name, e.directory) for e in transport.list(folder)] == [
        ("a", False),
        ("sub", True),
        ("ü#1", False),
    ]
    transport.remove(folder.child("a"))
    transport.remove(folder.child("a"))
    assert [e.name for e in transport.list(folder)] == ["sub", "ü#1"]
    with pytest.raises(DataMissing):
        transport.list(place(s3, "none", None))


def test_first_bytes(s3: Any, transport: ObjectTransport) -> None:
    assert transport.read(place(s3, "a"), 10) == CONTENT[:10]
    assert transport.read(place(s3, "empty", b""), 10) == b""


def test_no_answer_may_be_one_later(s3: Any) -> None:
    options = {
        **s3.options,
        "endpoint_url": "http://127.0.0.1:9",
        "config_kwargs": {"retries": {"max_attempts": 0}},
    }
    transport = ObjectTransport(lambda _: options, timeout=2)
    with pytest.raises(TransferFailed, match=r"127\.0\.0\.1:9"):
        transport.stat(parse("s3://bucket/x"))
    transport.close()


def test_a_library_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(TransferRefused, match=r"chronos-airflow\[s3\]"):
        ObjectTransport(lambda _: {}, timeout=2).stat(parse("s3://bucket/x"))


@pytest.fixture(scope="module")
def cloud() -> Iterator[str]:
    """An emulator of Cloud Storage with a bucket ``products``."""
    from gcp_storage_emulator.server import create_server

    server = create_server("127.0.0.1", 0, in_memory=True, default_bucket="products")
    server.start()
    yield f"http://127.0.0.1:{server._api._httpd.server_port}"
    server.stop()


@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
def test_cloud_storage(cloud: str, tmp_path: Path) -> None:
    options = {"token": "anon", "endpoint_url": cloud, "project": "p"}
    transport = ObjectTransport(lambda _: options, timeout=10)
    file, location = tmp_path / "f", parse("gs://products/data/f.nc")
    file.write_bytes(CONTENT)
    transport.put(file, location, {"sha1": hashlib.sha1(CONTENT).hexdigest()}, lambda _: None)
    status = transport.stat(location)
    assert status.size == len(CONTENT)
    assert status.validator
    part = tmp_path / "part"
    part.write_bytes(CONTENT[:5000])
    transport.get(location, status, part, lambda _: None)
    assert part.read_bytes() == CONTENT
    assert [e.name for e in transport.list(parse("gs://products/data"))] == ["f.nc"]
    with pytest.raises(DataMissing):
        transport.stat(parse("gs://products/gone"))
    transport.remove(location)
    transport.close()
