"""The commands of the exports: names, arguments, help; the work is imported when one runs."""

from __future__ import annotations

from airflow.cli.cli_config import ActionCommand, Arg, GroupCommand

from chronos_plugin.cli.command import JSON, command

DRY_RUN = Arg(("--dry-run",), help="tell what would be done, and change nothing", action="store_true")
WHICH = (
    Arg(("--since",), metavar="DATE", help="runs that began at this moment or later"),
    Arg(("--until",), metavar="DATE", help="and before this one"),
    Arg(("--workflow",), help="only of this workflow"),
    Arg(("--all",), help="of all times", action="store_true"),
)
_NAME = Arg(("name",), metavar="EXPORTER", help="openlineage or atlas")
FORMATS = ("ro-crate", "prov-json", "prov-n")


def commands() -> list[ActionCommand | GroupCommand]:
    """Return the commands of the exports, for the group ``chronos``."""
    return [
        command(
            "provenance",
            "Export how a run went, or how a product was made",
            "provenance.provenance",
            Arg(
                ("subject",), metavar="RUN|DATASET", help="id of a run; or a dataset's id, path, URI or name"
            ),
            Arg(("-o", "--output"), metavar="FILE", help="write to a file (ro-crate: needed, a zip)"),
            Arg(("--format",), choices=FORMATS, help="default: by the name given with -o, else prov-n"),
            Arg(("--depth",), type=int, default=20, metavar="N", help="of a product: runs to go back"),
            Arg(("--limit",), type=int, default=20_000, metavar="N", help="runs at most (default: 20000)"),
            Arg(("--with-data",), help="copy the files into the crate", action="store_true"),
            Arg(
                ("--max-size",),
                type=int,
                default=1024,
                metavar="MIB",
                help="refuse to copy more than this (default: 1024)",
            ),
            Arg(("--license",), default="", metavar="URL", help="licence of the crate, URL or words"),
            Arg(("--dry-run",), help="tell what would be in it, and write nothing", action="store_true"),
            Arg(("--quiet",), help="no progress", action="store_true"),
            JSON,
            example="airflow chronos provenance 01a210f5-d4fd-7a6d-a38b-7e8060278f18 -o crate.zip",
        ),
        command(
            "exporter",
            "Deliver the history to other systems, as a service",
            "exporting.exporter",
            Arg(("--once",), help="deliver what is due now, and end", action="store_true"),
            JSON,
            example="airflow chronos exporter",
        ),
        GroupCommand(
            name="exports", help="What waits to be delivered to other systems", subcommands=_outbox()
        ),
        GroupCommand(name="atlas", help="The history in Apache Atlas", subcommands=_atlas()),
    ]


def _atlas() -> list[ActionCommand]:
    def made(name: str, text: str, *arguments: Arg, example: str = "") -> ActionCommand:
        words = f"airflow chronos atlas {name} {example}".strip()
        return command(name, text, f"atlas.{name}", *arguments, JSON, example=words)

    return [
        made("init", "Make the types in Atlas, or add what they lack", DRY_RUN, example="--dry-run"),
        made("status", "Show how Atlas and the exporter to it do; status 1 if one does not"),
        made("replay", "Have runs of the history told to Atlas", *WHICH, DRY_RUN, example="--all --dry-run"),
        made(
            "verify",
            "Compare the history with Atlas; status 1 if it lacks runs",
            *WHICH,
            Arg(("--limit",), type=int, default=10_000, metavar="N", help="runs at most (default: 10000)"),
            Arg(("--repair",), help="have those told that lack", action="store_true"),
            example="--since 2026-03-01",
        ),
    ]


def _outbox() -> list[ActionCommand]:
    return [
        _command("status", "Show how the exporters do; status 1 if one does not", "exporting.status", JSON),
        _command(
            "dead",
            "List what a receiver will not take",
            "exporting.dead",
            _NAME,
            Arg(("--limit",), type=int, default=50, metavar="N", help="entries at most (default: 50)"),
            JSON,
            example="openlineage",
        ),
        _command(
            "retry",
            "Have dead entries delivered again",
            "exporting.retry",
            _NAME,
            Arg(("ids",), metavar="ENTRY", nargs="*", type=int, help="default: all"),
            JSON,
            example="openlineage",
        ),
        _command(
            "drop",
            "Remove dead entries, or all",
            "exporting.drop",
            _NAME,
            Arg(("--all",), help="those that wait, too", action="store_true"),
            DRY_RUN,
            JSON,
            example="openlineage --dry-run",
        ),
        _command(
            "replay",
            "Have runs of the history delivered, again or for the first time",
            "exporting.replay",
            _NAME,
            *WHICH,
            DRY_RUN,
            JSON,
            example="openlineage --since 2026-03-01 --dry-run",
        ),
    ]


def _command(name: str, help_text: str, function: str, *arguments: Arg, example: str = "") -> ActionCommand:
    words = f"airflow chronos exports {name} {example}".strip()
    return command(name, help_text, function, *arguments, example=words)
