from __future__ import annotations

import asyncio

import pytest

from chronos_plugin.hooks.mesos.client import Address, MesosFailed
from chronos_plugin.hooks.mesos.double import MesosDouble
from chronos_plugin.hooks.mesos.double.agent import Times
from chronos_plugin.hooks.mesos.queue import MemoryQueue
from chronos_plugin.hooks.mesos.sandbox import LARGEST_READ, NoSandbox, Sandbox
from chronos_plugin.hooks.mesos.tasks import Demand, Phase, Task, TaskSpec
from tests.hooks.mesos.conftest import Cluster, cluster

QUICK = Times(heartbeat=0.5, allocation=0.1)


def ran(command: str, check: object, task_id: str = "t") -> None:
    """Run a command and hand its task, its sandbox and the cluster to ``check``."""
    queue = MemoryQueue()
    queue.submit([TaskSpec(task_id, command, demand=Demand(0.1, 16))])

    async def main(double: MesosDouble) -> None:
        async with cluster(double, queue) as made, Address(("http://m:1",)).http() as http:
            await made.until(lambda: made.task(task_id).heard)
            task = made.task(task_id)
            framework = queue.status().framework_id
            assert framework
            assert task.mesos_task_id
            sandbox = Sandbox(http, task.agent_url, framework, task.mesos_task_id)
            await check(made, task, sandbox)  # type: ignore[operator]

    with MesosDouble(times=QUICK) as double:
        asyncio.run(main(double))


def test_reading_bytes() -> None:
    async def check(made: Cluster, task: Task, sandbox: Sandbox) -> None:
        await made.ended([task.id])
        assert await sandbox.read("stdout", 0) == b"a\xff\x00b"
        assert await sandbox.read("stdout", 3) == b"b"
        assert await sandbox.read("stdout", 4) == b""
        assert {file.path.rpartition("/")[2] for file in await sandbox.files()} == {"stdout", "stderr"}

    ran("printf 'a\\377\\000b'", check)


def test_following_while_it_is_written() -> None:
    async def check(made: Cluster, task: Task, sandbox: Sandbox) -> None:
        async def ended() -> bool:
            return made.task(task.id).phase is Phase.ENDED

        pieces = [piece async for piece in sandbox.follow("stdout", ended, pause=0.02)]
        assert b"".join(pieces) == b"0\n1\n2\n3\n4\n"
        assert len(pieces) > 1

    ran("for i in 0 1 2 3 4; do echo $i; sleep 0.1; done", check)


def test_a_long_file() -> None:
    async def check(made: Cluster, task: Task, sandbox: Sandbox) -> None:
        async def ended() -> bool:
            return True

        await made.ended([task.id])
        pieces = [piece async for piece in sandbox.follow("stdout", ended)]
        assert [len(p) for p in pieces] == [LARGEST_READ] * 4 + [300000 - 4 * LARGEST_READ]

    ran("yes 0123456789 | head -c 300000", check)


def test_what_is_not_there() -> None:
    async def check(made: Cluster, task: Task, sandbox: Sandbox) -> None:
        with pytest.raises(NoSandbox):
            await sandbox.read("nothing", 0)
        with pytest.raises(MesosFailed):
            await Sandbox(sandbox._http, "http://127.0.0.1:9", "f", "t").read("stdout", 0)

    ran("sleep 0.1", check)


def test_the_real_folder_is_looked_up_where_the_virtual_one_is_not_known() -> None:
    async def check(made: Cluster, task: Task, sandbox: Sandbox) -> None:
        await made.ended([task.id])
        sandbox._folder = "/not/there"
        assert await sandbox.read("stdout", 0) == b"hello\n"

    ran("echo hello", check)
