"""Runs benchmarks and writes ``benches/results/NAME.json``.

``python -m benches.run [NAME…] [--NAME.SIZE=N…]``
"""

from __future__ import annotations

import datetime
import importlib
import inspect
import json
import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
NAMES = ("import", "step", "demo", "processor", "deploy", "data", "exports", "slurm", "mesos", "cloud")


def main(arguments: list[str]) -> int:
    """Run the named benchmarks (default: all); return the exit status."""
    names = [a for a in arguments if a in NAMES] or list(NAMES)
    sizes = _sizes(arguments)
    unknown = [a for a in arguments if a not in NAMES and not a.startswith("--")]
    if unknown:
        print(f"no benchmark {unknown[0]!r}; there are {', '.join(NAMES)}", file=sys.stderr)
        return 2
    RESULTS.mkdir(exist_ok=True)
    for name in names:
        module = importlib.import_module(f"benches.bench_{name}")
        allowed = inspect.signature(module.run).parameters
        chosen = {k: v for (n, k), v in sizes.items() if n == name and k in allowed}
        print(f"{name} …", flush=True)
        result = {**_machine(), "benchmark": name, **module.run(**chosen)}
        (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=2) + "\n")
        print(json.dumps(result, indent=2))
    return 0


def _sizes(arguments: list[str]) -> dict[tuple[str, str], int]:
    """Return sizes given as ``--step.steps=50``."""
    sizes = {}
    for argument in arguments:
        if argument.startswith("--") and "=" in argument and "." in argument:
            key, _, value = argument[2:].partition("=")
            name, _, size = key.partition(".")
            sizes[name, size] = int(value)
    return sizes


def _machine() -> dict[str, Any]:
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "python": platform.python_version(),
        "airflow": version("apache-airflow"),
        "cwltool": version("cwltool"),
        "cores": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 1),
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
