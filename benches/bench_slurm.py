"""CPU of steps that wait and run in Slurm: handing over, and watching."""

from __future__ import annotations

import asyncio
import os
import resource
import shlex
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from benches.installation import CHECKOUT

_SERVICE = CHECKOUT / ".ci" / "services" / "slurm.sh"

_DOCUMENT = """\
cwlVersion: v1.2
class: Workflow
requirements: {ScatterFeatureRequirement: {}}
inputs: {numbers: "int[]"}
outputs: {}
steps:
  one:
    run:
      class: CommandLineTool
      baseCommand: ["true"]
      inputs: {number: {type: int, inputBinding: {}}}
      outputs: []
      requirements: {ResourceRequirement: {coresMin: 1, ramMin: 50}}
    scatter: number
    in: {number: numbers}
    out: []
"""


def run(*, steps: int = 500, waiting: int = 1000, seconds: int = 60) -> dict[str, Any]:
    """Run ``steps`` scatter elements in Slurm to their end, then watch ``waiting`` queued jobs.

    A compiled document is prepared step by step, as a worker does, and its jobs are attended to by one
    watcher, as in a triggerer. Counted is the CPU of this process (``own``) and of the commands that it
    runs (``commands``: ``sbatch``, ``squeue``, ``sacct``); Airflow's tasks and triggers, and Slurm's own
    daemons, are not.

    Returns:
        CPU milliseconds a step, by phase; and the share of one core that watching takes over ``seconds``.
    """
    _start_slurm()
    with tempfile.TemporaryDirectory(prefix="chronos-bench-") as folder:
        (Path(folder) / "document.cwl").write_text(_DOCUMENT)
        handed = asyncio.run(_hand_over(Path(folder), steps))
        watched = asyncio.run(_watch(Path(folder) / "queue", waiting, seconds))
    return {**handed, **watched, "goal": "own_ms_per_step <= 20, watching_share <= 0.05"}


async def _hand_over(folder: Path, steps: int) -> dict[str, Any]:
    from chronos_plugin.compiler.compile import compile_file
    from chronos_plugin.execution import tasks
    from chronos_plugin.execution.bindings.decision import Placement
    from chronos_plugin.execution.run import Options, Run
    from chronos_plugin.execution.store import RunStore
    from chronos_plugin.execution.targets import registry
    from chronos_plugin.execution.targets.watcher import Watcher

    document = compile_file(folder / "document.cwl", cache_root=folder / "cache")
    run_ = Run(
        document,
        RunStore(folder / "work" / "dag" / "run"),
        Options(container_engine="none", max_scatter_tasks=steps),
    )
    tasks.open_run(run_, {"numbers": list(range(steps))}, [])
    scatter = next(task for task in document.graph.tasks if task.kind == "scatter")
    tasks.lay_out_scatter(run_, scatter)
    setting = _setting(steps)
    placement = Placement(setting.name, "benchmark")
    watcher = Watcher(registry.make(setting), setting)
    keys = [run_.store.batch(scatter.id, index)[0] for index in range(steps)]
    # What is imported once in a process is not a step's.
    tasks.prepare_step(run_, keys[0], setting, placement, "bench.warm")
    clock = _Clock()
    folders = [
        tasks.prepare_step(run_, key, setting, placement, f"bench.one[{i}]") for i, key in enumerate(keys)
    ]
    prepared = clock.lap()
    jobs = [found for found in folders if not isinstance(found, dict)]
    began = time.monotonic()
    await asyncio.gather(*(watcher.attend(job) for job in jobs))
    elapsed = time.monotonic() - began
    attended = clock.lap()
    for key, job in zip(keys, jobs, strict=True):
        status = job.status()
        assert status is not None
        tasks.collect_step(run_, key, job, status)
    collected = clock.lap()
    await watcher.close()
    own = prepared["own"] + attended["own"] + collected["own"]
    return {
        "steps": steps,
        "own_ms_per_step": own / steps * 1000,
        "prepare_ms": prepared["own"] / steps * 1000,
        "submit_and_poll_ms": attended["own"] / steps * 1000,
        "collect_ms": collected["own"] / steps * 1000,
        "commands_ms_per_step": (attended["commands"] + prepared["commands"]) / steps * 1000,
        "steps_per_second": steps / elapsed,
    }


async def _watch(folder: Path, waiting: int, seconds: int) -> dict[str, Any]:
    from chronos_plugin.execution.targets import registry
    from chronos_plugin.execution.targets.base import Job, Resources
    from chronos_plugin.execution.targets.folder import JobFolder
    from chronos_plugin.execution.targets.watcher import Watcher

    setting = _setting(waiting)
    watcher = Watcher(registry.make(setting), setting)
    node = _slurm("sinfo", "--noheader", "--format=%n").split()[0]
    _slurm("scontrol", "update", f"NodeName={node}", "State=DRAIN", "Reason=benchmark")
    attending: list[asyncio.Task[Any]] = []
    try:
        for number in range(waiting):
            place = folder / str(number)
            place.mkdir(parents=True)
            job = Job(f"bench-{os.getpid()}-{number}", f"bench.{number}", place, Resources(ram=50))
            JobFolder(place).write_job(job, setting.name, "exit 0\n", {})
            attending.append(asyncio.create_task(watcher.attend(JobFolder(place))))
        for _ in range(waiting):
            if all(JobFolder(folder / str(n)).status() is not None for n in range(waiting)):
                break
            await asyncio.sleep(1)
        clock = _Clock()
        await asyncio.sleep(seconds)
        used = clock.lap()
    finally:
        for task in attending:
            task.cancel()
        await asyncio.gather(*attending, return_exceptions=True)
        await watcher.close()
        _slurm("scancel", "--me", "--state=PENDING")
        _slurm("scontrol", "update", f"NodeName={node}", "State=RESUME")
    return {
        "waiting": waiting,
        "seconds": seconds,
        "poll_interval": setting.poll_interval,
        "watching_share": used["own"] / seconds,
        "watching_share_commands": used["commands"] / seconds,
    }


def _setting(jobs: int) -> Any:
    from chronos_plugin.execution.bindings.document import TargetSetting

    options = {"system": "slurm", "environment": {"SLURM_CONF": os.environ["SLURM_CONF"]}}
    return TargetSetting("slurm", "toil", max_in_flight=jobs, submit_rate=1e6, options=options)


def _start_slurm() -> None:
    subprocess.run([_SERVICE, "start"], check=True)
    exported = subprocess.run([_SERVICE, "env"], check=True, capture_output=True, text=True).stdout
    name, _, value = shlex.split(exported)[1].partition("=")
    os.environ[name] = value


def _slurm(*line: str) -> str:
    return subprocess.run(line, check=True, capture_output=True, text=True).stdout


class _Clock:
    """CPU seconds of this process, and of the commands that it has run."""

    def __init__(self) -> None:
        self._before = self._now()

    def lap(self) -> dict[str, float]:
        """Return what was used since the last call."""
        now = self._now()
        used = {name: now[name] - self._before[name] for name in now}
        self._before = now
        return used

    @staticmethod
    def _now() -> dict[str, float]:
        own, commands = (resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        return {"own": own.ru_utime + own.ru_stime, "commands": commands.ru_utime + commands.ru_stime}
