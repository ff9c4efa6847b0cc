"""Full passes of the DAG processor over many different workflows."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benches import workloads
from benches.installation import CHECKOUT

_MORE = 10
"""Further passes over CWL files that are averaged. Of the peer's one is measured: each costs as much."""


def run(*, workflows: int = 1000, steps: int = 5) -> dict[str, Any]:
    """Let the DAG processor parse ``workflows`` CWL files, then as many DAG files in Python (the peer).

    Returns:
        CPU seconds of the DAG processor and all its children, its start included but for ``…_next``:

        - ``cold``: a new database and an empty cache of compiled documents;
        - ``warm``: a new database and a full cache;
        - ``second``: the same database again, by a new process;
        - ``next``: one more pass of a process that has made one before;
        - ``python_new``, ``python_second``, ``python_next``: the peer, likewise.

        ``ratio``: warm CWL over Python on a new database.
    """
    with tempfile.TemporaryDirectory(prefix="chronos-bench-") as folder:
        home = Path(folder)
        cwl, python = home / "cwl", home / "python"
        cwl.mkdir()
        python.mkdir()
        for number in range(workflows):
            (cwl / f"chain_{number}.cwl").write_text(workloads.chain(steps, label=f"Chain {number}"))
            peer = workloads.bash_chain(steps).replace("bash_chain", f"bash_chain_{number}")
            (python / f"chain_{number}.py").write_text(peer)
        processor = _Processor(home)
        cold = processor.on_new_database(cwl)
        warm = processor.on_new_database(cwl)
        second, following = processor.again(cwl, _MORE)
        python_new = processor.on_new_database(python)
        python_second, python_following = processor.again(python, 1)
    return {
        "workflows": workflows,
        "steps": steps,
        "cold_cpu_s": cold,
        "warm_cpu_s": warm,
        "second_cpu_s": second,
        "next_cpu_s": following,
        "python_new_cpu_s": python_new,
        "python_second_cpu_s": python_second,
        "python_next_cpu_s": python_following,
        "ratio": warm / python_new,
        "goal": "warm_cpu_s < 60 for 1000 workflows",
    }


@dataclass(frozen=True)
class _Processor:
    """A DAG processor with its home; every call starts it anew."""

    home: Path

    def on_new_database(self, dags: Path) -> float:
        """Return the CPU seconds of a pass that finds none of the DAGs in the database."""
        shutil.rmtree(self.home / "airflow", ignore_errors=True)
        self._airflow(dags, "db", "migrate")
        return self._passes(dags, 1)

    def again(self, dags: Path, more: int) -> tuple[float, float]:
        """Return the CPU seconds of a pass that finds them all, and of each of ``more`` further passes."""
        once = self._passes(dags, 1)
        return once, (self._passes(dags, 1 + more) - once) / more

    def _passes(self, dags: Path, count: int) -> float:
        before = os.times()
        self._airflow(dags, "dag-processor", "--num-runs", str(count))
        after = os.times()
        return after.children_user + after.children_system - before.children_user - before.children_system

    def _airflow(self, dags: Path, *arguments: str) -> None:
        environment = {
            **workloads.airflow_environment(self.home / "airflow"),
            "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
            "AIRFLOW__CHRONOS__CACHE_ROOT": str(self.home / "cache"),
            "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "2",
            # Each pass follows the last one at once.
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "0",
        }
        done = subprocess.run(
            [sys.executable, "-m", "airflow", *arguments],
            env=environment,
            cwd=CHECKOUT,
            capture_output=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(done.stderr.decode()[-2000:])
