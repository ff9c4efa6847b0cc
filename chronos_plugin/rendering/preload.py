"""Importing the CWL library once, in the processes whose children run tasks or parse files."""

from __future__ import annotations

import logging
import sys
import threading
import time
from typing import Any

from airflow.listeners import hookimpl

log = logging.getLogger(__name__)


@hookimpl
def on_starting(component: Any) -> None:
    """Prepare a scheduler or DAG processor that is starting (Airflow listener, lifecycle)."""
    if type(component).__name__ != "Job":
        return  # A task process: it inherits from its parent, or needs no library at all.
    if "airflow.dag_processing.manager" in sys.modules:
        from chronos_plugin.rendering.manager import extend

        extend()
    # The triggerer has the scheduler's modules, too; but it was not started as one.
    if "airflow.cli.commands.scheduler_command" in sys.modules:
        _start_recorder()
    if _wanted():
        from chronos_plugin.cwl import library

        library.prepare()
        _warm_task_modules()


def _start_recorder() -> None:
    from chronos_plugin import settings

    if settings.load().recorder == "scheduler":
        from chronos_plugin.db.beside import start_recorder

        start_recorder()


def in_background() -> None:
    """Prepare an API server for its first deployment, in a thread, unless ``preload`` is ``never``."""
    from chronos_plugin import settings

    if settings.load().preload != "never":
        threading.Thread(target=_prepare_to_deploy, name="chronos-preload", daemon=True).start()


def _prepare_to_deploy() -> None:
    from chronos_plugin.cwl import library

    started = time.monotonic()
    library.prepare()
    import chronos_plugin.compiler.lower  # noqa: F401

    log.debug("ready to compile CWL documents after %.1f s", time.monotonic() - started)


def _wanted() -> bool:
    from chronos_plugin import settings

    mode = settings.load().preload
    if mode != "auto":
        return mode == "always"
    if "airflow.dag_processing.manager" in sys.modules:
        return True
    return "airflow.jobs.scheduler_job_runner" in sys.modules and _executor_is_local()


def _executor_is_local() -> bool:
    from airflow.configuration import conf

    return "LocalExecutor" in conf.get("core", "executor", fallback="")


def _warm_task_modules() -> None:
    """Import and read what every step's task needs, so that forked processes find it."""
    import chronos_plugin.execution.placing
    import chronos_plugin.execution.stage_out
    import chronos_plugin.execution.tasks
    import chronos_plugin.hooks.data
    import chronos_plugin.operators.records
    import chronos_plugin.rendering.dag
    import chronos_plugin.rendering.deployment
    import chronos_plugin.rendering.metadata  # noqa: F401
    from chronos_plugin import settings

    settings.load()


def celery() -> None:
    """Prepare a Celery worker's parent process (see :mod:`chronos_plugin.rendering.celery`)."""
    from chronos_plugin.cwl import library

    library.prepare()
    _warm_task_modules()
