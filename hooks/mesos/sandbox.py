"""Files in a task's sandbox, read through its agent's API."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from chronos_plugin.hooks.mesos.client import MesosFailed

LARGEST_READ = 65536
"""Bytes that an agent gives at a time."""


class NoSandbox(MesosFailed):
    """Raised when the agent has no such file, not yet or not any more."""


@dataclass(frozen=True)
class SandboxFile:
    """A file of a sandbox.

    Attributes:
        path: Absolute, on the agent.
        size: Bytes.
    """

    path: str
    size: int


class Sandbox:
    """The sandbox of one launch of a task.

    Args:
        http: Logs in with the agent; see :meth:`chronos_plugin.hooks.mesos.client.Address.http`.
        agent_url: As in the offer that the task was launched with.
    """

    def __init__(
        self, http: httpx.AsyncClient, agent_url: str, framework_id: str, mesos_task_id: str
    ) -> None:
        self._http = http
        self._agent_url = agent_url
        self._framework_id, self._mesos_task_id = framework_id, mesos_task_id
        self._folder = f"/frameworks/{framework_id}/executors/{mesos_task_id}/runs/latest"
        self._looked_up = False

    async def files(self) -> list[SandboxFile]:
        """Return the files at the top of the sandbox.

        Raises:
            NoSandbox: If there is none.
            MesosFailed: If the agent does not answer, or refuses.
        """
        answer = await self._located("LIST_FILES", "list_files", lambda folder: {"path": folder})
        infos = answer.get("file_infos", [])
        return [SandboxFile(str(i["path"]), int(i.get("size", 0))) for i in infos if "path" in i]

    async def read(self, name: str, offset: int) -> bytes:
        """Return bytes of a file from ``offset`` on, at most :data:`LARGEST_READ`; none at its end.

        Raises:
            NoSandbox: If there is no such file.
            MesosFailed: If the agent does not answer, or refuses.
        """
        answer = await self._located(
            "READ_FILE",
            "read_file",
            lambda folder: {"path": f"{folder}/{name}", "offset": offset, "length": LARGEST_READ},
        )
        try:
            return base64.b64decode(answer.get("data", ""))
        except (binascii.Error, ValueError) as error:
            raise MesosFailed(f"{self._agent_url}: a file that is no Base64") from error

    async def follow(
        self, name: str, ended: Callable[[], Awaitable[bool]], *, offset: int = 0, pause: float = 2.0
    ) -> AsyncIterator[bytes]:
        """Yield what is written to a file until ``ended`` says that nothing more will be.

        Raises:
            MesosFailed: As :meth:`read`; a file that is not there yet is waited for.
        """
        while True:
            last = await ended()
            while data := await self._read_if_there(name, offset):
                offset += len(data)
                yield data
            if last:
                return
            await asyncio.sleep(pause)

    async def _read_if_there(self, name: str, offset: int) -> bytes:
        try:
            return await self.read(name, offset)
        except NoSandbox:
            return b""

    async def _located(
        self, kind: str, body: str, asked: Callable[[str], Mapping[str, Any]]
    ) -> Mapping[str, Any]:
        """Ask for something in the sandbox, at its virtual path or where the agent says it is."""
        try:
            answer = await self._operator_call({"type": kind, body: asked(self._folder)})
        except NoSandbox:
            if self._looked_up:
                raise
            self._looked_up = True
            self._folder = await self._look_up()
            answer = await self._operator_call({"type": kind, body: asked(self._folder)})
        found = answer.get(body)
        return found if isinstance(found, Mapping) else {}

    async def _operator_call(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        return await self._answer(self._http.post(f"{self._agent_url}/api/v1", json=body))

    async def _look_up(self) -> str:
        """Return the real folder by the agent's own account.

        Task ids of several frameworks may be equal: both ids are compared.
        """
        state = await self._answer(self._http.get(f"{self._agent_url}/state"))
        for framework in [*state.get("frameworks", []), *state.get("completed_frameworks", [])]:
            if framework.get("id") != self._framework_id:
                continue
            for executor in [*framework.get("executors", []), *framework.get("completed_executors", [])]:
                if executor.get("id") == self._mesos_task_id and executor.get("directory"):
                    return str(executor["directory"])
        self._looked_up = False
        raise NoSandbox(f"{self._agent_url} has no sandbox of task {self._mesos_task_id}")

    async def _answer(self, request: Awaitable[httpx.Response]) -> Mapping[str, Any]:
        try:
            response = await request
            if response.status_code == 404:
                raise NoSandbox(f"{self._agent_url} has no sandbox of task {self._mesos_task_id}")
            if response.status_code != 200:
                text = response.text[:200]
                raise MesosFailed(f"{self._agent_url} refuses ({response.status_code}): {text}")
            value = response.json()
        except (httpx.HTTPError, ValueError) as error:
            raise MesosFailed(f"{self._agent_url}: {error or type(error).__name__}") from error
        return value if isinstance(value, Mapping) else {}
