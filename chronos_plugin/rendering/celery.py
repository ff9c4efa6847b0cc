"""Celery workers that import the CWL library once, in the parent of the processes that run tasks.

::

    [celery]
    celery_config_options = chronos_plugin.rendering.celery.CONFIG

Needs the extra ``celery``. Importing this module imports Airflow's Celery provider, and prepares nothing:
Celery says when a worker's parent process loads its modules, before it forks.
"""

from __future__ import annotations

from typing import Any

from airflow.providers.celery.executors.default_celery import DEFAULT_CELERY_CONFIG
from celery.signals import import_modules

CONFIG: dict[str, Any] = {**DEFAULT_CELERY_CONFIG}
"""Airflow's own configuration of Celery, by the options of ``[celery]``."""


@import_modules.connect  # type: ignore[untyped-decorator]
def prepare(**_: Any) -> None:
    """Prepare the process, unless ``[chronos] preload`` is ``never``."""
    from chronos_plugin import settings
    from chronos_plugin.rendering import preload

    if settings.load().preload != "never":
        preload.celery()
