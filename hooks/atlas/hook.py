"""The Airflow hook for connections of the type ``chronos_atlas``."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseHook

from chronos_plugin.errors import ChronosError
from chronos_plugin.hooks.atlas.client import AtlasClient
from chronos_plugin.hooks.atlas.connection import CONNECTION, CONNECTION_TYPE, DEFAULT_CONNECTION, PORT
from chronos_plugin.hooks.atlas.sink import AtlasSink
from chronos_plugin.hooks.receiver import receiver_of


class AtlasHook(BaseHook):
    """Gives a client of an Apache Atlas.

    Args:
        atlas_conn_id: Id of the connection.
    """

    conn_name_attr = "atlas_conn_id"
    default_conn_name = DEFAULT_CONNECTION
    conn_type = CONNECTION_TYPE
    hook_name = str(CONNECTION["hook-name"])

    def __init__(self, atlas_conn_id: str = DEFAULT_CONNECTION, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.atlas_conn_id = atlas_conn_id

    def get_conn(self) -> AtlasClient:
        """Return a client.

        Raises:
            SettingInvalid: If the connection cannot be understood.
        """
        connection = self.get_connection(self.atlas_conn_id)
        host = connection.host or ""
        # Whoever writes a whole address means its port.
        return AtlasClient(receiver_of(connection, port=None if "://" in host else PORT))

    def sink(self, instance: str) -> AtlasSink:
        """Return where the exporter delivers to."""
        return AtlasSink(self.get_conn(), instance)

    def test_connection(self) -> tuple[bool, str]:
        """Ask for its state and version."""
        try:
            client = self.get_conn()
            try:
                state, version = client.status(), client.version()
            finally:
                client.close()
        except ChronosError as error:
            return False, str(error)
        return state == "ACTIVE", f"Apache Atlas {version} is {state}"
