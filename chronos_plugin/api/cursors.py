"""Cursors of pages as clients see them: words without a meaning of their own."""

from __future__ import annotations

import base64
import binascii

from chronos_plugin.errors import InputInvalid


def encoded(kind: str, cursor: str | None) -> str | None:
    """Return a cursor for clients.

    Args:
        kind: Of list; a cursor of another is refused.
    """
    if cursor is None:
        return None
    return base64.urlsafe_b64encode(f"{kind}:{cursor}".encode()).decode().rstrip("=")


def decoded(kind: str, cursor: str | None) -> str | None:
    """Return what a client's cursor stands for.

    Raises:
        InputInvalid: If it is none, or one of another list.
    """
    if not cursor:
        return None
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise InputInvalid("this is no cursor: take `next` of the page before") from error
    found, _, value = text.partition(":")
    if found != kind or not value:
        raise InputInvalid("this is a cursor of another list: take `next` of the page before")
    return value
