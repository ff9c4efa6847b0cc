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
        """The web pages and the REST API; built only when the API server asks."""
        from chronos_plugin.api.app import create_app
        from chronos_plugin.ui_views.app import create_app as create_pages

        # The first whose prefix fits answers.
        return [
            {"app": create_pages(), "url_prefix": "/chronos/ui", "name": "CHRONOS web interface"},
            {"app": create_app(), "url_prefix": "/chronos", "name": "CHRONOS"},
        ]

    @cached_property
    def react_apps(self) -> list[dict[str, Any]]:  # type: ignore[override]
        """The web pages inside Airflow's."""
        from chronos_plugin.ui_views import mount

        return mount.react_apps()

    @cached_property
    def external_views(self) -> list[dict[str, Any]]:  # type: ignore[override]
        """What stands in the navigation while the web pages are not built."""
        from chronos_plugin.ui_views import mount

        return mount.external_views()

    @classmethod
    def on_load(cls, *args: Any, **kwargs: Any) -> None:
        """Register the importer again, for a process that reset Airflow's registry."""
        del args, kwargs
        from chronos_plugin.rendering.importer import register

        register()
