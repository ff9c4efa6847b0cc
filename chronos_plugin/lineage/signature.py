"""Error signatures: what errors of one kind have in common, so that they can be counted."""

from __future__ import annotations

import re
from functools import lru_cache

_LONGEST = 160
_PATH = re.compile(r"(?:[a-z]+://)?(?:/[\w.@%+~:-]+){2,}/?")
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_NUMBER = re.compile(r"\b0x[0-9a-f]+\b|\b[0-9a-f]{8,}\b|\d+", re.IGNORECASE)
_SIGNIFICANT = re.compile(r"exit code (-?\d+)|signal (\d+)")


@lru_cache(maxsize=1024)
def signature(message: str) -> str:
    """Return the first line of a message without what differs from case to case.

    Paths, quoted texts and numbers give way to ``…``; exit codes and signals stay, since they tell causes
    apart.
    """
    line = next((line.strip() for line in message.splitlines() if line.strip()), "")
    kept = [match.group() for match in _SIGNIFICANT.finditer(line)]
    parts = _SIGNIFICANT.sub("\0", line).split("\0")
    short = [_NUMBER.sub("…", _QUOTED.sub("…", _PATH.sub("…", part))) for part in parts]
    text = short[0] + "".join(k + s for k, s in zip(kept, short[1:], strict=True))
    return text[:_LONGEST]
