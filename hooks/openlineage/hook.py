"""The Airflow hook for connections of the type ``chronos_openlineage``."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseHook

from chronos_plugin.errors import ChronosError
from chronos_plugin.hooks.openlineage.connection import CONNECTION, CONNECTION_TYPE, DEFAULT_CONNECTION
from chronos_plugin.hooks.openlineage.sinks import ENDPOINT, HttpSink
from chronos_plugin.hooks.receiver import ask, client, receiver_of, said


class OpenLineageHook(BaseHook):
    """Gives a sink for the events.

    Args:
        openlineage_conn_id: Id of the connection.
    """

    conn_name_attr = "openlineage_conn_id"
    default_conn_name = DEFAULT_CONNECTION
    conn_type = CONNECTION_TYPE
    hook_name = str(CONNECTION["hook-name"])

    def __init__(self, openlineage_conn_id: str = DEFAULT_CONNECTION, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.openlineage_conn_id = openlineage_conn_id

    def get_conn(self) -> HttpSink:
        """Return a sink.

        Raises:
            SettingInvalid: If the connection cannot be understood.
        """
        connection = self.get_connection(self.openlineage_conn_id)
        return HttpSink(receiver_of(connection), self._endpoint(connection))

    def test_connection(self) -> tuple[bool, str]:
        """Post no event: a receiver that refuses that, but knows the address, is well."""
        try:
            connection = self.get_connection(self.openlineage_conn_id)
            with client(receiver_of(connection)) as http:
                answer = ask(http, "POST", self._endpoint(connection), json={})
        except ChronosError as error:
            return False, str(error)
        well = answer.is_success or answer.status_code in (400, 422)
        return well, f"it answers {said(answer)}"

    def _endpoint(self, connection: Any) -> str:
        path = str(connection.extra_dejson.get("endpoint") or ENDPOINT)
        return path if path.startswith("/") else f"/{path}"
