"""An installation with something to look at: a seeded history, a run of the demo, one that fails."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from benches.installation import CHECKOUT, Installation, installation
from tests.browser import history

DEMO = "swot_coverage"
FAILING = "fails"
SCATTER = "scatter"
_STARTED = (DEMO, FAILING, SCATTER)
_TIMEOUT = 300.0


@dataclass(frozen=True)
class Site:
    """What the pages are looked at in.

    Attributes:
        runs: Id of the one run of each DAG in it that was started.
        seeded: Runs of the made-up history.
    """

    address: str
    password: str
    home: Path
    runs: Mapping[str, str]
    seeded: int


@contextlib.contextmanager
def running(*, passes: int = 400) -> Iterator[Site]:
    """Start it, wait until its runs have ended, stop it at the end.

    ``CHRONOS_TEST_SITE`` names a file with the values of one that runs already: ``python -m tests.browser.site``
    starts one, and prints them.
    """
    if given := os.environ.get("CHRONOS_TEST_SITE"):
        values = json.loads(Path(given).read_text())
        yield Site(**{**values, "home": Path(values["home"])})
        return
    with tempfile.TemporaryDirectory(prefix="chronos-site-") as folder:
        dags = Path(folder) / "dags"
        shutil.copytree(CHECKOUT / "dags", dags, ignore=shutil.ignore_patterns("__pycache__", "examples"))
        examples = CHECKOUT / "dags" / "examples"
        shutil.copytree(examples / "tools", dags / "tools")
        for document in (
            examples / "scatter.cwl",
            examples / "hello.cwl",
            Path(__file__).parent / "data" / "fails.cwl",
        ):
            shutil.copy(document, dags)
        with installation(dags=dags) as started:
            seeded = history.fill(started.home / "chronos" / "chronos.db", passes=passes)
            runs = {dag: _begin(started, dag) for dag in _STARTED}
            for dag, run in runs.items():
                _wait(started, dag, run)
            _wait_for_the_history(started)
            yield Site(started.address, started.password, started.home, runs, seeded)


def _begin(started: Installation, dag: str) -> str:
    started.wait_for_dag(dag, _TIMEOUT)
    return started.api.trigger(dag)


def _wait(started: Installation, dag: str, run: str) -> None:
    deadline = time.monotonic() + _TIMEOUT
    while started.api.run_state(dag, run) not in ("success", "failed"):
        started.processes.check()
        if time.monotonic() > deadline:
            raise TimeoutError(f"{dag} did not end")
        time.sleep(0.5)


def _wait_for_the_history(started: Installation) -> None:
    """Wait until the history has heard from Airflow's tables that the failing run has ended."""
    path = f"/chronos/api/v1/runs?workflow={FAILING}&kind=workflow&state=FAIL"
    deadline = time.monotonic() + _TIMEOUT
    while not started.api.request("GET", path)["runs"]:
        started.processes.check()
        if time.monotonic() > deadline:
            raise TimeoutError(f"the history does not know how {FAILING} ended")
        time.sleep(1)


if __name__ == "__main__":
    with running() as made:
        print(json.dumps({**asdict(made), "home": str(made.home)}), flush=True)
        input("Enter stops it\n")
