"""Where Airflow shows the pages: one bundle, one component for each place."""

from __future__ import annotations

from typing import Any

from chronos_plugin.ui_views import bundle

# Name (what Airflow writes on the tab, and the component's in the bundle), destination, route.
PLACES = (
    ("CHRONOS", "nav", "chronos"),
    ("CWL workflow", "dag", "chronos_workflow"),
    ("CWL run", "dag_run", "chronos_run"),
    ("Execution", "task_instance", "chronos_execution"),
    ("CHRONOS now", "dashboard", None),
)


def react_apps() -> list[dict[str, Any]]:
    """Return what Airflow's plugin interface asks for; nothing where the bundle was not built."""
    built = bundle.load()
    if built is None:
        return []
    return [
        {
            "name": name,
            "bundle_url": built.url(f"{built.main}?style={built.style}"),
            "destination": destination,
            "icon": built.url("icon.svg"),
            "icon_dark_mode": built.url("icon-dark.svg"),
            **({"url_route": route} if route else {}),
            **({"nav_top_level": True} if destination == "nav" else {}),
        }
        for name, destination, route in PLACES
    ]


def external_views() -> list[dict[str, Any]]:
    """Return the link to the page that says how to build the interface, where it was not built."""
    if bundle.load() is not None:
        return []
    return [{"name": "CHRONOS", "href": f"{bundle.PREFIX.lstrip('/')}/", "destination": "nav"}]
