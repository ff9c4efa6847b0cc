"""Airflow connections of the type ``chronos_gfal2``: their form, and what they mean."""

from __future__ import annotations

from typing import Any

from chronos_plugin.errors import SettingInvalid

CONNECTION_TYPE = "chronos_gfal2"
DEFAULT_CONNECTION = "gfal2_default"
_FIELDS = ("x509_proxy", "x509_cert", "x509_key", "ca_directory", "checksum", "streams")
_CHECKSUMS = ("ADLER32", "MD5", "SHA1", "SHA256", "NONE")


def _field(label: str, description: str, kind: str = "string", default: Any = None) -> dict[str, Any]:
    schema = {"type": [kind, "null"], **({"default": default} if default is not None else {})}
    return {"label": label, "description": description, "schema": schema}


CONNECTION: dict[str, Any] = {
    "connection-type": CONNECTION_TYPE,
    "hook-class-name": "chronos_plugin.hooks.gfal2.hook.Gfal2Hook",
    "hook-name": "CHRONOS gfal2",
    "ui-field-behaviour": {
        "hidden-fields": ["schema", "port", "login"],
        "relabeling": {"host": "URI", "password": "Bearer token"},
        "placeholders": {
            "host": "davs://storage.example.org/data (asked by the Test button)",
            "password": "empty: certificate, or no authentication",
        },
    },
    "conn-fields": {
        "x509_proxy": _field("Proxy certificate", "Path on the workers of an X.509 proxy."),
        "x509_cert": _field("Certificate", "Path on the workers of an X.509 certificate."),
        "x509_key": _field("Key", "Path on the workers of the certificate's key."),
        "ca_directory": _field(
            "CA directory", "Path on the workers; default: /etc/grid-security/certificates."
        ),
        "checksum": _field(
            "Checksum",
            "Compared after each transfer: ADLER32, MD5, SHA1, SHA256, or none.",
            default="ADLER32",
        ),
        "streams": _field("Streams", "Parallel streams of a transfer; empty: gfal2's own choice.", "integer"),
        "options": _field("gfal2 options", "Lines GROUP:KEY=VALUE, such as HTTP PLUGIN:INSECURE=true."),
    },
}
"""Of the provider information; its shape is Airflow's ``connection-types``."""


def transport_options(connection: Any) -> dict[str, Any]:
    """Return what :class:`chronos_plugin.data.gfal2.Gfal2Transport` takes, of an Airflow connection.

    Raises:
        SettingInvalid: If a field cannot be understood; the message names it.
    """
    extra = connection.extra_dejson
    options = {name: extra[name] for name in _FIELDS if extra.get(name) not in (None, "")}
    where = f"connection {connection.conn_id}"
    if connection.password:
        options["token"] = connection.password
    if "streams" in options and not str(options["streams"]).isdigit():
        raise SettingInvalid(f"{where}: streams {options['streams']!r}: write a number")
    if str(options.get("checksum", "NONE")).upper() not in _CHECKSUMS:
        raise SettingInvalid(f"{where}: checksum: write one of {', '.join(_CHECKSUMS)}")
    own = extra.get("options") or {}
    options["options"] = _lines(where, own) if isinstance(own, str) else dict(own)
    return options


def _lines(where: str, text: str) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for line in filter(None, map(str.strip, text.replace(";", "\n").splitlines())):
        name, equals, value = line.partition("=")
        if not equals or ":" not in name:
            raise SettingInvalid(f"{where}: gfal2 option {line!r}: write GROUP:KEY=VALUE")
        plain = value.strip()
        words: dict[str, Any] = {"true": True, "false": False}
        result[name.strip()] = words.get(plain.lower(), int(plain) if plain.isdigit() else plain)
    return result
