"""A full pass of the DAG processor over many different workflows."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benches import workloads
from benches.installation import CHECKOUT


def run(*, workflows: int = 1000, steps: int = 5) -> dict[str, Any]:
    """Parse ``workflows`` files once with an empty and once with a full cache of compiled documents.

    Returns:
        CPU seconds of the DAG processor and all its children, of a pass over CWL files (cold, warm) and
        over as many DAG files in Python (the peer); ``ratio``: warm CWL over Python.
    """
    with tempfile.TemporaryDirectory(prefix="chronos-bench-") as folder:
        cwl, python = Path(folder) / "cwl", Path(folder) / "python"
        for home in (cwl, python):
            (home / "dags").mkdir(parents=True)
        for number in range(workflows):
            text = workloads.chain(steps, label=f"Chain {number}")
            (cwl / "dags" / f"chain_{number}.cwl").write_text(text)
            peer = workloads.bash_chain(steps).replace("bash_chain", f"bash_chain_{number}")
            (python / "dags" / f"chain_{number}.py").write_text(peer)
        _migrate(cwl)
        _migrate(python)
        cold, _ = _pass(cwl)
        warm, wall = _pass(cwl)
        peer_cpu, peer_wall = _pass(python)
    return {
        "workflows": workflows,
        "steps": steps,
        "cold_cpu_s": cold,
        "warm_cpu_s": warm,
        "warm_wall_s": wall,
        "python_cpu_s": peer_cpu,
        "python_wall_s": peer_wall,
        "ratio": warm / peer_cpu,
        "goal": "warm_cpu_s < 60 for 1000 workflows",
    }


def _migrate(home: Path) -> None:
    _airflow(home, "db", "migrate")


def _pass(home: Path) -> tuple[float, float]:
    """Run the DAG processor over every file once; return CPU and wall seconds."""
    before, started = os.times(), time.monotonic()
    _airflow(home, "dag-processor", "--num-runs", "1")
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return cpu, time.monotonic() - started


def _airflow(home: Path, *arguments: str) -> None:
    environment = workloads.airflow_environment(home)
    environment["AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES"] = "2"
    done = subprocess.run(
        [sys.executable, "-m", "airflow", *arguments],
        env=environment,
        cwd=CHECKOUT,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr.decode()[-2000:])
