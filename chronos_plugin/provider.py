"""What Airflow's provider discovery reads: configuration options and command line."""

from __future__ import annotations

from typing import Any

from chronos_plugin import __version__
from chronos_plugin.hooks.atlas.connection import CONNECTION as ATLAS_CONNECTION
from chronos_plugin.hooks.gfal2.connection import CONNECTION as GFAL2_CONNECTION
from chronos_plugin.hooks.mesos.connection import CONNECTION as MESOS_CONNECTION
from chronos_plugin.hooks.openlineage.connection import CONNECTION as OPENLINEAGE_CONNECTION
from chronos_plugin.hooks.safescale.connection import PROVIDER_INFO as SAFESCALE
from chronos_plugin.options import OPTIONS


def get_provider_info() -> dict[str, Any]:
    """Return the provider's description (Airflow's ``provider_info.schema.json``)."""
    options = {
        name: {
            "description": option["description"],
            "version_added": "0.1.0",
            "type": option["type"],
            "example": None,
            "default": option["default"],
        }
        for name, option in OPTIONS.items()
    }
    return {
        "package-name": "chronos-airflow",
        "name": "CHRONOS",
        "description": "CWL workflows on Airflow, for satellite production centres.",
        "versions": [__version__],
        "cli": ["chronos_plugin.cli.definition.get_commands"],
        "connection-types": [
            ATLAS_CONNECTION,
            GFAL2_CONNECTION,
            MESOS_CONNECTION,
            OPENLINEAGE_CONNECTION,
            SAFESCALE,
        ],
        "config": {
            "chronos": {
                "description": "Settings of CHRONOS: where runs keep their files and how steps are executed.",
                "options": options,
            }
        },
    }
