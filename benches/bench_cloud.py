"""What the cloud agent costs: CPU time for a request and for a job, beside bare calls to the same service."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from chronos_plugin.db import migrate
from chronos_plugin.db.cloud import Pools, Requests
from chronos_plugin.db.engine import make_engine
from chronos_plugin.execution.cloud.model import Request, RequestState
from chronos_plugin.execution.cloud.pool import PoolJob
from chronos_plugin.execution.cloud.pursuit import Timing
from chronos_plugin.execution.targets.base import JobState
from chronos_plugin.hooks.safescale.agent import serve
from chronos_plugin.hooks.safescale.client import Endpoint
from chronos_plugin.hooks.safescale.hook import ask

HOST = {"sizing": "cpu=1"}
OPTIONS = {"connection": "bench", "node_sizing": "cpu=1", "node_cores": 8, "max_nodes": 4, "min_nodes": 4}


def run(*, requests: int = 200, jobs: int = 200) -> dict[str, Any]:
    """Measure the agent in a process of its own, the service in another.

    Returns:
        ``request_ms``: CPU time of the agent for the creation of a host; ``bare_ms``: that of a client which
        only makes the call (the peer); ``ratio``; ``job_ms``: CPU time of the agent for a job on a cluster of
        4 nodes; ``lost`` and ``doubled`` hosts and jobs: zero, or the rest says nothing.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        double = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "chronos_plugin.hooks.safescale.double",
                "--port",
                "0",
                "--root",
                folder / "hosts",
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert double.stdout is not None
            address = double.stdout.readline().split()[0]
            return _measure(folder, address, requests, jobs)
        finally:
            double.terminate()
            double.communicate()


def _measure(folder: Path, address: str, requests: int, jobs: int) -> dict[str, Any]:
    url = f"sqlite:///{folder}/chronos.db"
    engine = make_engine(url)
    migrate.upgrade(engine)
    table, pools = Requests(engine), Pools(engine)
    bare = _bare(address, requests)
    agent = subprocess.Popen([sys.executable, "-m", "benches.bench_cloud", url, address])
    try:
        _until(lambda: table.leader() is not None)
        idle = _cpu_seconds(agent.pid)
        for number in range(requests):
            table.submit(_request(number))
        _until(lambda: all(r.state.final for r in table.select(limit=requests * 2)))
        busy = _cpu_seconds(agent.pid)
        made = sum(r.state is RequestState.SUCCEEDED for r in table.select(limit=requests * 2))
        ids = [_job(folder, pools, number) for number in range(jobs)]
        _until(lambda: all(job.state.final for job in pools.jobs(ids)))
        done = _cpu_seconds(agent.pid)
        ended = [job for job in pools.jobs(ids) if job.state is JobState.ENDED and job.exit_code == 0]
        starts = [(folder / "jobs" / job / "starts").read_text().count("\n") for job in ids]
    finally:
        agent.terminate()
        agent.wait()
        engine.dispose()
    request_ms = (busy - idle) * 1000 / requests
    return {
        "requests": requests,
        "jobs": jobs,
        "request_ms": round(request_ms, 2),
        "bare_ms": round(bare, 2),
        "ratio": round(request_ms / bare, 2),
        "job_ms": round((done - busy) * 1000 / jobs, 2),
        "lost": requests - made + jobs - len(ended),
        "doubled": sum(count - 1 for count in starts),
    }


def _bare(address: str, count: int) -> float:
    """Return the CPU milliseconds of a creation by a client that only calls."""

    async def create(cloud: Any) -> float:
        await cloud.client.interface()
        begun = time.process_time()
        for number in range(count):
            await cloud.perform("host", "create", f"bare-{number}", HOST)
        return (time.process_time() - begun) * 1000 / count

    return asyncio.run(ask(Endpoint(address, "test"), create))


def _request(number: int) -> Request:
    now = time.time()
    return Request(
        f"r{number}",
        "bench",
        "host",
        "create",
        f"h{number}",
        HOST,
        owner="run:b:1",
        deadline=now + 600,
        created=now,
    )


def _job(folder: Path, pools: Pools, number: int) -> str:
    home = folder / "jobs" / f"j{number}"
    home.mkdir(parents=True)
    (home / "job.sh").write_text(f"echo started >>{home}/starts\n")
    if number == 0:
        pools.put_pool("bench", OPTIONS)
    pools.add_job(PoolJob(f"j{number}", "bench", f"j{number}", str(home), created=time.time()))
    return f"j{number}"


def _until(condition: Any, seconds: float = 300.0) -> None:
    late = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > late:
            raise TimeoutError("the agent did not finish")
        time.sleep(0.2)


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _agent(url: str, address: str) -> None:
    where = Endpoint(address, "test")
    timing = Timing(tick=0.2, poll=0.5)
    asyncio.run(serve(lambda _: where, engine=make_engine(url), timing=timing))


if __name__ == "__main__":
    _agent(*sys.argv[1:3])
