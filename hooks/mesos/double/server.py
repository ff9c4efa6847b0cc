"""The test double's HTTP side: masters and agents behind sockets, in a thread of its own."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import shutil
import socket
import tempfile
import threading
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Self, TypeVar
from urllib.parse import parse_qs

from chronos_plugin.hooks.mesos.double import files
from chronos_plugin.hooks.mesos.double.agent import Agent, Pretended, Runner, Times
from chronos_plugin.hooks.mesos.double.master import Master
from chronos_plugin.hooks.mesos.double.processes import Processes
from chronos_plugin.hooks.mesos.double.wire import VERSION
from chronos_plugin.hooks.mesos.recordio import encode

log = logging.getLogger("chronos.mesos.double")
_T = TypeVar("_T")
_Message = dict[str, Any]
_Send = Callable[[_Message], Awaitable[None]]
_Receive = Callable[[], Awaitable[_Message]]


class MesosDouble:
    """A Mesos in this process, from ``with`` to its end.

    Args:
        ports: One for each master; 0 is any free one. The first master leads.
        agents: Number of agents.
        cpus, mem, disk: What each has (mem and disk in MiB).
        root: Folder of the sandboxes; None: a temporary one.
        pretend: Seconds that tasks take without running anything; None: commands are run.
        credentials: Secrets by principal; None: everybody is let in.
        images: See :class:`Processes`.
        attributes: Of all agents.
    """

    def __init__(
        self,
        *,
        ports: tuple[int, ...] = (0,),
        agents: int = 1,
        cpus: float = 2.0,
        mem: float = 2048.0,
        disk: float = 2048.0,
        root: Path | None = None,
        times: Times | None = None,
        pretend: float | None = None,
        credentials: Mapping[str, str] | None = None,
        images: str = "refuse",
        attributes: Mapping[str, str] | None = None,
    ) -> None:
        self._own_root = root is None
        self.root = root or Path(tempfile.mkdtemp(prefix="mesos-double-"))
        self.credentials = credentials
        self._masters = [_listen(port) for port in ports]
        self._agents = _listen(0)
        self.leader: int | None = 0
        """Which master leads; None: none of them."""
        runner: Runner = Pretended(pretend) if pretend is not None else Processes(images)
        total = {
            "ports": 1,
            **{n: round(v * 1000) for n, v in (("cpus", cpus), ("mem", mem), ("disk", disk))},
        }
        made = [
            Agent(
                "",
                number,
                self._agents.getsockname()[1],
                dict(total),
                runner,
                times or Times(),
                self.root,
                attributes=dict(attributes or {}),
            )
            for number in range(1, agents + 1)
        ]
        self.master = Master([], times or Times())
        for agent in made:
            agent.id = f"{self.master.id}-S{agent.number - 1}"
            self.master.agents[agent.id] = agent
        self._thread = threading.Thread(target=self._serve, name="mesos-double", daemon=True)
        self._ready = threading.Event()

    @property
    def urls(self) -> list[str]:
        """Base URLs of the masters."""
        return [f"http://127.0.0.1:{s.getsockname()[1]}" for s in self._masters]

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self.do(self._end)
        self._thread.join()
        if self._own_root:
            shutil.rmtree(self.root, ignore_errors=True)

    def do(self, function: Callable[[Master], _T]) -> _T:
        """Call a function with the master in the double's own thread; return its result."""
        done: Future[_T] = Future()

        def call() -> None:
            try:
                done.set_result(function(self.master))
            except BaseException as error:  # noqa: BLE001 - the caller gets it
                done.set_exception(error)

        self._loop.call_soon_threadsafe(call)
        return done.result()

    def change_leader(self, leader: int | None) -> None:
        """Let another master lead, with all that the first knew; subscriptions end."""

        def change(master: Master) -> None:
            self.leader = leader
            for framework in master.frameworks.values():
                framework.hang_up()

        self.do(change)

    def _end(self, master: Master) -> None:
        for agent in master.agents.values():
            for task in list(agent.tasks.values()):
                agent.destroy(task)
        for framework in master.frameworks.values():
            framework.hang_up()

    def _serve(self) -> None:
        import uvicorn

        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        self._server = uvicorn.Server(
            uvicorn.Config(
                self._app,
                log_config=None,
                access_log=False,
                interface="asgi3",
                lifespan="off",
                loop="asyncio",
                ws="none",
                timeout_graceful_shutdown=1,
            )
        )
        asyncio.run(self._main())

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        beats = [
            asyncio.create_task(_every(self.master.times.heartbeat, self.master.heartbeat)),
            asyncio.create_task(_every(self.master.times.allocation, self.master.allocate)),
        ]
        self._loop.call_soon(self._ready.set)
        await self._server.serve(sockets=[*self._masters, self._agents])
        for beat in beats:
            beat.cancel()

    async def _app(self, scope: _Message, receive: _Receive, send: _Send) -> None:
        request = _Request(scope, receive, send)
        try:
            await self._dispatch(request, scope["server"][1])
        except Exception:
            log.exception("the double failed")
            raise

    async def _dispatch(self, request: _Request, port: int) -> None:
        if not self._may(request):
            await request.answer(401, b"")
        elif port == self._agents.getsockname()[1]:
            await self._agent(request)
        else:
            await self._master(request, port)

    def _may(self, request: _Request) -> bool:
        if self.credentials is None:
            return True
        kind, _, value = request.header("authorization", "").partition(" ")
        try:
            principal, _, secret = base64.b64decode(value).decode().partition(":")
        except ValueError:
            return False
        return kind == "Basic" and self.credentials.get(principal) == secret

    # Masters

    async def _master(self, request: _Request, port: int) -> None:
        index = [s.getsockname()[1] for s in self._masters].index(port)
        if request.path == "/version":
            await request.json({"version": VERSION})
        elif request.path == "/double/counts":
            resends = sum(agent.resends for agent in self.master.agents.values())
            await request.json({**self.master.counts, "resends": resends})
        elif self.leader is None:
            await request.answer(503, b"No leader elected")
        elif index != self.leader:
            location = f"//127.0.0.1:{self._masters[self.leader].getsockname()[1]}{request.path}"
            await request.answer(307, b"", {"Location": location})
        elif request.path == "/api/v1/scheduler":
            await self._scheduler(request)
        else:
            await request.answer(404, b"")

    async def _scheduler(self, request: _Request) -> None:
        if request.header("content-type", "") != "application/json":
            await request.answer(415, b"Expecting 'Content-Type' of application/json")
            return
        try:
            body = json.loads(await request.body())
            kind = body["type"]
        except (ValueError, KeyError, TypeError) as error:
            await request.answer(400, f"Failed to parse body into JSON: {error}".encode())
            return
        faults = self.master.faults
        if kind in faults.drop:
            faults.drop.remove(kind)
            await request.hang_up()
            return
        if kind == "SUBSCRIBE":
            await self._subscribe(request, body)
            return
        status, text = self.master.call(body, request.header("mesos-stream-id", None))
        if kind in faults.swallow:
            faults.swallow.remove(kind)
            await request.hang_up()
            return
        await request.answer(status, text.encode())

    async def _subscribe(self, request: _Request, body: Mapping[str, Any]) -> None:
        if request.header("mesos-stream-id", None) is not None:
            await request.answer(400, b"Subscribe calls should not include the 'Mesos-Stream-Id' header")
            return
        events: asyncio.Queue[bytes | BaseException | None] = asyncio.Queue()
        stream_id = self.master.subscribe(body, events.put_nowait)
        watch = asyncio.create_task(request.gone(events))
        try:
            await request.begin({"Mesos-Stream-Id": stream_id, "Content-Type": "application/json"})
            await self._send_events(request, events)
        finally:
            watch.cancel()
            self.master.disconnected(stream_id)

    async def _send_events(
        self, request: _Request, events: asyncio.Queue[bytes | BaseException | None]
    ) -> None:
        """Send until the stream is hung up (a proper end) or the client is gone."""
        while True:
            records = [await events.get()]
            while not events.empty():
                records.append(events.get_nowait())
            data = b"".join(encode(r) for r in records if isinstance(r, bytes))
            faults = self.master.faults
            if data and not faults.silent:
                step = faults.piece or len(data)
                for start in range(0, len(data), step):
                    await request.piece(data[start : start + step])
            last = records[-1]
            if last is None:
                await request.end()
                return
            if isinstance(last, BaseException):
                return

    # Agents

    async def _agent(self, request: _Request) -> None:
        roots = [self.root]
        if request.path == "/api/v1":
            status, answer = files.operator_call(roots, json.loads(await request.body()))
            await request.json(answer, status)
            return
        if request.path == "/state":
            await request.json(self._state())
            return
        query = {name: values[0] for name, values in parse_qs(request.query).items()}
        file = files.resolve(roots, query.get("path", ""))
        if file is None:
            await request.answer(404, b"")
        elif request.path == "/files/read":
            length = int(query["length"]) if "length" in query else None
            await request.json(files.read(file, int(query.get("offset", 0)), length))
        elif request.path == "/files/browse":
            await request.json(files.browse(file))
        elif request.path == "/files/download":
            await request.answer(200, file.read_bytes())
        else:
            await request.answer(404, b"")

    def _state(self) -> dict[str, Any]:
        """Return of an agent's state what tells where sandboxes lie; all count as running."""
        frameworks: dict[str, list[dict[str, str]]] = {}
        for latest in self.root.glob("slaves/*/frameworks/*/executors/*/runs/latest"):
            executor = {"id": latest.parts[-3], "directory": str(latest.resolve())}
            frameworks.setdefault(latest.parts[-5], []).append(executor)
        found = [{"id": name, "executors": executors} for name, executors in frameworks.items()]
        return {"version": VERSION, "frameworks": found, "completed_frameworks": []}


class _Request:
    """A request and its answer, over ASGI."""

    def __init__(self, scope: _Message, receive: _Receive, send: _Send) -> None:
        self.path: str = scope["path"]
        self.query: str = scope["query_string"].decode()
        self._headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        self._receive, self._send = receive, send

    def header(self, name: str, default: _T) -> str | _T:
        found: str | None = self._headers.get(name.encode())
        return default if found is None else found

    async def body(self) -> bytes:
        parts = []
        while True:
            message = await self._receive()
            parts.append(message.get("body", b""))
            if not message.get("more_body"):
                return b"".join(parts)

    async def gone(self, events: asyncio.Queue[bytes | BaseException | None]) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        events.put_nowait(ConnectionResetError())

    async def begin(self, headers: Mapping[str, str], status: int = 200) -> None:
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": raw})

    async def piece(self, data: bytes) -> None:
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self, data: bytes = b"") -> None:
        await self._send({"type": "http.response.body", "body": data})

    async def answer(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        await self.begin({"Content-Length": str(len(body)), **(headers or {})}, status)
        await self.end(body)

    async def hang_up(self) -> None:
        """Let the answer end before its end: the connection breaks."""
        await self.begin({"Content-Length": "1"}, 202)

    async def json(self, value: Any, status: int = 200) -> None:
        body = json.dumps(value).encode()
        await self.begin({"Content-Length": str(len(body)), "Content-Type": "application/json"}, status)
        await self.end(body)


def _listen(port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(("127.0.0.1", port))
    made.listen(512)
    return made


async def _every(seconds: float, function: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(seconds)
        function()
