"""Airflow connections of the type ``chronos_atlas``: their form."""

from __future__ import annotations

from typing import Any

from chronos_plugin.hooks.receiver import FIELDS

CONNECTION_TYPE = "chronos_atlas"
DEFAULT_CONNECTION = "atlas_default"
PORT = 21000

CONNECTION: dict[str, Any] = {
    "connection-type": CONNECTION_TYPE,
    "hook-class-name": "chronos_plugin.hooks.atlas.hook.AtlasHook",
    "hook-name": "CHRONOS Apache Atlas",
    "ui-field-behaviour": {
        "relabeling": {"schema": "Scheme"},
        "placeholders": {
            "host": "atlas.example.org, or https://gateway.example.org/atlas",
            "port": str(PORT),
            "schema": "http, or https",
            "login": "empty: the password is a bearer token",
        },
    },
    "conn-fields": FIELDS,
}
"""Of the provider information; its shape is Airflow's ``connection-types``."""
