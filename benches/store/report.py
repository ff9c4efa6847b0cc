"""The growth curve as a table in Markdown: ``python -m benches.store.report``."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parents[1] / "results" / "store.json"
ROWS = (
    ("bytes per reference", ("bytes_per_reference",)),
    ("lists of words in names, beside", ("text_index_bytes_per_reference",)),
    ("references loaded per second", ("references_per_second",)),
    ("the same without waiting for the generator", ("references_per_second_writing",)),
    ("CPU seconds to load a million", ("cpu_seconds_per_million_references",)),
    ("runs recorded per second", ("recording", "runs_per_second")),
    ("CPU ms per run in the recorder", ("recording", "cpu_ms_per_run_in_the_recorder")),
    ("CPU ms per run in the task", ("recording", "cpu_ms_per_run_in_the_task")),
)
GOALS = {
    "runs recorded per second": 1000,
    "CPU ms per run in the recorder": 2,
}


def table(curve: Mapping[str, Any]) -> str:
    """Return the table; of each question the milliseconds, and in brackets those of CPU."""
    sizes = sorted(curve, key=int)
    newest = curve[sizes[-1]]
    loads = (f"{int(s):,} runs (load {curve[s]['machine']['load_average']:g})" for s in sizes)
    lines = [f"| | goal | {' | '.join(loads)} |", "|---" * (len(sizes) + 2) + "|"]
    for name, path in ROWS:
        goal = GOALS.get(name) or newest["goals"].get(path[-1], "")
        lines.append(_line(name, goal, [_at(curve[size], path) for size in sizes]))
    for name in newest["p95_ms"]:
        goal = newest["goals"].get(name, "")
        cells = [f"{_at(curve[s], ('p95_ms', name))} ({_at(curve[s], ('p95_cpu_ms', name))})" for s in sizes]
        lines.append(_line(f"{name}, p95 ms", goal, cells))
    return "\n".join(lines)


def _at(value: Any, path: tuple[str, ...]) -> str:
    for key in path:
        value = value.get(key, {})
    return f"{value:,}" if value != {} else ""


def _line(name: str, goal: Any, cells: list[str]) -> str:
    return f"| {name} | {f'{goal:,}' if goal else ''} | {' | '.join(cells)} |"


if __name__ == "__main__":
    print(table(json.loads(RESULTS.read_text())["curve"]))
    sys.exit(0)
