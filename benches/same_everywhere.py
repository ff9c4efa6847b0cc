"""One workflow, the same bytes: the demo and a scattered step on each target, their checksums compared.

``python -m benches.same_everywhere [--elements 100] [--targets local,…] [--alone] [--write]``. Nothing but
the run's order (``chronos:target``) differs from one run to the next. With ``--alone`` the runs are those of
``chronos-cwl-runner --target``, which takes a tenth of the CPU time. The exit status is 0 if all outputs are
the same.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benches.installation import CHECKOUT, Installation
from benches.targets import BenchTarget, ContainerTarget, available, started, started_alone, targets
from chronos_plugin.execution.bindings.decision import ORDER

DEMO, SCATTER = "swot_coverage", "scattered"
PAGE = CHECKOUT / "docs" / "targets.md"
BEGIN, END = "<!-- same-everywhere: begin -->", "<!-- same-everywhere: end -->"
WORDS = {
    "worker": "the worker that has the task",
    "local": "processes on the triggerer's host",
    "container": "Docker",
    "slurm": "Slurm through Toil",
    "mesos": "Mesos (the double)",
    "safescale": "SafeScale (the double)",
}


PATIENT = {
    # What a busy machine loses is run again: it is the outputs that are compared.
    "AIRFLOW__CHRONOS__LOST_RETRIES": "50",
    "AIRFLOW__CHRONOS__RETRY_DELAY": "2",
}


@dataclass(frozen=True)
class Outputs:
    """What a run has made.

    Attributes:
        digest: Of the places and checksums of all its files.
    """

    files: int
    digest: str
    seconds: float


def workflow(elements: int) -> dict[str, Any]:
    """Return a CWL workflow with a scattered step and one that joins what it makes."""
    count = {
        "class": "CommandLineTool",
        "baseCommand": ["sh", "-c", 'echo "element $0"; seq "$0" 1000 | cksum'],
        "inputs": {"element": {"type": "int", "inputBinding": {}}},
        "outputs": {"sum": {"type": "stdout"}},
        "stdout": "sum.txt",
    }
    join = {
        "class": "CommandLineTool",
        "baseCommand": "cat",
        "inputs": {"sums": {"type": "File[]", "inputBinding": {}}},
        "outputs": {"all": {"type": "stdout"}},
        "stdout": "all.txt",
    }
    return {
        "cwlVersion": "v1.2",
        "class": "Workflow",
        "requirements": {"ScatterFeatureRequirement": {}},
        "inputs": {"elements": {"type": "int[]", "default": list(range(elements))}},
        "outputs": {
            "sums": {"type": "File[]", "outputSource": "count/sum"},
            "all": {"type": "File", "outputSource": "join/all"},
        },
        "steps": {
            "count": {"scatter": "element", "in": {"element": "elements"}, "out": ["sum"], "run": count},
            "join": {"in": {"sums": "count/sum"}, "out": ["all"], "run": join},
        },
    }


def files(value: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """Yield the place in an output object and the checksum of each file."""
    if isinstance(value, Mapping):
        if value.get("class") == "File":
            yield place, str(value["checksum"])
        for name, inner in value.items():
            yield from files(inner, f"{place}/{name}")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from files(inner, f"{place}/{number}")


def run(airflow: Installation, dag_id: str, target: str, timeout: float) -> Outputs:
    """Run a workflow with all its steps on a target.

    Raises:
        RuntimeError: If the run failed.
    """
    begun = time.monotonic()
    run_id = airflow.api.trigger(dag_id, {ORDER: target})
    while (state := airflow.api.run_state(dag_id, run_id)) not in ("success", "failed"):
        airflow.processes.check()
        if time.monotonic() - begun > timeout:
            raise RuntimeError(f"{dag_id} on {target}: still {state} after {timeout:.0f} s")
        time.sleep(0.5)
    if state == "failed":
        raise RuntimeError(f"{dag_id} on {target} failed")
    return _outputs(_whole(airflow.api.result(dag_id, run_id, "chronos.outputs")), begun)


def run_alone(document: Path, target: str, targets_file: Path, timeout: float) -> Outputs:
    """Run a document with all its steps on a target, by the command line; errors as :func:`run`."""
    begun = time.monotonic()
    line = [str(Path(sys.executable).with_name("chronos-cwl-runner")), "--quiet", "--parallel", "8"]
    line += [] if target == "worker" else ["--targets-file", str(targets_file), "--target", target]
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [*line, "--outdir", folder, str(document)],
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
    if done.returncode:
        raise RuntimeError(f"{document.name} on {target} failed: {done.stderr[-2000:]}")
    return _outputs(json.loads(done.stdout), begun)


def _outputs(value: Any, begun: float) -> Outputs:
    found = sorted(files(value))
    text = "".join(f"{place} {checksum}\n" for place, checksum in found)
    return Outputs(len(found), hashlib.sha256(text.encode()).hexdigest(), time.monotonic() - begun)


def _whole(value: Any) -> Any:
    """Return an output object that was too large for XCom."""
    if isinstance(value, Mapping) and "chronos:file" in value:
        return json.loads(Path(value["chronos:file"]).read_bytes())
    return value


def table(rows: Mapping[str, Mapping[str, Outputs]], skipped: Mapping[str, str]) -> str:
    """Return the results as a table in Markdown."""
    first = next(iter(rows.values()))
    heads = [f"demo, {first[DEMO].files} files", f"scatter, {first[SCATTER].files} files"]
    lines = [f"| steps run on | {heads[0]} | {heads[1]} |", "|---|---|---|"]
    for name, made in rows.items():
        digests = " | ".join(f"`{made[dag_id].digest[:16]}`" for dag_id in (DEMO, SCATTER))
        lines.append(f"| {WORDS[name]} | {digests} |")
    lines += [f"| {WORDS[name]} | skipped: {why} | skipped |" for name, why in skipped.items()]
    return "\n".join(lines) + "\n"


def write(text: str, page: Path = PAGE) -> None:
    """Put a table between the marks of a page; rows there that it does not have stay, under the same head."""
    before, rest = page.read_text().split(f"{BEGIN}\n")
    old, after = rest.split(f"{END}\n")
    known = {line.split("|")[1] for line in text.splitlines()}
    kept = [line for line in old.splitlines() if line.split("|")[1] not in known]
    if old.splitlines()[:1] == text.splitlines()[:1]:
        text += "".join(f"{line}\n" for line in kept)
    page.write_text(f"{before}{BEGIN}\n{text}{END}\n{after}")


def _through(
    stack: contextlib.ExitStack, chosen: Sequence[BenchTarget], folder: Path, options: argparse.Namespace
) -> Callable[[str, str], Outputs]:
    """Return what runs a workflow on a target, through Airflow or without."""
    dags = folder / "dags"
    if options.alone:
        home = folder / "home"
        home.mkdir()
        file = stack.enter_context(started_alone(chosen, home))
        return lambda name, target: run_alone(dags / f"{name}.cwl", target, file, options.timeout)
    airflow = stack.enter_context(started(chosen, PATIENT, dags))
    for dag_id in (DEMO, SCATTER):
        airflow.wait_for_dag(dag_id)
    return lambda name, target: run(airflow, name, target, options.timeout)


def main(arguments: list[str] | None = None) -> int:
    """Run both workflows on each target, and compare."""
    known: list[BenchTarget] = [*targets(), ContainerTarget()]
    parser = argparse.ArgumentParser(prog="same_everywhere", description=__doc__.splitlines()[0])
    parser.add_argument("--elements", type=int, default=100)
    parser.add_argument("--targets", default=",".join(t.name for t in known), help="default: all")
    parser.add_argument("--timeout", type=float, default=900, help="seconds for one run")
    parser.add_argument("--alone", action="store_true", help="by chronos-cwl-runner, without Airflow")
    parser.add_argument("--write", action="store_true", help=f"put the table into {PAGE.name}")
    options = parser.parse_args(arguments)
    wanted = [t for t in known if t.name in options.targets.split(",")]
    chosen = available(wanted)
    skipped = {t.name: str(t.lacking()) for t in wanted if t not in chosen}
    rows: dict[str, dict[str, Outputs]] = {}
    with tempfile.TemporaryDirectory() as folder:
        dags = Path(folder, "dags")
        shutil.copytree(CHECKOUT / "dags", dags)
        (dags / f"{SCATTER}.cwl").write_text(json.dumps(workflow(options.elements)))
        with contextlib.ExitStack() as stack:
            once = _through(stack, chosen, Path(folder), options)
            for name in ("worker", *(t.name for t in chosen)):
                rows[name] = {d: once(d, name) for d in (DEMO, SCATTER)}
                for dag_id, made in rows[name].items():
                    said = f"{made.files} files, {made.digest[:16]}, {made.seconds:.0f} s"
                    print(f"{name}: {dag_id}: {said}", flush=True)
                if options.write:
                    # What is known is worth keeping, should a later target fail.
                    write(table(rows, skipped))
    print(table(rows, skipped), end="")
    same = all(len({made[d].digest for made in rows.values()}) == 1 for d in (DEMO, SCATTER))
    print("the same everywhere" if same else "NOT the same everywhere")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
