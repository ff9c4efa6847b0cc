"""Where the demo installation keeps its files."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Layout:
    """The folders and files of one demo installation; ``home`` is the ``AIRFLOW_HOME``."""

    checkout: Path
    home: Path

    @classmethod
    def of(cls, checkout: Path, environment: dict[str, str]) -> Layout:
        """Place the state in ``CHRONOS_HOME``, or in ``.chronos`` of the checkout."""
        chosen = environment.get("CHRONOS_HOME", "")
        home = Path(chosen).expanduser() if chosen else checkout / ".chronos"
        return cls(checkout=checkout, home=home.absolute())

    @property
    def dags(self) -> Path:
        """Folder of the workflows."""
        return self.checkout / "dags"

    @property
    def configuration(self) -> Path:
        """Airflow's configuration, written anew at every start."""
        return self.home / "airflow.cfg"

    @property
    def web_configuration(self) -> Path:
        """Flask-AppBuilder's configuration."""
        return self.home / "webserver_config.py"

    @property
    def database(self) -> Path:
        """The SQLite database."""
        return self.home / "airflow.db"

    @property
    def secrets(self) -> Path:
        """Keys and the administrator's password (mode 600)."""
        return self.home / "secrets.json"

    @property
    def database_stamp(self) -> Path:
        """The versions that the database was made for."""
        return self.home / "database.json"

    @property
    def lock(self) -> Path:
        """Held while the installation runs; names the process that runs it."""
        return self.home / "running.json"

    @property
    def logs(self) -> Path:
        """Logs of the components, beside Airflow's logs of the tasks."""
        return self.home / "logs"

    @property
    def outputs(self) -> Path:
        """The last run's CWL output object."""
        return self.home / "outputs.json"

    def make(self) -> None:
        """Create the folders; the state is readable by its owner only."""
        self.home.mkdir(parents=True, exist_ok=True)
        self.home.chmod(0o700)
        self.logs.mkdir(exist_ok=True)


def write_private(path: Path, text: str) -> None:
    """Replace ``path`` by a file with ``text`` that only its owner can read, in one step."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
    draft.replace(path)


def read_json(path: Path) -> dict[str, Any]:
    """Return the JSON object in ``path``; an absent or damaged file counts as empty."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
