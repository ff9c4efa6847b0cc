"""From settings and Airflow connections to what the data room takes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from chronos_plugin.data.access import DataOptions
from chronos_plugin.data.location import Location
from chronos_plugin.data.schemes import GFAL2, HTTP
from chronos_plugin.data.transport import StorageOptions, no_options
from chronos_plugin.errors import SettingInvalid
from chronos_plugin.hooks.gfal2.connection import transport_options
from chronos_plugin.settings import Settings

if TYPE_CHECKING:
    from airflow.sdk import Connection


def data_options(settings: Settings, storage_options: StorageOptions = no_options) -> DataOptions:
    """Return the options that ``settings`` mean.

    Args:
        storage_options: Gives credentials and endpoints; by default the libraries look in the environment.
    """
    allowed = settings.input_uris
    if allowed and settings.output_uri:
        # Outputs of earlier runs are inputs of later ones.
        allowed = (*allowed, settings.output_uri)
    return DataOptions(
        cache=settings.data_cache,
        cache_bytes=settings.data_cache_size << 20,
        parallel=settings.data_parallel,
        retries=settings.data_retries,
        timeout=settings.data_timeout,
        gfal2_python=settings.gfal2_python,
        allowed=allowed,
        storage_options=storage_options,
    )


def site_data_options(settings: Settings) -> DataOptions:
    """Return the data options of this installation, with credentials from its connections."""
    return data_options(settings, ConnectionOptions(settings.data_connections))


class ConnectionOptions:
    """Gives the options of a place from the connection of the longest prefix that it lies below.

    A connection is looked up when it is needed first.

    Args:
        connections: Ids of connections by URI prefix.
        get: Looks a connection up; default: Airflow's.
    """

    def __init__(
        self, connections: Mapping[str, str], get: Callable[[str], Connection] | None = None
    ) -> None:
        self._connections = dict(sorted(connections.items(), key=lambda pair: -len(pair[0])))
        self._get = get
        self._known: dict[tuple[str, str], Mapping[str, Any]] = {}
        self._lock = threading.Lock()

    def __call__(self, location: Location) -> Mapping[str, Any]:
        """Return the options; none where no prefix fits.

        Raises:
            SettingInvalid: If the connection does not exist, or has a value that cannot be used.
        """
        name = next((c for prefix, c in self._connections.items() if location.within(prefix)), None)
        if name is None:
            return {}
        with self._lock:
            key = (location.scheme, name)
            if key not in self._known:
                self._known[key] = _translated(location, self._connection(name))
            return self._known[key]

    def _connection(self, name: str) -> Connection:
        from airflow.sdk.exceptions import AirflowNotFoundException

        try:
            return (self._get or _airflow_connection)(name)
        except AirflowNotFoundException as error:
            raise SettingInvalid(f"[chronos] data_connections names '{name}': {error}") from error


def _airflow_connection(name: str) -> Connection:
    from airflow.sdk.bases.hook import BaseHook

    return BaseHook.get_connection(name)


def _translated(location: Location, connection: Connection) -> Mapping[str, Any]:
    extra = connection.extra_dejson
    if location.transport == GFAL2:
        return transport_options(connection)
    if location.transport == HTTP:
        return _http_options(connection, extra)
    return _s3_options(connection, extra) if location.scheme == "s3" else _gs_options(extra)


def _http_options(connection: Connection, extra: Mapping[str, Any]) -> dict[str, Any]:
    options: dict[str, Any] = {k: extra[k] for k in ("headers", "verify", "cert") if extra.get(k)}
    if extra.get("verify") is False:
        options["verify"] = False
    if connection.login:
        options.update(login=connection.login, password=connection.password)
    elif connection.password:
        options["token"] = connection.password
    return options


def _s3_options(connection: Connection, extra: Mapping[str, Any]) -> dict[str, Any]:
    """Translate a connection of type ``aws``: keys, session token, endpoint, region."""
    options = {
        "key": connection.login or extra.get("aws_access_key_id"),
        "secret": connection.password or extra.get("aws_secret_access_key"),
        "token": extra.get("aws_session_token"),
        "endpoint_url": extra.get("endpoint_url") or extra.get("host"),
        "anon": extra.get("anon"),
    }
    result = {name: value for name, value in options.items() if value}
    if region := extra.get("region_name"):
        result["client_kwargs"] = {"region_name": region}
    return result


def _gs_options(extra: Mapping[str, Any]) -> dict[str, Any]:
    """Translate a connection of type ``google_cloud_platform``: key, project, endpoint."""
    options = {
        "token": extra.get("keyfile_dict")
        or extra.get("key_path")
        or ("anon" if extra.get("anon") else None),
        "project": extra.get("project"),
        "endpoint_url": extra.get("endpoint_url"),
    }
    if isinstance(options["token"], str) and options["token"].startswith("{"):
        import json

        options["token"] = json.loads(options["token"])
    return {name: value for name, value in options.items() if value}
