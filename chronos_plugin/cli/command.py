"""What the tables of commands are made of."""

from __future__ import annotations

from airflow.cli.cli_config import ActionCommand, Arg, lazy_load_command

JSON = Arg(("--json",), help="print JSON", action="store_true")


def command(name: str, help_text: str, function: str, *arguments: Arg, example: str) -> ActionCommand:
    """Return a command whose work is imported when it runs.

    Args:
        name: The last word of what people type.
        help_text: One line, without a full stop.
        function: What runs it: ``module.function`` below ``chronos_plugin.cli``.
        example: A whole command line.
    """
    return ActionCommand(
        name=name,
        help=help_text,
        description=f"{help_text}. For example: {example}",
        func=lazy_load_command(f"chronos_plugin.cli.{function}"),
        args=arguments,
    )
