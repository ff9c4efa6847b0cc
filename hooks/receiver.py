"""Receivers of exports over HTTP: what their Airflow connections say, and what their answers mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chronos_plugin.errors import ExportFailed, SettingInvalid

if TYPE_CHECKING:
    import httpx

_AWAY = (401, 403, 404, 407, 408, 425, 429, 502, 503, 504)
"""Not about what was sent: an entry must not be given up because somebody has to mend the receiver."""
_SHOWN = 300


@dataclass(frozen=True)
class Receiver:
    """What a connection says.

    Attributes:
        url: Base address, without a slash at its end.
        token: Sent as a bearer token where there is no login.
        verify: Whether certificates are checked, or the file of authorities to check them by.
        timeout: Seconds for an answer.
    """

    url: str
    login: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    verify: bool | str = True
    timeout: float = 30.0


FIELDS: dict[str, Any] = {
    "ca_file": {
        "label": "CA file",
        "description": "Certificate authorities (https).",
        "schema": {"type": ["string", "null"]},
    },
    "verify": {
        "label": "Verify certificates",
        "description": "False: trust any certificate.",
        "schema": {"type": ["boolean", "null"], "default": True},
    },
    "timeout": {
        "label": "Timeout",
        "description": "Seconds for an answer.",
        "schema": {"type": ["number", "null"], "default": 30},
    },
}
"""Fields that the forms of receivers share."""


def receiver_of(connection: Any, *, port: int | None = None) -> Receiver:
    """Return what an Airflow connection says of a receiver.

    Args:
        port: Where the connection names none.

    Raises:
        SettingInvalid: If it cannot be understood; the message names the connection, and no secret.
    """
    extra = connection.extra_dejson
    host, scheme = (connection.host or "").strip().rstrip("/"), (connection.schema or "http").lower()
    if not host:
        raise SettingInvalid(f"connection {connection.conn_id}: it names no host")
    if "://" not in host:
        if scheme not in ("http", "https"):
            raise SettingInvalid(f"connection {connection.conn_id}: scheme {scheme!r}: write http or https")
        number = connection.port or port
        host = f"{scheme}://{host}" + (f":{number}" if number else "")
    try:
        timeout = float(extra.get("timeout") or 30)
    except (TypeError, ValueError) as error:
        raise SettingInvalid(f"connection {connection.conn_id}: timeout: write seconds") from error
    verify = extra.get("ca_file") or str(extra.get("verify", True)).lower() != "false"
    login, secret = connection.login or "", connection.password or ""
    return Receiver(host, login, secret if login else "", "" if login else secret, verify, timeout)


def client(receiver: Receiver) -> httpx.Client:
    """Return an HTTP client for a receiver; it keeps its connections."""
    import httpx

    headers = {"Authorization": f"Bearer {receiver.token}"} if receiver.token else {}
    auth = httpx.BasicAuth(receiver.login, receiver.password) if receiver.login else None
    return httpx.Client(
        base_url=receiver.url, headers=headers, auth=auth, verify=_context(receiver), timeout=receiver.timeout
    )


def ask(http: httpx.Client, method: str, path: str, **arguments: Any) -> httpx.Response:
    """Send a request; return any answer that is about what was asked.

    Raises:
        ExportFailed: If there is no answer, or it says that nothing is taken now.
    """
    import httpx

    try:
        answer = http.request(method, path, **arguments)
    except httpx.HTTPError as error:
        raise ExportFailed(f"{http.base_url}: {type(error).__name__}: {error}") from error
    if answer.status_code in _AWAY and not _about_what_was_asked(answer):
        raise ExportFailed(f"{http.base_url}: {said(answer)}", status=answer.status_code)
    return answer


def said(answer: httpx.Response) -> str:
    """Return the status and the first words of an answer."""
    text = " ".join(answer.text.split())[:_SHOWN]
    return f"HTTP {answer.status_code}{f': {text}' if text else ''}"


def _about_what_was_asked(answer: httpx.Response) -> bool:
    """Return whether a 404 comes from the service itself: Atlas names what is not there by a code."""
    if answer.status_code != 404:
        return False
    try:
        value = answer.json()
    except ValueError:
        return False
    return isinstance(value, Mapping) and str(value.get("errorCode", "")).startswith("ATLAS-")


def _context(receiver: Receiver) -> Any:
    if isinstance(receiver.verify, str):
        import ssl

        return ssl.create_default_context(cafile=receiver.verify)
    return receiver.verify
