"""Airflow connections of the type ``chronos_openlineage``: their form."""

from __future__ import annotations

from typing import Any

from chronos_plugin.hooks.receiver import FIELDS

CONNECTION_TYPE = "chronos_openlineage"
DEFAULT_CONNECTION = "openlineage_default"

CONNECTION: dict[str, Any] = {
    "connection-type": CONNECTION_TYPE,
    "hook-class-name": "chronos_plugin.hooks.openlineage.hook.OpenLineageHook",
    "hook-name": "CHRONOS OpenLineage",
    "ui-field-behaviour": {
        "relabeling": {"password": "API key", "schema": "Scheme"},
        "placeholders": {
            "host": "marquez.example.org",
            "port": "5000",
            "schema": "http, or https",
            "login": "empty: the API key is a bearer token",
        },
    },
    "conn-fields": {
        "endpoint": {
            "label": "Endpoint",
            "description": "Path that events are posted to.",
            "schema": {"type": ["string", "null"], "default": "/api/v1/lineage"},
        },
        **FIELDS,
    },
}
"""Of the provider information; its shape is Airflow's ``connection-types``."""
