"""The commands under ``airflow chronos data``: names, arguments, help."""

from __future__ import annotations

from airflow.cli.cli_config import ActionCommand, Arg, CLICommand, GroupCommand, lazy_load_command

_JSON = Arg(("--json",), help="print JSON", action="store_true")


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
                    _command("list", "List the fetched files that are kept", "cache list", _JSON),
                    _command(
                        "evict",
                        "Remove fetched files that nothing uses, the longest unused first",
                        "cache evict --size 0",
                        size,
                        dry_run,
                        _JSON,
                    ),
                ],
            ),
            _command("stat", "Ask a storage for a file", "stat s3://products/orbit.nc", uri, _JSON),
            _command(
                "copy",
                "Copy between storages, or from or to a file here; checked at the end",
                "copy davs://a.example.org/x.nc davs://b.example.org/x.nc",
                Arg(("source",), metavar="SOURCE", help="URI, or path"),
                Arg(("target",), metavar="TARGET", help="URI, or path"),
                _JSON,
            ),
        ],
    )
    return [group]


def _command(name: str, help_text: str, example: str, *arguments: Arg) -> ActionCommand:
    return ActionCommand(
        name=name,
        help=help_text,
        description=f"{help_text}. For example: airflow chronos data {example}",
        func=lazy_load_command(f"chronos_plugin.cli.transfers.{name}"),
        args=arguments,
    )
