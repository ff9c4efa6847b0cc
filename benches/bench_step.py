"""CPU of one trivial step over all processes, against a BashOperator in the same run."""

from __future__ import annotations

import statistics
from typing import Any

from benches import workloads
from benches.installation import installation


def run(*, steps: int = 100, rounds: int = 3) -> dict[str, Any]:
    """Run ``steps`` independent trivial CWL steps and as many ``BashOperator("true")`` in turn.

    Returns:
        CPU milliseconds per step over all processes (the CWL run's own two tasks are charged to its
        steps), tasks per second, and ``ratio``: CWL over Bash, the median of the rounds. The first
        round warms both up and is not counted.
    """
    peers = {"cwl": "cwl_parallel", "bash": "bash_parallel"}
    cpu: dict[str, list[float]] = {name: [] for name in peers}
    rate: dict[str, list[float]] = {name: [] for name in peers}
    with installation() as airflow:
        (airflow.dags / "cwl_parallel.cwl").write_text(workloads.parallel(steps))
        (airflow.dags / "peer.py").write_text(workloads.bash_parallel(steps))
        for dag_id in peers.values():
            airflow.wait_for_dag(dag_id)
        for number in range(rounds + 1):
            for name, dag_id in peers.items():
                before = airflow.total_cpu_seconds()
                seconds = airflow.run(dag_id)
                used = airflow.total_cpu_seconds() - before
                if number:
                    cpu[name].append(used / steps * 1000)
                    rate[name].append(steps / seconds)
    ratios = [ours / theirs for ours, theirs in zip(cpu["cwl"], cpu["bash"], strict=True)]
    return {
        "steps": steps,
        "rounds": rounds,
        "cwl_cpu_ms": statistics.median(cpu["cwl"]),
        "bash_cpu_ms": statistics.median(cpu["bash"]),
        "ratio": statistics.median(ratios),
        "ratios": ratios,
        "cwl_per_second": statistics.median(rate["cwl"]),
        "bash_per_second": statistics.median(rate["bash"]),
        "goal": "ratio <= 0.9",
    }
