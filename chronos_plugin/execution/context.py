"""The execution context: what an execution was, where and with what it ran, kept after its node is gone.

::

    state/STEP[@N]/context/TRY.json

A file is written when a try starts and completed when it ends. Values of environment variables that look
like secrets are masked before anything is written.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chronos_plugin.execution.store import Key, RunStore, read_json, write_json

FOLDER = "context"
MASK = "***"
_SECRET = re.compile(r"PASS|SECRET|TOKEN|CREDENTIAL|PRIVATE|API_?KEY|ACCESS_?KEY|AUTH", re.IGNORECASE)


def begin(store: RunStore, key: Key, work: Path, **known: Any) -> None:
    """Keep what is known of a try when it starts.

    Args:
        work: Its work directory, whose name ends in the number of the try.
        known: ``target``, ``why``, ``command``, ``environment``, ``image``, ``asked`` (resources), ``job``,
            ``airflow_try`` …
    """
    environment = known.pop("environment", None)
    if environment is not None:
        known["environment"] = masked(environment)
    value = {"state": "running", "work": str(work), "started": time.time(), **known}
    write_json(_file(store, key, work), value)


def update(store: RunStore, key: Key, work: Path, **more: Any) -> None:
    """Add to what is kept of a try; ``environment`` is masked."""
    if "environment" in more:
        more["environment"] = masked(more["environment"])
    file = _file(store, key, work)
    write_json(file, {**(read_json(file) or {}), **more})


def of(store: RunStore, key: Key) -> dict[int, dict[str, Any]]:
    """Return the contexts of all tries of an execution, by their number."""
    folder = store.folder(key) / FOLDER
    found = {int(file.stem): read_json(file) for file in folder.glob("*.json")}
    return {number: found[number] for number in sorted(found) if found[number] is not None}


def masked(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables, values of those masked whose name says that they are secret."""
    return {k: MASK if _SECRET.search(k) else v for k, v in sorted(environment.items())}


def number_of(work: Path) -> int:
    """Return the number of the try whose work directory is ``work``."""
    return int(work.name.rpartition("-")[2])


def last_lines(file: Path, count: int = 20) -> list[str]:
    """Return the last lines of a text file, none if it is not there."""
    try:
        with open(file, "rb") as stream:
            stream.seek(0, 2)
            stream.seek(max(0, stream.tell() - 16384))
            return stream.read().decode(errors="replace").splitlines()[-count:]
    except OSError:
        return []


def _file(store: RunStore, key: Key, work: Path) -> Path:
    return store.folder(key) / FOLDER / f"{number_of(work)}.json"
