"""The Airflow plugin: registers, and does nothing else. Every Airflow process loads this module."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from airflow.plugins_manager import AirflowPlugin

from chronos_plugin.rendering import preload


class ChronosPlugin(AirflowPlugin):
    """Registers CHRONOS in the processes that load plugins."""

    name = "chronos"
    listeners = [preload]  # noqa: RUF012 - Airflow's own interface

    # Airflow declares a list; a property is read once, by the API server alone.
    @cached_property
    def fastapi_apps(self) -> list[dict[str, Any]]:  # type: ignore[override]
        """The REST API; built only when the API server asks."""
        from chronos_plugin.api.app import create_app

        return [{"app": create_app(), "url_prefix": "/chronos", "name": "CHRONOS"}]

    @classmethod
    def on_load(cls, *args: Any, **kwargs: Any) -> None:
        """Register the importer again, for a process that reset Airflow's registry."""
        del args, kwargs
        from chronos_plugin.rendering.importer import register

        register()
