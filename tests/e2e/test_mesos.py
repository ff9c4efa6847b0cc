"""Mesos through the real thing: Airflow's components, the command that holds the framework, and the double."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benches.installation import CHECKOUT, Installation, installation
from chronos_plugin.hooks.mesos.double import MesosDouble
from chronos_plugin.hooks.mesos.double.agent import Times

pytestmark = [pytest.mark.airflow, pytest.mark.slow]
LIMIT = 300.0


@pytest.fixture(scope="module")
def double() -> Iterator[MesosDouble]:
    with MesosDouble(times=Times(heartbeat=2.0), credentials={"chronos": "hush-4711"}) as made:
        yield made


@pytest.fixture(scope="module")
def airflow(double: MesosDouble, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    dags = tmp_path_factory.mktemp("mesos") / "dags"
    dags.mkdir()
    shutil.copy(CHECKOUT / "dags" / "examples" / "mesos.py", dags)
    extra = json.dumps({"role": "lab"})
    host, port = double.urls[0].removeprefix("http://").split(":")
    connection = {
        "conn_type": "chronos_mesos",
        "host": host,
        "port": int(port),
        "login": "chronos",
        "password": "hush-4711",
        "extra": extra,
    }
    options = {
        "AIRFLOW_CONN_MESOS_DEFAULT": json.dumps(connection),
        "AIRFLOW__CHRONOS__MESOS_LEASE": "3",
    }
    with installation(options, dags=dags) as running:
        yield running


def command(airflow: Installation, *words: str) -> list[str]:
    del airflow
    return [str(Path(sys.executable).parent / "airflow"), "chronos", "mesos", *words]


def environment(airflow: Installation) -> dict[str, str]:
    return {**os.environ, "AIRFLOW_HOME": str(airflow.home)}


@contextlib.contextmanager
def holder(airflow: Installation) -> Iterator[subprocess.Popen[bytes]]:
    """A process that holds the framework; it does not outlive the block."""
    line, where = command(airflow, "agent"), environment(airflow)
    with subprocess.Popen(line, env=where, stderr=subprocess.DEVNULL) as started:
        try:
            yield started
        finally:
            started.kill()


def status(airflow: Installation) -> dict[str, Any]:
    done = subprocess.run(
        command(airflow, "status", "--json"),
        env=environment(airflow),
        capture_output=True,
        text=True,
        check=False,
    )
    return {**json.loads(done.stdout), "exit": done.returncode}


def logs(airflow: Installation) -> str:
    files = (airflow.home / "logs").rglob("*.log*")
    return "".join(path.read_text() for path in files if "mesos_example" in str(path))


@contextlib.contextmanager
def told(airflow: Installation) -> Iterator[None]:
    """Show the task logs of a run that failed."""
    try:
        yield
    except RuntimeError:
        print(logs(airflow))
        raise


def test_a_dag_runs_and_outlives_the_process_that_holds_the_framework(
    airflow: Installation, double: MesosDouble
) -> None:
    assert status(airflow)["exit"] == 1
    with holder(airflow) as first:
        airflow.wait_for_dag("mesos_example")
        with told(airflow):
            airflow.run("mesos_example", timeout=LIMIT)
        assert double.do(lambda m: m.counts["launched"]) == 5
        log = logs(airflow)
        for line in ("cycle 3", "pass 2", "running in"):
            assert line in log
        assert "hush-4711" not in log
        found = status(airflow)
        assert (found["exit"], found["subscribed"]) == (0, True)
        run_id = airflow.api.trigger("mesos_example")
        time.sleep(1.0)
        first.send_signal(signal.SIGKILL)
        first.wait()
        with holder(airflow) as second:
            end = time.monotonic() + LIMIT
            while (state := airflow.api.run_state("mesos_example", run_id)) not in ("success", "failed"):
                assert time.monotonic() < end
                time.sleep(0.5)
            assert state == "success"
            assert double.do(lambda m: m.counts["launched"]) == 10
            second.terminate()
            assert second.wait(LIMIT) == 0
            assert status(airflow)["holder"] is None
