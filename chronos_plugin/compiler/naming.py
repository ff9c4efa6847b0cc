"""From CWL ids to Airflow's: legal, readable, and never two things under one name."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

_ILLEGAL = re.compile(r"[^A-Za-z0-9_-]+")
_ILLEGAL_IN_DAG_ID = re.compile(r"[^A-Za-z0-9_.-]+")
MAX_LENGTH = 250
"""Airflow's limit on DAG and task ids."""


def short_name(uri: str) -> str:
    """Return the last part of a CWL id: ``file:///a.cwl#main/step/out`` gives ``out``."""
    _, _, fragment = uri.partition("#")
    return (fragment or uri).rsplit("/", 1)[-1]


class TaskNames:
    """Gives each step an id; the same steps in the same order get the same ids.

    Characters that Airflow does not allow become ``_`` (dots too: they join groups). A name that is
    taken gets a number.
    """

    def __init__(self, reserved: tuple[str, ...] = ()) -> None:
        self._taken = set(reserved)

    def take(self, name: str, group: str | None) -> str:
        """Return a free id for ``name`` inside ``group``."""
        prefix = f"{group}." if group else ""
        legal = _ILLEGAL.sub("_", name) or "step"
        base = (prefix + legal)[: MAX_LENGTH - 12]
        candidate, number = base, 2
        # A step's own scatter task takes ``<id>.scatter``; both must be free.
        while candidate in self._taken or f"{candidate}.scatter" in self._taken:
            candidate, number = f"{base}_{number}", number + 1
        self._taken.update((candidate, f"{candidate}.scatter"))
        return candidate


def dag_id(relative_path: str, document_name: str = "") -> str:
    """Return the DAG id of a document.

    Args:
        relative_path: The file's path inside its bundle, with forward slashes.
        document_name: The id that the process gives itself; ``main`` says nothing and is ignored.

    Returns:
        The document's own name if it has one, else the path without suffix, its folders joined by dots.
    """
    name = document_name.rsplit("/", 1)[-1]
    if not name or name == "main":
        name = ".".join(PurePosixPath(relative_path).with_suffix("").parts)
    return _ILLEGAL_IN_DAG_ID.sub("_", name)[:MAX_LENGTH]
