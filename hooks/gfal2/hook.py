"""The Airflow hook of grid storages; its Test button asks gfal2, and the storage where one is named."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow.sdk import BaseHook

from chronos_plugin import settings
from chronos_plugin.errors import ChronosError
from chronos_plugin.hooks.gfal2.connection import CONNECTION_TYPE, DEFAULT_CONNECTION, transport_options

if TYPE_CHECKING:
    from chronos_plugin.data.gfal2 import Gfal2Transport


class Gfal2Hook(BaseHook):
    """Access to grid storages with one set of credentials.

    Args:
        gfal2_conn_id: Id of a connection of type ``chronos_gfal2``.
    """

    conn_name_attr = "gfal2_conn_id"
    default_conn_name = DEFAULT_CONNECTION
    conn_type = CONNECTION_TYPE
    hook_name = "CHRONOS gfal2"

    def __init__(self, gfal2_conn_id: str = DEFAULT_CONNECTION) -> None:
        super().__init__()
        self.gfal2_conn_id = gfal2_conn_id

    @contextmanager
    def transport(self) -> Iterator[Gfal2Transport]:
        """Give the transport with the connection's credentials; its helpers end with the block."""
        from chronos_plugin.data.gfal2 import Gfal2Transport

        configured = settings.load()
        options = transport_options(self.get_connection(self.gfal2_conn_id))
        transport = Gfal2Transport(lambda _: options, configured.data_timeout, configured.gfal2_python)
        try:
            yield transport
        finally:
            transport.close()

    def test_connection(self) -> tuple[bool, str]:
        """Try the connection (the Test button): gfal2 itself, and the connection's URI."""
        from chronos_plugin.data.location import parse
        from chronos_plugin.data.schemes import GFAL2

        try:
            with self.transport() as transport:
                found = transport.hello()
                said = f"gfal2 {found['version']} with {', '.join(found['plugins'])}"
                uri = self.get_connection(self.gfal2_conn_id).host
                if not uri:
                    return True, f"{said}; no URI is given, so no storage was asked"
                location = parse(uri)
                if location.transport != GFAL2:
                    return False, f"{location.shown}: gfal2 is for root, dav, davs, srm and gsiftp URIs"
                status = transport.stat(location)
        except ChronosError as error:
            return False, str(error)
        kind = "a folder" if status.directory else f"a file of {status.size} bytes"
        return True, f"{said}; {location.shown} is {kind}"
