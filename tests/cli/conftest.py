"""Documents of the command line's tests, and an API server's double for what a real one never says."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

DATA = Path(__file__).parent / "data"
Answer = tuple[int, Any] | tuple[int, Any, str]


class Double:
    """Answers requests by a table of prepared answers, the last of a list for ever.

    Attributes:
        asked: Method and path of each request, with its body.
    """

    def __init__(self) -> None:
        self.answers: dict[str, list[Answer]] = {"POST /auth/token": [(201, {"access_token": "t"})]}
        self.asked: list[tuple[str, Any]] = []
        self.url = ""

    def answer(self, request: str, *answers: Answer) -> None:
        self.answers[request] = list(answers)

    def bodies(self, start: str) -> list[Any]:
        return [body for request, body in self.asked if request.startswith(start)]

    def take(self, request: str) -> Answer:
        known = [name for name in self.answers if request.startswith(name)]
        if not known:
            return 404, {"detail": f"nothing at {request}"}
        found = self.answers[max(known, key=len)]
        return found.pop(0) if len(found) > 1 else found[0]


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch) -> Iterator[Double]:
    served = Double()

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            request = f"{self.command} {self.path}"
            is_json = "json" in self.headers.get("Content-Type", "")
            served.asked.append((request, json.loads(body) if is_json and body else body))
            status, value, *kind = served.take(request)
            data = value.encode() if isinstance(value, str) else json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", kind[0] if kind else "application/json")
            self.send_header("Content-Length", str(len(data)))
            if status == 503:
                self.send_header("Retry-After", "1")
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    served.url = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("CHRONOS_USERNAME", "ann")
    monkeypatch.setenv("CHRONOS_PASSWORD", "secret")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    try:
        yield served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def airflow(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Run ``airflow chronos WORDS`` in this process; return exit status, output, messages."""
    from airflow.cli import cli_parser

    def run(*words: str) -> tuple[int, str, str]:
        parser = cli_parser.get_parser()
        status = 0
        try:
            arguments = parser.parse_args(["chronos", *words])
            arguments.func(arguments)
        except SystemExit as end:
            status = int(end.code or 0)
        said = capsys.readouterr()
        return status, said.out, said.err

    return run
