"""Airflow connections of the type ``chronos_mesos``: their form, and what they mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chronos_plugin.errors import SettingInvalid

if TYPE_CHECKING:
    from chronos_plugin.hooks.mesos.calls import Framework
    from chronos_plugin.hooks.mesos.client import Address

CONNECTION_TYPE = "chronos_mesos"
DEFAULT_CONNECTION = "mesos_default"
WEEK = 604800


def _field(label: str, description: str, kind: str, default: Any = None) -> dict[str, Any]:
    schema = {"type": [kind, "null"], **({"default": default} if default is not None else {})}
    return {"label": label, "description": description, "schema": schema}


CONNECTION: dict[str, Any] = {
    "connection-type": CONNECTION_TYPE,
    "hook-class-name": "chronos_plugin.hooks.mesos.hook.MesosHook",
    "hook-name": "CHRONOS Mesos",
    "ui-field-behaviour": {
        "relabeling": {
            "host": "Masters",
            "login": "Principal",
            "password": "Secret",
            "schema": "Scheme",
        },
        "placeholders": {
            "host": "master1.example.org:5050,master2.example.org:5050",
            "port": "5050",
            "schema": "http, or https",
            "login": "empty: no authentication",
        },
    },
    "conn-fields": {
        "role": _field("Role", "Mesos role that gets the offers.", "string", "*"),
        "user": _field(
            "User", "Account that tasks run as on the agents; fixed once registered.", "string", "root"
        ),
        "framework_name": _field("Framework name", "Shown in Mesos's own pages.", "string", "chronos"),
        "failover_timeout": _field(
            "Failover timeout",
            "Seconds for which Mesos keeps tasks running while no process holds the framework.",
            "integer",
            WEEK,
        ),
        "ca_file": _field("CA file", "Certificate authorities of masters and agents (https).", "string"),
        "verify": _field("Verify certificates", "False: trust any certificate.", "boolean", True),
        "gpus": _field("GPUs", "Ask for the offers of agents that have GPUs.", "boolean", False),
        "webui_url": _field("Web page", "Address of CHRONOS, linked in Mesos's own pages.", "string"),
    },
}
"""Of the provider information; its shape is Airflow's ``connection-types``."""


@dataclass(frozen=True)
class MesosConnection:
    """What a connection says."""

    address: Address
    framework: Framework


def understood(connection: Any) -> MesosConnection:
    """Return what an Airflow connection says.

    Raises:
        SettingInvalid: If it cannot be understood; the message names the field.
    """
    from chronos_plugin.hooks.mesos.calls import Framework
    from chronos_plugin.hooks.mesos.client import Address, base_urls

    extra = connection.extra_dejson
    scheme = (connection.schema or "http").lower()
    if scheme not in ("http", "https"):
        raise SettingInvalid(f"connection {connection.conn_id}: scheme {scheme!r}: write http or https")
    verify = extra.get("ca_file") or _boolean(connection.conn_id, extra, "verify", default=True)
    principal = connection.login or ""
    framework = Framework(
        name=extra.get("framework_name") or "chronos",
        user=extra.get("user") or "root",
        principal=principal,
        roles=(extra.get("role") or "*",),
        failover_timeout=_seconds(connection.conn_id, extra),
        webui_url=extra.get("webui_url") or "",
        gpus=_boolean(connection.conn_id, extra, "gpus", default=False),
    )
    try:
        masters = base_urls(connection.host or "", connection.port, scheme)
        address = Address(masters, principal, connection.password or "", verify)
    except SettingInvalid as error:
        raise SettingInvalid(f"connection {connection.conn_id}: {error}") from error
    return MesosConnection(address, framework)


def _seconds(conn_id: str, extra: Mapping[str, Any]) -> float:
    value = extra.get("failover_timeout")
    try:
        seconds = float(WEEK if value in (None, "") else str(value))
    except ValueError as error:
        raise SettingInvalid(f"connection {conn_id}: failover_timeout {value!r}: write seconds") from error
    if seconds < 60:
        raise SettingInvalid(
            f"connection {conn_id}: failover_timeout {seconds:g}: "
            "with less than 60 s a restart would cost all tasks"
        )
    return seconds


def _boolean(conn_id: str, extra: Mapping[str, Any], name: str, *, default: bool) -> bool:
    value = extra.get(name)
    word = str(default if value in (None, "") else value).lower()
    if word not in ("true", "false"):
        raise SettingInvalid(f"connection {conn_id}: {name} {value!r}: write true or false")
    return word == "true"
