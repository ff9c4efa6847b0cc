"""The commands of the cloud: names, arguments, help; the work is imported when one runs."""

from __future__ import annotations

from airflow.cli.cli_config import ActionCommand, Arg, GroupCommand

from chronos_plugin.cli.command import JSON, command

_CONNECTION = Arg(
    ("--connection",),
    metavar="ID",
    action="append",
    help="a connection of type chronos_safescale; may be repeated (default: all)",
)


def commands() -> list[ActionCommand | GroupCommand]:
    """Return the commands of the cloud, for the group ``chronos``."""
    return [
        GroupCommand(
            name="cloud",
            help="Cloud resources that CHRONOS makes through SafeScale",
            subcommands=[
                _command("agent", "Run the agent that holds the calls to the cloud", "agent"),
                _command(
                    "status",
                    "Show the agent, requests that have not ended, and targets' clusters",
                    "status",
                    JSON,
                ),
                _command(
                    "check",
                    "Ask a service what it can do, and change nothing",
                    "check",
                    _CONNECTION,
                    JSON,
                ),
                _command(
                    "list",
                    "List resources and who needs them",
                    "list_resources",
                    _CONNECTION,
                    Arg(("--all",), help="list what CHRONOS did not make, too", action="store_true"),
                    JSON,
                ),
                _command(
                    "reap",
                    "Delete resources whose owner is gone or whose time is over",
                    "reap",
                    _CONNECTION,
                    Arg(
                        ("--dry-run",),
                        help="tell what would be deleted, and change nothing",
                        action="store_true",
                    ),
                    Arg(("--yes",), help="do not ask", action="store_true"),
                    Arg(
                        ("--unknown",),
                        help="delete what bears CHRONOS's mark and is unknown here, too",
                        action="store_true",
                    ),
                    JSON,
                ),
                _command(
                    "cancel",
                    "End a request; what is half made is removed",
                    "cancel",
                    Arg(("request",), metavar="REQUEST", help="id of the request"),
                    example="4f1c…",
                ),
            ],
        )
    ]


def _command(name: str, help_text: str, function: str, *arguments: Arg, example: str = "") -> ActionCommand:
    words = f"airflow chronos cloud {name} {example}".strip()
    return command(name, help_text, f"cloud_commands.{function}", *arguments, example=words)
