"""Where a file lies: a URI, and which transport reaches it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from urllib.parse import quote, unquote, urlsplit

from chronos_plugin.data.schemes import ALIASES, OBJECTS, SCHEMES
from chronos_plugin.errors import InputInvalid

# What may stand in a path or query as it is (RFC 3986); an escape is kept.
_SAFE = "/:@!$&'()*+,;=-._~%"


@dataclass(frozen=True)
class Location:
    """A place that a transport reaches.

    Attributes:
        scheme: One of :data:`SCHEMES`.
        authority: Host with port, or bucket.
        path: From the first slash on, percent-encoded; empty for the root.
        query: Without the question mark, percent-encoded; empty for none.
    """

    scheme: str
    authority: str
    path: str
    query: str = ""

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path}" + (f"?{self.query}" if self.query else "")

    @property
    def transport(self) -> str:
        """The transport that reaches the place."""
        return SCHEMES[self.scheme]

    @property
    def name(self) -> str:
        """The last part of the path, decoded; empty for the root."""
        return unquote(self.path.rstrip("/").rpartition("/")[2])

    @property
    def key(self) -> str:
        """The path as an object store names it: decoded, without the first slash."""
        return unquote(self.path.removeprefix("/"))

    @property
    def shown(self) -> str:
        """The URI for messages: a query may hold a signature, so it is left out."""
        return str(replace(self, query="")) + ("?…" if self.query else "")

    def parent(self) -> Location:
        """Return the folder that holds this one, without a query."""
        return replace(self, path=self.path.rstrip("/").rpartition("/")[0], query="")

    def child(self, name: str) -> Location:
        """Return the entry ``name`` (decoded, may hold slashes) of this folder."""
        return replace(self, path=f"{self.path.rstrip('/')}/{quote(name, safe='/~')}", query="")

    def within(self, prefix: str) -> bool:
        """Return whether this is ``prefix`` or lies below it, part by part."""
        text, prefix = str(replace(self, query="")), prefix.rstrip("/")
        return text == prefix or text.startswith(prefix + "/")


def parse(text: str) -> Location:
    """Return the place that a URI names; spaces and other raw characters are escaped.

    Raises:
        InputInvalid: If no transport knows the scheme, or the URI has no host or bucket, a password, a
            fragment, or ``..`` in its path.
    """
    scheme = text.partition(":")[0].lower()
    scheme = ALIASES.get(scheme, scheme)
    if scheme not in SCHEMES:
        raise InputInvalid(f"{text}: no transport for '{scheme}:'; there are {', '.join(sorted(SCHEMES))}")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise InputInvalid(f"{text}: this is no URI: {error}") from error
    if "@" in parts.netloc:
        raise InputInvalid(
            f"{scheme}://…@{parts.netloc.rpartition('@')[2]}: no user or password in a URI, it would be "
            "written into logs: name a connection in option data_connections of [chronos]"
        )
    if not host or not _plain(parts.netloc):
        raise InputInvalid(f"{text}: the URI names no host or bucket")
    if parts.fragment or text.endswith("#"):
        raise InputInvalid(f"{text}: write a # in a file's name as %23")
    if ".." in unquote(parts.path).split("/"):
        raise InputInvalid(f"{text}: write the path without '..'")
    authority = parts.netloc if SCHEMES[scheme] == OBJECTS else _authority(host, port)
    return Location(scheme, authority, _escaped(parts.path), _escaped(parts.query, more="?"))


def _plain(authority: str) -> bool:
    return re.fullmatch(r"[^\s/?#\\%<>\"'|`^{}\x00-\x1f\x7f]+", authority) is not None


def _authority(host: str, port: int | None) -> str:
    name = f"[{host}]" if ":" in host else host
    return name if port is None else f"{name}:{port}"


def _escaped(text: str, *, more: str = "") -> str:
    """Escape what may not stand in a URI; a ``%`` that begins no escape is a percent sign."""
    return quote(re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", text), safe=_SAFE + more)
