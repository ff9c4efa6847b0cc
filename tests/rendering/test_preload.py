"""Preparing processes: once, whoever asks, and not where nobody wants it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


def in_a_process(program: str, home: Path, preload: str = "auto") -> str:
    """Run a program in a fresh interpreter; return what it prints."""
    environment = {**os.environ, "AIRFLOW_HOME": str(home), "AIRFLOW__CHRONOS__PRELOAD": preload}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


IN_BACKGROUND = """\
import threading
from chronos_plugin.rendering import preload
preload.in_background()
for thread in threading.enumerate():
    if thread.name == "chronos-preload":
        thread.join()
from chronos_plugin.cwl import library
print(library.is_loaded())
"""


@pytest.mark.parametrize(("preload", "loaded"), [("auto", "True"), ("always", "True"), ("never", "False")])
def test_api_server_prepares_in_the_background(tmp_path: Path, preload: str, loaded: str) -> None:
    assert in_a_process(IN_BACKGROUND, tmp_path, preload) == loaded


def test_threads_that_ask_at_the_same_time_wait_for_one(tmp_path: Path) -> None:
    program = """\
import threading, cwltool.process
from chronos_plugin.cwl import library
asked = []
original = cwltool.process.get_schema
cwltool.process.get_schema = lambda version: (asked.append(version), original(version))[1]
threads = [threading.Thread(target=library.prepare) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(asked == list(library.VERSIONS))
"""
    assert in_a_process(program, tmp_path) == "True"


def test_a_celery_worker_has_all_that_tasks_need(tmp_path: Path) -> None:
    program = """\
import sys
from chronos_plugin.rendering import preload
preload.celery()
before = set(sys.modules)
import chronos_plugin.execution.tasks, chronos_plugin.operators.cwl, cwltool.load_tool
print(set(sys.modules) - before)
"""
    assert in_a_process(program, tmp_path) == "set()"
