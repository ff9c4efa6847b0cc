"""What a SafeScale message may show: its values without the private keys and passwords that it carries.

Messages themselves never leave the client: their text form prints every field. What leaves it went through
:func:`public`, so that no log, XCom or store can hold a secret, whatever prints it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from google.protobuf.message import Message

_SECRET_FIELD = re.compile(
    r"private_?key|password|passphrase|secret|credential|token|access_key|api_key", re.I
)
_SECRET_TYPES = frozenset({"SshConfig", "TenantIdentity", "TenantInspectResponse"})
_PEM = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(-----END [A-Z0-9 ]*PRIVATE KEY-----|\Z)", re.S)
_ASSIGNED = re.compile(
    r"""\b((?:admin_?)?password|passphrase|private_?key|secret(?:_?key)?)(["']?\s*[:=]\s*["']?)([^\s"']+)""",
    re.I,
)
HIDDEN = "(hidden)"


def public(message: Message) -> dict[str, Any]:
    """Return a message's set fields as plain values; enums by name, secrets left out at every depth."""
    shown: dict[str, Any] = {}
    for field, value in message.ListFields():
        if _SECRET_FIELD.search(field.name) or _secret_type(field):
            continue
        shown[field.name] = _plain(field, value)
    pairs = shown.get("kvs")
    if pairs:
        # Free key-value pairs of the cloud: their keys are names of fields, too.
        shown["kvs"] = [pair for pair in pairs if not _SECRET_FIELD.search(str(pair.get("key", "")))]
    return shown


def scrub(text: str) -> str:
    """Return a server's words with private keys and ``password=…`` in them hidden."""
    return _ASSIGNED.sub(rf"\1\2{HIDDEN}", hide_keys(text))


def hide_keys(text: str) -> str:
    """Return a text with the private keys in it hidden."""
    return _PEM.sub(HIDDEN, text)


def _plain(field: Any, value: Any) -> Any:
    if _is_map(field):
        return {str(k): v for k, v in value.items() if not _SECRET_FIELD.search(str(k))}
    if field.is_repeated:
        return [_one(field, item) for item in value]
    return _one(field, value)


def _one(field: Any, value: Any) -> Any:
    if field.message_type is not None:
        return public(value)
    if field.enum_type is not None:
        known = field.enum_type.values_by_number.get(value)
        return known.name if known else int(value)
    return value


def _is_map(field: Any) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def _secret_type(field: Any) -> bool:
    return field.message_type is not None and field.message_type.name in _SECRET_TYPES
