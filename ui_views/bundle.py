"""The built bundle: where it lies, and what its files are called."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

DIST = Path(__file__).resolve().parent / "dist"
PREFIX = "/chronos/ui"
HOW_TO_BUILD = "make ui"


@dataclass(frozen=True)
class Bundle:
    """What a build made.

    Attributes:
        folder: Holds the files below.
        main: The module with the pages, which takes React from its host.
        boot: The module that is the host where Airflow's pages are not.
        style: The style sheet of both.
    """

    folder: Path
    main: str
    boot: str
    style: str

    def url(self, name: str) -> str:
        """Return a file's address, relative to the root of the API server."""
        return f"{PREFIX.lstrip('/')}/assets/{name}"


def load(folder: Path = DIST) -> Bundle | None:
    """Return the bundle in ``folder``, or None where none was built."""
    try:
        names = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
        return Bundle(folder, main=names["main"], boot=names["boot"], style=names["style"])
    except (OSError, ValueError, KeyError):
        return None
