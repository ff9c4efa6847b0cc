"""Storages that run here: a web server with faults, and S3."""

from __future__ import annotations

import hashlib
import re
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

import pytest


@dataclass
class Web:
    """A web server that keeps files by path, and fails as it is told.

    Attributes:
        files: Content by path; the ETag follows from it.
        cut: Bytes after which each of the next answers to GET breaks off.
        refuse: Status codes of the next answers, whatever is asked.
        ranges, head, etags, digests: What the server knows.
        block: Seconds before each 64 KiB.
        read_only: Whether there is no room for more.
        head_pause: Seconds before each answer to HEAD.
        most: Answers to HEAD that were worked on at a time.
        asked: Method, path and Range header of each request.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    cut: list[int] = field(default_factory=list)
    refuse: list[int] = field(default_factory=list)
    ranges: bool = True
    head: bool = True
    etags: bool = True
    digests: dict[str, str] = field(default_factory=dict)
    block: float = 0.0
    read_only: bool = False
    head_pause: float = 0.0
    most: int = 0
    working: int = 0
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    base: str = ""

    def gets(self, path: str) -> list[str]:
        """Return the Range headers of the GET requests for a path."""
        return [wanted for method, asked, wanted in self.asked if (method, asked) == ("GET", path)]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    web: Web

    def log_message(self, *_: Any) -> None:
        pass

    def _note(self) -> str:
        path = unquote(self.path.partition("?")[0])
        self.web.asked.append((self.command, path, self.headers.get("Range", "")))
        self.web.headers.append(dict(self.headers))
        return path

    def _plain(self, code: int) -> None:
        self.send_response(code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_HEAD(self) -> None:
        if not self.web.head:
            self._note()
            self._plain(405)
            return
        self.web.working += 1
        self.web.most = max(self.web.most, self.web.working)
        time.sleep(self.web.head_pause)
        self.do_GET()
        self.web.working -= 1

    def do_GET(self) -> None:
        path = self._note()
        if self.web.refuse:
            self._plain(self.web.refuse.pop(0))
            return
        if path not in self.web.files:
            self._plain(404)
            return
        content = self.web.files[path]
        etag = f'"{hashlib.md5(content).hexdigest()}"'
        begin, end, code = 0, len(content), 200
        found = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        condition = self.headers.get("If-Range", etag)
        if found and self.web.ranges and condition == etag and self.command == "GET":
            begin, code = int(found[1]), 206
            end = min(int(found[2]) + 1, end) if found[2] else end
            if begin >= len(content):
                self._plain(416)
                return
        self.send_response(code)
        self.send_header("Content-Length", str(end - begin))
        if code == 206:
            self.send_header("Content-Range", f"bytes {begin}-{end - 1}/{len(content)}")
        if self.web.etags:
            self.send_header("ETag", etag)
        for name, value in self.web.digests.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self._body(content[begin:end])

    def _body(self, content: bytes) -> None:
        limit = self.web.cut.pop(0) if self.web.cut else None
        sent = 0
        while sent < len(content):
            block = content[sent : sent + 65536]
            if limit is not None and sent + len(block) > limit:
                self.wfile.write(block[: max(0, limit - sent)])
                self.wfile.flush()
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            time.sleep(self.web.block)
            self.wfile.write(block)
            sent += len(block)

    def do_PUT(self) -> None:
        path = self._note()
        content = self.rfile.read(int(self.headers["Content-Length"]))
        if self.web.read_only:
            self._plain(507)
            return
        self.web.files[path] = content
        self._plain(201)

    def do_DELETE(self) -> None:
        path = self._note()
        self._plain(204 if self.web.files.pop(path, None) is not None else 404)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """Broken connections are what is tested."""


@pytest.fixture
def web() -> Iterator[Web]:
    """A web server of this test."""
    kept = Web()
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"web": kept}))
    kept.base = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield kept
    server.shutdown()
    server.server_close()
    thread.join()


@dataclass(frozen=True)
class Store:
    """An object store: options of the transport, and a client of its own to look with."""

    options: dict[str, Any]
    client: Any
    bucket: str


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """A server that speaks S3."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(s3_server: str, request: pytest.FixtureRequest) -> Iterator[Store]:
    """A bucket of this test."""
    import boto3

    keys = {"aws_access_key_id": "key", "aws_secret_access_key": "secret", "region_name": "us-east-1"}
    client = boto3.client("s3", endpoint_url=s3_server, **keys)
    bucket = "b" + hashlib.sha1(request.node.nodeid.encode()).hexdigest()[:20]
    client.create_bucket(Bucket=bucket)
    options = {
        "key": "key",
        "secret": "secret",
        "endpoint_url": s3_server,
        "client_kwargs": {"region_name": "us-east-1"},
    }
    yield Store(options, client, bucket)
    client.close()
