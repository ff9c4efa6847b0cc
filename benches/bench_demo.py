"""The demo's workflow through Airflow against ``cwltool --parallel`` on the same machine."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benches.installation import CHECKOUT, installation


def run(*, rounds: int = 2) -> dict[str, Any]:
    """Run ``swot_coverage`` with its defaults both ways, in turn.

    Returns:
        Wall seconds of each (the medians) and ``ratio``: Airflow over cwltool. cwltool's start-up is
        part of its time, since its user waits for it; Airflow's components run already.
    """
    walls: dict[str, list[float]] = {"chronos": [], "cwltool": []}
    cpus: dict[str, list[float]] = {"chronos": [], "cwltool": []}
    with installation(dags=CHECKOUT / "dags") as airflow:
        airflow.wait_for_dag("swot_coverage")
        for _ in range(rounds):
            before = airflow.total_cpu_seconds()
            walls["chronos"].append(airflow.run("swot_coverage"))
            cpus["chronos"].append(airflow.total_cpu_seconds() - before)
            wall, cpu = _cwltool(airflow.dags / "swot_coverage.cwl")
            walls["cwltool"].append(wall)
            cpus["cwltool"].append(cpu)
    ratios = [a / b for a, b in zip(walls["chronos"], walls["cwltool"], strict=True)]
    return {
        "rounds": rounds,
        "chronos_wall_s": statistics.median(walls["chronos"]),
        "cwltool_wall_s": statistics.median(walls["cwltool"]),
        "chronos_cpu_s": statistics.median(cpus["chronos"]),
        "cwltool_cpu_s": statistics.median(cpus["cwltool"]),
        "ratio": statistics.median(ratios),
        "goal": "ratio <= 2",
    }


def _cwltool(document: Path) -> tuple[float, float]:
    import resource

    command = Path(sys.executable).with_name("cwltool")
    with tempfile.TemporaryDirectory() as outdir:
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        subprocess.run(
            [command, "--parallel", "--quiet", "--outdir", outdir, document], check=True, capture_output=True
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.monotonic() - started, cpu
