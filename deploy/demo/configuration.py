"""The configuration of the demo installation: its settings, its secrets and its environment."""

from __future__ import annotations

import base64
import configparser
import io
import json
import os
import secrets
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType

from demo.layout import Layout, read_json, write_private

AUTH_MANAGER = "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager"
USER = "admin"

# A file dropped into dags/ must be there within 30 s: refresh (15 s) + check (5 s) + parsing.
REFRESH_SECONDS = 15

# Variables of the caller that would change the demo behind its configuration file.
_KEPT_AIRFLOW = ("AIRFLOW__CHRONOS__", "AIRFLOW_CONN_", "AIRFLOW_VAR_")
_DROPPED = ("PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "PYTHONHOME", "PYTHONASYNCIODEBUG", "PYTHONDEVMODE")

_WEB_CONFIGURATION = '''"""Flask-AppBuilder's configuration of the demo: accounts live in the database."""

from flask_appbuilder.const import AUTH_DB

AUTH_TYPE = AUTH_DB
# One API server counts the log-in attempts, so its own memory is the right place.
RATELIMIT_STORAGE_URI = "memory://"
'''


@dataclass(frozen=True)
class Secrets:
    """Keys of the installation and the password of its administrator, made once and kept."""

    fernet_key: str
    secret_key: str
    jwt_secret: str
    password: str

    @classmethod
    def load(cls, path: Path) -> Secrets:
        """Return the secrets in ``path``; those that are missing are made and written there (mode 600)."""
        known = read_json(path)
        made = cls(
            fernet_key=known.get("fernet_key") or base64.urlsafe_b64encode(os.urandom(32)).decode(),
            secret_key=known.get("secret_key") or secrets.token_urlsafe(32),
            jwt_secret=known.get("jwt_secret") or secrets.token_urlsafe(64),
            password=known.get("password") or secrets.token_urlsafe(12),
        )
        if asdict(made) != known:
            write_private(path, json.dumps(asdict(made), indent=2) + "\n")
        return made


Changes = Mapping[str, Mapping[str, str]]
_NO_CHANGES: Changes = MappingProxyType({})


@dataclass(frozen=True)
class Address:
    """Where the API server listens, and how it is reached from this machine."""

    host: str
    port: int

    @property
    def public(self) -> str:
        """The address for a person's browser."""
        shown = "localhost" if self.host in ("127.0.0.1", "0.0.0.0", "::", "") else self.host
        return f"http://{shown}:{self.port}"

    @property
    def client_host(self) -> str:
        """The host name for programs on this machine; a number, since a name costs a look-up."""
        return "127.0.0.1" if self.host in ("0.0.0.0", "::", "") else self.host


def options(layout: Layout, address: Address, keys: Secrets) -> dict[str, dict[str, str]]:
    """Return the settings that differ from Airflow's defaults, by section."""
    settings = {
        "core": {
            "dags_folder": str(layout.dags),
            "load_examples": "False",
            "executor": "LocalExecutor",
            "auth_manager": AUTH_MANAGER,
            "fernet_key": keys.fernet_key,
            # Two cores are the smallest machine: more slots make every step slower, fewer leave waits unused.
            "parallelism": "8",
            "max_active_tasks_per_dag": "8",
            "dags_are_paused_at_creation": "False",
            "max_map_length": "20000",
            "execution_api_server_url": f"http://{address.client_host}:{address.port}/execution/",
            # The default asks the name service for the full name, which can take seconds.
            "hostname_callable": "socket.gethostname",
            # The one user of the demo is its administrator, on a loopback address.
            "test_connection": "Enabled",
        },
        "database": {
            # Writers wait for one another instead of failing after SQLite's 5 s.
            "sql_alchemy_conn": f"sqlite:///{layout.database}?timeout=30",
        },
        "api": {
            "host": address.host,
            "port": str(address.port),
            "base_url": address.public,
            "workers": "1",
            "instance_name": "CHRONOS demo",
            "secret_key": keys.secret_key,
        },
        "api_auth": {"jwt_secret": keys.jwt_secret},
        "fab": {"config_file": str(layout.web_configuration)},
        "scheduler": {
            # The scheduler refills the slots once a loop, so its sleep is the pace of short steps.
            "scheduler_idle_sleep_time": "0.25",
        },
        "dag_processor": {
            "refresh_interval": str(REFRESH_SECONDS),
            "parsing_processes": "1",
            "print_stats_interval": "600",
        },
        "logging": {
            "base_log_folder": str(layout.logs),
            "dag_processor_child_process_log_directory": str(layout.logs / "dag_processor"),
            "uvicorn_logging_level": "WARNING",
            "colored_console_log": "False",
        },
        "metrics": {"statsd_on": "False", "otel_on": "False"},
        "traces": {"otel_on": "False"},
    }
    if sys.platform == "linux" and sys.version_info >= (3, 14):
        # Workers of a fork server would each import Airflow again.
        settings["core"]["mp_start_method"] = "fork"
    return settings


def write(layout: Layout, address: Address, keys: Secrets, changes: Changes = _NO_CHANGES) -> None:
    """Write Airflow's and Flask-AppBuilder's configuration; both hold secrets, so mode 600.

    Args:
        changes: Settings over the demo's own, by section.
    """
    parser = configparser.RawConfigParser()
    settings = options(layout, address, keys)
    for section, changed in changes.items():
        settings[section] = {**settings.get(section, {}), **changed}
    for section, values in settings.items():
        # Airflow's parser interpolates.
        parser[section] = {name: value.replace("%", "%%") for name, value in values.items()}
    text = io.StringIO()
    text.write("# Written by the demo at every start; changes here are lost.\n\n")
    parser.write(text)
    write_private(layout.configuration, text.getvalue())
    if not layout.web_configuration.exists():
        write_private(layout.web_configuration, _WEB_CONFIGURATION)


def environment(layout: Layout, inherited: dict[str, str]) -> dict[str, str]:
    """Return the environment of the components.

    The configuration file alone decides; of the caller's ``AIRFLOW…`` variables only CHRONOS's options,
    connections and variables are passed on.
    """
    kept = {
        name: value
        for name, value in inherited.items()
        if name not in _DROPPED and (not name.startswith("AIRFLOW_") or name.startswith(_KEPT_AIRFLOW))
    }
    # The components talk to one another on this machine; a proxy would not find them.
    local = {entry for entry in kept.get("NO_PROXY", kept.get("no_proxy", "")).split(",") if entry}
    bypass = ",".join(sorted(local | {"127.0.0.1", "localhost"}))
    kept.update(
        AIRFLOW_HOME=str(layout.home),
        AIRFLOW_CONFIG=str(layout.configuration),
        NO_PROXY=bypass,
        no_proxy=bypass,
        PYTHONUNBUFFERED="1",
        # The tools of the workflows are found where CHRONOS is installed.
        PATH=os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", os.defpath)]),
    )
    return kept
