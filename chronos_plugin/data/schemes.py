"""The schemes of URIs that CHRONOS moves files by; all that a task that moves none needs to know."""

from __future__ import annotations

import re

HTTP = "http"
OBJECTS = "fsspec"
GFAL2 = "gfal2"

SCHEMES = {
    "http": HTTP,
    "https": HTTP,
    "s3": OBJECTS,
    "gs": OBJECTS,
    "root": GFAL2,
    "roots": GFAL2,
    "dav": GFAL2,
    "davs": GFAL2,
    "srm": GFAL2,
    "gsiftp": GFAL2,
}
"""The schemes, and the transport of each."""

ALIASES = {"s3a": "s3", "s3n": "s3", "gcs": "gs", "xroot": "root", "xroots": "roots"}
"""Other names of a scheme."""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")


def is_remote(text: object) -> bool:
    """Return whether a File's ``location`` names a place that a transport reaches."""
    found = _SCHEME.match(text) if isinstance(text, str) else None
    return found is not None and ALIASES.get(found[1].lower(), found[1].lower()) in SCHEMES
