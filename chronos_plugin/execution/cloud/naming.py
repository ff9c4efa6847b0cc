"""Names and labels by which CHRONOS finds again what it made in a cloud."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Mapping

PREFIX = "chronos-"
OWNER_LABEL = "chronos-owner"
EXPIRES_LABEL = "chronos-expires"
LABELS = (OWNER_LABEL, EXPIRES_LABEL)

MAX_NAME = 40
"""Names become host names: letters, digits and hyphens, this many."""

_TARGET, _RUN = "target", "run"


def resource_name(owner: str, purpose: str) -> str:
    """Return the one name of a resource for ``owner`` and ``purpose``: always the same, never another's."""
    words = re.sub(r"[^a-z0-9]+", "-", purpose.lower()).strip("-")
    digest = hashlib.sha256(f"{owner}\0{purpose}".encode()).hexdigest()[:10]
    room = MAX_NAME - len(PREFIX) - len(digest) - 1
    stem = words[:room].strip("-")
    return f"{PREFIX}{stem}-{digest}" if stem else f"{PREFIX}{digest}"


def request_id(*parts: object) -> str:
    """Return the id of a request that is told apart by ``parts``."""
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:40]


def run_owner(dag_id: str, run_id: str) -> str:
    """Return the owner text of a DAG run."""
    return f"{_RUN}:{dag_id}:{run_id}"


def target_owner(target: str) -> str:
    """Return the owner text of an execution target."""
    return f"{_TARGET}:{target}"


def split_owner(owner: str) -> tuple[str, ...]:
    """Return ``("run", dag_id, run_id)``, ``("target", name)``, or nothing."""
    kind, _, rest = owner.partition(":")
    if kind == _RUN and ":" in rest:
        return (_RUN, *rest.split(":", 1))
    return (_TARGET, rest) if kind == _TARGET and rest else ()


def owner_mark(owner: str) -> str:
    """Return the label value that stands for an owner: short, without special characters."""
    return hashlib.sha256(owner.encode()).hexdigest()[:16]


def labels_for(owner: str, expires: float | None) -> dict[str, str]:
    """Return the labels to bind to a resource."""
    return {OWNER_LABEL: owner_mark(owner), EXPIRES_LABEL: str(int(expires)) if expires else "never"}


def is_ours(name: str, labels: Mapping[str, str]) -> bool:
    """Return whether a resource was made by CHRONOS, by its name or labels."""
    return name.startswith(PREFIX) or OWNER_LABEL in labels


def has_expired(labels: Mapping[str, str], now: float | None = None) -> bool:
    """Return whether a resource's own label says that its time is over."""
    text = labels.get(EXPIRES_LABEL, "")
    return text.isdigit() and int(text) < (time.time() if now is None else now)
