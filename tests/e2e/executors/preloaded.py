"""Tells what the process that runs a task found imported, before the task imported anything."""

from __future__ import annotations

import sys

from airflow.sdk import dag, task


@dag(schedule=None)
def preloaded() -> None:
    @task
    def library() -> bool:
        return "cwltool.load_tool" in sys.modules and "chronos_plugin.execution.tasks" in sys.modules

    library()


preloaded()
