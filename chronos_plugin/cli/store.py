"""The commands of the store: names, arguments, help; the work is imported when one runs."""

from __future__ import annotations

from airflow.cli.cli_config import ActionCommand, Arg, GroupCommand, lazy_load_command

_JSON = Arg(("--json",), help="print JSON", action="store_true")
_DRY_RUN = Arg(("--dry-run",), help="tell what would be done, and change nothing", action="store_true")


def commands() -> list[ActionCommand | GroupCommand]:
    """Return the commands of the store, for the group ``chronos``."""
    return [
        GroupCommand(
            name="db",
            help="The CHRONOS database",
            subcommands=[
                _command("db init", "Make the tables", "database.upgrade", _DRY_RUN, _JSON),
                _command(
                    "db upgrade", "Bring the tables to this version", "database.upgrade", _DRY_RUN, _JSON
                ),
                _command("db check", "Tell whether the tables are up to date", "database.check", _JSON),
                _command("db stats", "Show the sizes of the tables", "database.stats", _JSON),
            ],
        )
    ]


def _command(name: str, help_text: str, function: str, *arguments: Arg, example: str = "") -> ActionCommand:
    words = f"airflow chronos {name}{f' {example}' if example else ''}"
    return ActionCommand(
        name=name.split()[-1],
        help=help_text,
        description=f"{help_text}. For example: {words}",
        func=lazy_load_command(f"chronos_plugin.cli.{function}"),
        args=arguments,
    )
