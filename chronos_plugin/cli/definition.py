"""The commands under ``airflow chronos``: names, arguments, help; the work is imported when one runs."""

from __future__ import annotations

from airflow.cli.cli_config import CLICommand


def get_commands() -> list[CLICommand]:
    """Return the command group (called by Airflow for each ``airflow`` command line)."""
    return []
