"""From CWL ids to Airflow's: legal, readable, and never two things under one name."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from chronos_plugin.errors import CwlUnsupported

_ILLEGAL = re.compile(r"[^A-Za-z0-9_-]+")
_ILLEGAL_IN_DAG_ID = re.compile(r"[^A-Za-z0-9_.-]+")
MAX_LENGTH = 250
"""Airflow's limit on DAG and task ids."""
_RESERVE = len(".scatter") + len("_99999")


def short_name(uri: str) -> str:
    """Return the last part of a CWL id: ``file:///a.cwl#main/step/out`` gives ``out``."""
    _, _, fragment = uri.partition("#")
    return (fragment or uri).rsplit("/", 1)[-1]


class TaskNames:
    """Gives each step an id; the same steps in the same order get the same ids.

    Characters that Airflow does not allow become ``_`` (dots too: they join groups). A long name is cut,
    and one that is taken gets a number.
    """

    def __init__(self, reserved: tuple[str, ...] = ()) -> None:
        self._taken = set(reserved)

    def take(self, name: str, group: str | None) -> str:
        """Return a free id for ``name`` inside ``group``; it begins with the group's id and a dot.

        Raises:
            CwlUnsupported: If groups are nested so deeply that there is no room for it.
        """
        prefix = f"{group}." if group else ""
        room = MAX_LENGTH - _RESERVE - len(prefix)
        if room < 1:
            raise CwlUnsupported(
                f"step `{name}`: its id and those of the steps around it are longer than Airflow's "
                f"{MAX_LENGTH} characters",
                suggestion="give the steps shorter ids",
            )
        # Half of the room is left to the steps inside, should this be a group.
        legal = _ILLEGAL.sub("_", name)[: max(room // 2, min(room, 16))] or "step"
        base = prefix + legal
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
