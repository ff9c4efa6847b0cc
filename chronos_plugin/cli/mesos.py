"""The commands of Mesos: names, arguments, help; the work is imported when one runs."""

from __future__ import annotations

from airflow.cli.cli_config import ActionCommand, Arg, GroupCommand

from chronos_plugin.cli.command import JSON, command

_CONNECTION = Arg(
    ("--connection",),
    metavar="CONN_ID",
    default="mesos_default",
    help="connection of the type chronos_mesos (default: mesos_default)",
)


def commands() -> list[ActionCommand | GroupCommand]:
    """Return the commands of Mesos, for the group ``chronos``."""
    return [
        GroupCommand(
            name="mesos",
            help="Apache Mesos: the process that holds the framework, and its tasks",
            subcommands=[
                _command(
                    "agent",
                    "Hold the framework: launch tasks and follow their states, until interrupted",
                    "--connection mesos_default",
                    _CONNECTION,
                ),
                _command(
                    "status",
                    "Tell who holds the framework and how it does; status 1 if it is not subscribed",
                    "--json",
                    _CONNECTION,
                    JSON,
                ),
                _command("tasks", "List the tasks that have not ended", "", _CONNECTION, JSON),
                _command(
                    "cancel",
                    "Kill tasks",
                    "airflow-0199c2f4-6a1b-7c3d-8e4f-000000000000",
                    Arg(("tasks",), metavar="TASK", nargs="+", help="ids, as mesos tasks shows them"),
                    _CONNECTION,
                ),
            ],
        )
    ]


def _command(name: str, help_text: str, example: str, *arguments: Arg) -> ActionCommand:
    words = f"airflow chronos mesos {name} {example}".strip()
    return command(name, help_text, f"mesos_framework.{name}", *arguments, example=words)
