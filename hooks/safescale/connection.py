"""The Airflow connection type ``chronos_safescale``: its form, and the endpoint that a connection means."""

from __future__ import annotations

from typing import Any

from chronos_plugin.errors import SettingInvalid
from chronos_plugin.hooks.safescale.client import DEFAULT_PORT, SHORT, Endpoint

CONNECTION_TYPE = "chronos_safescale"
DEFAULT_CONNECTION = "safescale_default"


def _text(label: str, description: str) -> dict[str, Any]:
    return {"label": label, "description": description, "schema": {"type": ["string", "null"]}}


PROVIDER_INFO: dict[str, Any] = {
    "connection-type": CONNECTION_TYPE,
    "hook-class-name": "chronos_plugin.hooks.safescale.hook.SafeScaleHook",
    "hook-name": "SafeScale (CHRONOS)",
    "ui-field-behaviour": {
        "hidden-fields": ["login", "password", "schema", "extra"],
        "relabeling": {},
        "placeholders": {"host": "localhost, or /path/of/a/socket", "port": str(DEFAULT_PORT)},
    },
    "conn-fields": {
        "tenant": _text("Tenant", "Name of the tenant in the service's tenants file; named in every request"),
        "tls": {
            "label": "TLS",
            "description": "Speak TLS: to a proxy, the service itself does not",
            "schema": {"type": ["boolean", "null"], "default": False},
        },
        "ca_file": _text("CA file", "PEM file of the proxy's certificate authority"),
        "cert_file": _text("Certificate file", "PEM file of the certificate to show to the proxy"),
        "key_file": _text("Key file", "PEM file of its key"),
        "question_timeout": {
            "label": "Seconds for a question",
            "description": "Deadline of calls that change nothing",
            "schema": {"type": ["number", "null"], "default": SHORT},
        },
    },
}
"""For the provider's description; without a class that imports the form library."""


def endpoint_of(connection: Any) -> Endpoint:
    """Return the endpoint of an Airflow connection.

    Raises:
        SettingInvalid: If it is of another type, names no tenant, or has a wrong value.
    """
    if connection.conn_type not in (CONNECTION_TYPE, CONNECTION_TYPE.replace("_", "-")):
        raise SettingInvalid(
            f"connection {connection.conn_id} is of type {connection.conn_type}, not {CONNECTION_TYPE}"
        )
    extra = connection.extra_dejson
    host = connection.host or "localhost"
    address = f"unix:{host}" if host.startswith("/") else f"{host}:{connection.port or DEFAULT_PORT}"
    try:
        seconds = float(extra.get("question_timeout") or SHORT)
    except (TypeError, ValueError) as error:
        raise SettingInvalid(f"connection {connection.conn_id}: question_timeout: write a number") from error
    files = {name: str(extra.get(name) or "") for name in ("ca_file", "cert_file", "key_file")}
    return Endpoint(
        address=address,
        tenant=str(extra.get("tenant") or ""),
        tls=str(extra.get("tls")).lower() in ("true", "1"),
        question_timeout=seconds,
        **files,
    )
