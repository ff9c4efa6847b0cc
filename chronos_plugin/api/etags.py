"""Entity tags: what has not changed since a client asked last is not sent again."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_MOST = 4 << 20
"""Bytes of an answer that is worth it."""


class EntityTags:
    """Tags the JSON answers to GET, and answers 304 to those who have them."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["method"] != "GET":
            await self.app(scope, receive, send)
            return
        wanted = Headers(scope=scope).get("if-none-match", "")
        start: Message | None = None

        async def tagging(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
                return
            if start is not None:
                whole = not message.get("more_body") and len(message.get("body", b"")) <= _MOST
                unchanged = whole and _tag(start, message.get("body", b""), wanted)
                await send(start)
                start = None
                if unchanged:
                    message = {"type": "http.response.body", "body": b""}
            await send(message)

        await self.app(scope, receive, tagging)


def _tag(start: Message, body: bytes, wanted: str) -> bool:
    """Tag a good answer; make it a 304 where the client has it. Return whether it has."""
    headers = MutableHeaders(raw=start["headers"])
    if start["status"] != 200 or "json" not in headers.get("content-type", ""):
        return False
    tag = f'W/"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers["etag"] = tag
    # Answers are one person's: a proxy must not keep them, a browser asks before it shows them again.
    headers["cache-control"] = "private, no-cache"
    headers.add_vary_header("Authorization, Cookie")
    known = {part.strip().removeprefix("W/") for part in wanted.split(",")}
    if wanted.strip() != "*" and tag.removeprefix("W/") not in known:
        start["headers"] = headers.raw
        return False
    del headers["content-length"]
    start["status"] = 304
    start["headers"] = headers.raw
    return True
