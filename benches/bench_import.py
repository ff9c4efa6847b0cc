"""Import of a ``.cwl`` file with a warm cache: what every task process pays before it does anything."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benches import workloads


def run(*, steps: int = 10, repeats: int = 50) -> dict[str, Any]:
    """Measure in a process of its own, in which the CWL library must not turn up.

    Returns:
        ``median_ms`` and ``p95_ms`` of the CPU time of one import, cold and warm; ``cwltool_imported``;
        ``python_dag_ms``: the same for a DAG file in Python with as many BashOperators (the peer).
    """
    with tempfile.TemporaryDirectory() as folder:
        dags = Path(folder) / "dags"
        dags.mkdir()
        (dags / "workflow.cwl").write_text(workloads.chain(steps))
        (dags / "peer.py").write_text(workloads.bash_chain(steps))
        # The first process compiles, the second one finds the result.
        environment = workloads.airflow_environment(Path(folder))
        child = [sys.executable, "-m", "benches.bench_import", str(dags), str(repeats)]
        subprocess.run([*child, "cold"], env=environment, check=True, capture_output=True)
        answer = subprocess.run([*child, "warm"], env=environment, check=True, capture_output=True, text=True)
    measured: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    measured["ratio"] = measured["median_ms"] / measured["python_dag_ms"]
    return {"steps": steps, "repeats": repeats, **measured}


def _child(dags: Path, repeats: int, mode: str) -> dict[str, Any]:
    from airflow.dag_processing.importers import get_importer_registry

    registry = get_importer_registry()
    result: dict[str, Any] = {}
    for name, key in (("workflow.cwl", "median_ms"), ("peer.py", "python_dag_ms")):
        importer = registry.get_importer(name)
        assert importer is not None
        times = []
        for _ in range(repeats if mode == "warm" else 1):
            started = time.process_time()
            imported = importer.import_file(dags / name, bundle_path=dags, safe_mode=False)
            times.append((time.process_time() - started) * 1000)
            assert imported.dags, imported.errors
        result[key] = statistics.median(times)
        if name.endswith(".cwl"):
            result["first_ms"], result["p95_ms"] = times[0], sorted(times)[int(len(times) * 0.95)]
            result["cwltool_imported"] = any(m.split(".")[0] == "cwltool" for m in sys.modules)
    return result


if __name__ == "__main__":
    print(json.dumps(_child(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])))
