"""The double of Apache Atlas over HTTP."""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from chronos_plugin.hooks.atlas.double.model import Model, Refusal

_TYPE = r"(?P<type>[^/?]+)"
_Query = Mapping[str, list[str]]
Answer = tuple[int, Any]
Respond = Callable[[str, str, dict[str, str], Any], Answer]


class AtlasDouble:
    """Answers requests from a :class:`Model`.

    Attributes:
        state: What it says of itself.
        failures: Statuses that the next requests to change something get instead of an answer.
        requests: Method and path of each.
    """

    def __init__(self, user: str = "", password: str = "") -> None:
        self.model = Model()
        self.state = "ACTIVE"
        self.failures: list[int] = []
        self.requests: list[str] = []
        self._login = base64.b64encode(f"{user}:{password}".encode()).decode() if user else ""
        self._routes: list[tuple[str, str, Callable[..., Any]]] = [
            ("GET", "/admin/status", self._status),
            ("GET", "/admin/version", self._version),
            ("GET", f"/v2/types/typedef/name/{_TYPE}", self._type),
            ("POST", "/v2/types/typedefs", self._create_types),
            ("PUT", "/v2/types/typedefs", self._update_types),
            ("POST", "/v2/entity/bulk", self._upsert),
            ("GET", f"/v2/entity/bulk/uniqueAttribute/type/{_TYPE}", self._several),
            ("GET", f"/v2/entity/uniqueAttribute/type/{_TYPE}", self._one),
            ("DELETE", f"/v2/entity/uniqueAttribute/type/{_TYPE}", self._delete),
            ("GET", f"/v2/lineage/uniqueAttribute/type/{_TYPE}", self._lineage),
        ]

    def answer(self, method: str, target: str, authorization: str, body: Any) -> tuple[int, Any]:
        """Return the status and the value that a request is answered with."""
        split = urlsplit(target)
        self.requests.append(f"{method} {split.path}")
        if self._login and authorization != f"Basic {self._login}":
            return 401, None
        if self.failures and method != "GET":
            return self.failures.pop(0), {"error": "told to fail"}
        path = split.path.removeprefix("/api/atlas")
        for verb, pattern, handle in self._routes:
            match = re.fullmatch(pattern, path)
            if match and verb == method:
                named = {k: unquote(v) for k, v in match.groupdict().items()}
                try:
                    with self.model.lock:
                        return 200, handle(parse_qs(split.query), body, **named)
                except Refusal as refusal:
                    return refusal.status, {"errorCode": refusal.code, "errorMessage": str(refusal)}
        return 404, None

    def _status(self, _: _Query, __: Any) -> dict[str, Any]:
        return {"Status": self.state}

    def _version(self, _: _Query, __: Any) -> dict[str, Any]:
        return {"Version": "double", "Name": "apache-atlas"}

    def _type(self, _: _Query, __: Any, type: str) -> dict[str, Any]:
        return self.model.type(type)

    def _upsert(self, _: _Query, body: dict[str, Any]) -> dict[str, Any]:
        return self.model.upsert(body["entities"])

    def _create_types(self, _: _Query, body: dict[str, Any]) -> dict[str, Any]:
        self.model.create_types(body["entityDefs"])
        return body

    def _update_types(self, _: _Query, body: dict[str, Any]) -> dict[str, Any]:
        self.model.update_types(body["entityDefs"])
        return body

    def _several(self, query: _Query, _: Any, type: str) -> dict[str, Any]:
        found = []
        for key, (name, *_rest) in query.items():
            if key.startswith("attr_"):
                try:
                    found.append(self.model.find(type, name))
                except Refusal:
                    continue
        return {"entities": found, "referredEntities": {}}

    def _one(self, query: _Query, _: Any, type: str) -> dict[str, Any]:
        return {"entity": self.model.find(type, query["attr:qualifiedName"][0]), "referredEntities": {}}

    def _delete(self, query: _Query, _: Any, type: str) -> dict[str, Any]:
        return self.model.delete(type, query["attr:qualifiedName"][0])

    def _lineage(self, query: _Query, _: Any, type: str) -> dict[str, Any]:
        direction, depth = query.get("direction", ["BOTH"])[0], int(query.get("depth", ["3"])[0])
        return self.model.lineage(type, query["attr:qualifiedName"][0], direction, depth)


@contextmanager
def serving(double: AtlasDouble, port: int = 0) -> Iterator[str]:
    """Serve a double on this machine while the block runs; give its address."""

    def respond(method: str, path: str, headers: Mapping[str, str], body: Any) -> Answer:
        return double.answer(method, path, headers.get("Authorization", ""), body)

    with answering(respond, port) as address:
        yield address


@contextmanager
def answering(respond: Respond, port: int = 0) -> Iterator[str]:
    """Answer requests on this machine while the block runs; give the address.

    Args:
        respond: Gets method, path with query, headers, and the JSON body; returns a status and what goes
            back as JSON. Status 0 breaks the connection.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            """Answer whatever comes."""
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            value = json.loads(body) if body else None
            status, answer = respond(self.command, self.path, dict(self.headers), value)
            if not status:
                self.close_connection = True
                return
            data = b"" if answer is None else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_DELETE = handle_any  # noqa: N815 - the server's own names

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
