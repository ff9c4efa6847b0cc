"""The kill drill: random kills of workers, triggerer, scheduler and agents while steps run on targets.

``python -m benches.drill [--kills 200] [--targets local,…] [--seed N]``. Each execution of the tool writes
a line to a ledger, so that an execution that was lost or done twice shows, whatever Airflow says of it. The
last line reads ``200 kills: 0 lost, 0 doubled``.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benches.installation import Installation
from benches.targets import BenchTarget, available, started, targets

FAST = {
    # A dead process is noticed in seconds, so that many kills fit into minutes.
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "15",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_SEC": "3",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "3",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "10",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "2",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT": "15",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "5",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "10",
    "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "2",
    "AIRFLOW__CHRONOS__LOST_RETRIES": "1000",
    "AIRFLOW__CHRONOS__RETRY_DELAY": "1",
    "CHRONOS_RESPAWN": "1",
}
WEIGHTS = {"task": 6, "worker": 3, "triggerer": 4, "scheduler": 1}
AGENT_WEIGHT = 2


@dataclass
class Tally:
    """What the drill has seen."""

    kills: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    executions: int = 0
    failed_runs: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def sentence(self) -> str:
        """The last line."""
        return f"{self.kills.total()} kills: {len(self.lost)} lost, {len(self.doubled)} doubled"


@dataclass
class Ledger:
    """What was executed: one line, ``RUN TARGET ELEMENT``, for each execution of a tool."""

    file: Path

    def counts(self) -> Counter[tuple[str, str, int]]:
        """Return how often each element was executed."""
        if not self.file.exists():
            return Counter()
        lines = (line.split() for line in self.file.read_text().splitlines())
        return Counter((run, target, int(element)) for run, target, element in lines)


def workflow(targets: list[str], elements: int) -> dict[str, Any]:
    """Return a CWL workflow with one scattered step for each target."""
    tool = {
        "class": "CommandLineTool",
        "requirements": {"ShellCommandRequirement": {}},
        "arguments": [
            {
                "shellQuote": False,
                "valueFrom": "printf '%s %s %s\\n' $(inputs.run_label) $(inputs.where) $(inputs.element) "
                ">>$(inputs.ledger); sleep $(inputs.seconds); echo $(inputs.element)",
            }
        ],
        "inputs": {
            "run_label": "string",
            "where": "string",
            "element": "int",
            "ledger": "string",
            "seconds": "float",
        },
        "outputs": {"said": {"type": "stdout"}},
        "stdout": "said.txt",
    }
    return {
        "cwlVersion": "v1.2",
        "class": "Workflow",
        "requirements": {"ScatterFeatureRequirement": {}, "StepInputExpressionRequirement": {}},
        "inputs": {
            "run_label": "string",
            "ledger": "string",
            "seconds": "float",
            "elements": {"type": "int[]", "default": list(range(elements))},
        },
        "outputs": {t: {"type": "File[]", "outputSource": f"{t}/said"} for t in targets},
        "steps": {
            target: {
                "scatter": "element",
                "in": {
                    "run_label": "run_label",
                    "where": {"default": target},
                    "element": "elements",
                    "ledger": "ledger",
                    "seconds": "seconds",
                },
                "out": ["said"],
                "run": tool,
            }
            for target in targets
        },
    }


class Drill:
    """One drill over one installation."""

    def __init__(
        self, airflow: Installation, targets: list[BenchTarget], options: argparse.Namespace
    ) -> None:
        self.airflow, self.targets = airflow, targets
        self.elements, self.seconds = options.elements, options.seconds
        self.kills, self.pause = options.kills, options.pause
        self.random = random.Random(options.seed)
        self.tally = Tally()
        self.ledger = Ledger(airflow.home / "ledger.txt")
        self.runs: list[str] = []

    def execute(self) -> Tally:
        """Kill until the number is reached, let what runs end, and count."""
        begun = time.monotonic()
        self._next_run()
        while self.tally.kills.total() < self.kills:
            time.sleep(self.random.uniform(0.2, 1.8) * self.pause)
            if self._ended(self.runs[-1]):
                self._next_run()
                continue
            self._kill()
        print(f"{self.kills} kills in {time.monotonic() - begun:.0f} s; letting the rest end", flush=True)
        deadline = time.monotonic() + 600
        while not all(self._ended(run) for run in self.runs) and time.monotonic() < deadline:
            time.sleep(1)
        self.tally.seconds = time.monotonic() - begun
        self._count()
        return self.tally

    def _next_run(self) -> None:
        label = f"run{len(self.runs)}"
        values = {"run_label": label, "ledger": str(self.ledger.file), "seconds": self.seconds}
        self.runs.append(self._patiently(lambda: self.airflow.api.trigger("drill", values)))
        print(f"{label}: {self.elements} elements on each of {len(self.targets)} targets", flush=True)

    def _ended(self, run: str) -> bool:
        state = self._patiently(lambda: self.airflow.api.run_state("drill", run))
        return state in ("success", "failed")

    def _patiently(self, call: Any) -> Any:
        """Ask the API server, which may be busy with what the kills caused."""
        for attempt in range(30):
            try:
                return call()
            except Exception:
                if attempt == 29:
                    raise
                time.sleep(1)
        raise AssertionError

    def _kill(self) -> None:
        agents = [target.agent for target in self.targets if target.agent]
        weights = {**WEIGHTS, **dict.fromkeys(agents, AGENT_WEIGHT)}
        kind = self.random.choices(list(weights), list(weights.values()))[0]
        # Tasks and busy workers come and go: one is waited for.
        deadline = time.monotonic() + 3
        while not (victims := self._victims()).get(kind) and time.monotonic() < deadline:
            time.sleep(0.02)
        if not victims.get(kind):
            return
        pid = self.random.choice(victims[kind])
        # It is to die anywhere in its life, not always as it begins.
        time.sleep(self.random.uniform(0, 0.3))
        if pid not in self._victims().get(kind, []):
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            self.tally.kills[kind] += 1
            if self.tally.kills.total() % 20 == 0:
                done = len(self.ledger.counts())
                print(f"{self.tally.kills.total()} kills, {done} executions", flush=True)

    def _victims(self) -> dict[str, list[int]]:
        """Return pids by kind.

        An idle worker is left alone: killed while it holds the lock of the queue of Airflow's
        LocalExecutor, it would stop that executor for ever.
        """
        found: dict[str, list[int]] = {}
        loader = self.airflow.processes.leaders()["Airflow"].pid
        for pid, parent, title in _processes(loader):
            if title.startswith("airflow worker -- LocalExecutor:"):
                if "<idle>" not in title:
                    found.setdefault("worker", []).append(pid)
            elif title.startswith("airflow worker --"):
                found.setdefault("task", []).append(pid)
            elif parent == loader and self._component(pid) in ("scheduler", "triggerer"):
                found.setdefault(self._component(pid), []).append(pid)
        for target in self.targets:
            if pids := target.agents():
                found[target.agent] = pids
        return found

    def _component(self, pid: int) -> str:
        """Return which component a fork of the loader is: its log's name."""
        with contextlib.suppress(OSError):
            return Path(os.readlink(f"/proc/{pid}/fd/1")).stem
        return ""

    def _count(self) -> None:
        counts = self.ledger.counts()
        self.tally.executions = counts.total()
        for number, run in enumerate(self.runs):
            state = self.airflow.api.run_state("drill", run)
            if state != "success":
                self.tally.failed_runs.append(f"{run}: {state}")
            for target in self.targets:
                for element in range(self.elements):
                    times = counts[f"run{number}", target.name, element]
                    where = f"run{number} {target.name} {element}"
                    if times == 0:
                        self.tally.lost.append(where)
                    elif times > 1:
                        self.tally.doubled.append(f"{where}: {times} times")


def _processes(root: int) -> Iterator[tuple[int, int, str]]:
    """Yield pid, parent and title of all processes of the session of ``root``, and of its descendants."""
    table: dict[int, tuple[int, int, str]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                title = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                table[int(entry.name)] = (int(fields[1]), int(fields[3]), title)
    for pid, (parent, session, title) in table.items():
        if session == root and pid != root:
            yield pid, parent, title


def main(arguments: list[str] | None = None) -> int:
    """Run the drill; the exit status is 0 if nothing was lost and nothing doubled."""
    parser = argparse.ArgumentParser(prog="drill", description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--elements", type=int, default=40, help="of each scatter")
    parser.add_argument("--seconds", type=float, default=4.0, help="that each execution takes")
    parser.add_argument("--pause", type=float, default=1.0, help="seconds between kills, on average")
    parser.add_argument("--seed", type=int, default=None)
    known = targets()
    parser.add_argument("--targets", default=",".join(t.name for t in known), help="default: all")
    parser.add_argument("--json", type=Path, help="write the result here")
    options = parser.parse_args(arguments)
    options.seed = options.seed if options.seed is not None else random.randrange(1 << 30)
    chosen = available([t for t in known if t.name in options.targets.split(",")])
    print(f"seed {options.seed}; targets: {', '.join(t.name for t in chosen)}", flush=True)
    with started(chosen, FAST) as airflow:
        names = [t.name for t in chosen]
        bindings = {"bindings": [{"step": name, "target": name} for name in names]}
        (airflow.dags / "drill.targets.yaml").write_text(json.dumps(bindings))
        (airflow.dags / "drill.cwl").write_text(json.dumps(workflow(names, options.elements)))
        airflow.wait_for_dag("drill")
        tally = Drill(airflow, chosen, options).execute()
        # What a SIGKILL leaves behind belongs to nobody who would end it.
        for pid, _, title in list(_processes(airflow.processes.leaders()["Airflow"].pid)):
            if title.startswith("airflow worker"):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
    for line in [*tally.lost[:20], *tally.doubled[:20], *tally.failed_runs]:
        print(line)
    result = {
        "seed": options.seed,
        "targets": names,
        "kills": dict(tally.kills),
        "executions": tally.executions,
        "lost": len(tally.lost),
        "doubled": len(tally.doubled),
        "failed_runs": len(tally.failed_runs),
        "seconds": round(tally.seconds),
    }
    print(json.dumps(result))
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")
    print(tally.sentence)
    return 1 if tally.lost or tally.doubled or tally.failed_runs else 0


if __name__ == "__main__":
    sys.exit(main())
