"""The commands under ``airflow chronos data``: names, arguments, help."""

from __future__ import annotations

from airflow.cli.cli_config import ActionCommand, Arg, CLICommand, GroupCommand

from chronos_plugin.cli.command import JSON, command


def commands() -> list[CLICommand]:
    """Return the group ``data``."""
    dry_run = Arg(("--dry-run",), help="show what would go, and remove nothing", action="store_true")
    size = Arg(("--size",), metavar="MIB", type=int, help="MiB to keep (default: option data_cache_size)")
    uri = Arg(("uri",), metavar="URI", help="file or folder of a storage")
    group = GroupCommand(
        name="data",
        help="Look at storages, and at the cache of fetched files",
        subcommands=[
            GroupCommand(
                name="cache",
                help="The cache of fetched files",
                subcommands=[
                    _command("list", "List the fetched files that are kept", "cache list", JSON),
                    _command(
                        "evict",
                        "Remove fetched files that nothing uses, the longest unused first",
                        "cache evict --size 0",
                        size,
                        dry_run,
                        JSON,
                    ),
                ],
            ),
            _command("stat", "Ask a storage for a file", "stat s3://products/orbit.nc", uri, JSON),
            _command(
                "copy",
                "Copy between storages, or from or to a file here; checked at the end",
                "copy davs://a.example.org/x.nc davs://b.example.org/x.nc",
                Arg(("source",), metavar="SOURCE", help="URI, or path"),
                Arg(("target",), metavar="TARGET", help="URI, or path"),
                JSON,
            ),
        ],
    )
    return [group]


def _command(name: str, help_text: str, example: str, *arguments: Arg) -> ActionCommand:
    return command(
        name, help_text, f"transfers.{name}", *arguments, example=f"airflow chronos data {example}"
    )
