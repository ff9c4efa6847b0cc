"""What the tests of SafeScale share: doubles, a database, an agent in this process or in one of its own."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from chronos_plugin.db import migrate
from chronos_plugin.db.cloud import Pools, Requests
from chronos_plugin.db.engine import make_engine
from chronos_plugin.execution.cloud.agent import Agent, pass_by
from chronos_plugin.execution.cloud.keeper import PoolKeeper
from chronos_plugin.execution.cloud.model import Request
from chronos_plugin.execution.cloud.pursuit import Timing
from chronos_plugin.execution.targets.safescale import SafeScaleTarget
from chronos_plugin.hooks.safescale.agent import Connections
from chronos_plugin.hooks.safescale.client import Endpoint
from chronos_plugin.hooks.safescale.double.server import Double

QUICK = Timing(tick=0.02, lease=1.0, poll=0.03, settle=0.3, retry=0.03, retry_most=0.2, rollback=20.0)
PATIENCE = 60.0
OWNER = "run:dag:manual__1"
AGENT_PROCESS = Path(__file__).parent / "execution" / "cloud" / "agent_process.py"


def database(folder: Path) -> Engine:
    """Return a new SQLite database with all tables."""
    made = make_engine(f"sqlite:///{folder}/chronos.db")
    migrate.upgrade(made)
    return made


def endpoint(double: Double, **changes: Any) -> Endpoint:
    return Endpoint(**{"address": double.address, "tenant": "test", "question_timeout": 20.0, **changes})


def request(number: str, kind: str, verb: str, name: str, spec: dict[str, Any], **changes: Any) -> Request:
    now = time.time()
    values = {"owner": OWNER, "deadline": now + PATIENCE, "created": now, **changes}
    return Request(number, "cloud", kind, verb, name, spec, **values)


@asynccontextmanager
async def agent(
    double: Double, engine: Engine, *, timing: Timing = QUICK, where: Endpoint | None = None
) -> AsyncIterator[Agent]:
    """An agent in this event loop, with the care for targets' clusters."""
    connections = Connections(lambda _: where or endpoint(double))
    keeper = PoolKeeper(Pools(engine), Requests(engine), connections.connect, pause=timing.poll)
    made = Agent(Requests(engine), connections.connect, "test", timing, (keeper,), pass_by)
    stop = asyncio.Event()
    work = asyncio.create_task(made.run(stop))
    try:
        yield made
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        await connections.close()


async def ended(engine: Engine, *numbers: str) -> list[Request]:
    """Wait for the end of requests."""
    table = Requests(engine)

    def read() -> list[Request]:
        return [found for number in numbers if (found := table.get(number)) is not None]

    await until(lambda: all(one.state.final for one in read()))
    return read()


async def until(condition: Callable[[], bool], patience: float = PATIENCE) -> None:
    """Wait for a condition; an endless wait fails the test."""
    async with asyncio.timeout(patience):
        while not await asyncio.to_thread(condition):  # noqa: ASYNC110 - the other side is a process
            await asyncio.sleep(0.02)


def alive(double: Double) -> Counter[tuple[str, str]]:
    """Count what was made and not removed: a resource that is there twice counts two."""
    counts: Counter[tuple[str, str]] = Counter()
    for what, kind, name in double.cloud.journal:
        counts[kind, name] += {"create": 1, "delete": -1, "undo": 0}[what]
    return +counts


async def agent_process(double: Double, folder: Path, crash: str = "") -> asyncio.subprocess.Process:
    """Start an agent of its own, that ends itself by SIGKILL at the point ``crash``."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        str(AGENT_PROCESS),
        f"sqlite:///{folder}/chronos.db",
        double.address,
        crash,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


class StoredTarget(SafeScaleTarget):
    """A target over the test's database."""

    engine: Engine

    def table(self) -> Pools:
        return Pools(self.engine)


def target(engine: Engine, **options: Any) -> StoredTarget:
    made = StoredTarget("cloud", {"connection": "cloud", "node_sizing": "cpu=1", "node_cores": 1, **options})
    made.engine = engine
    return made
