"""The commands of the exports: names, arguments, help; the work is imported when one runs."""

from __future__ import annotations

from airflow.cli.cli_config import ActionCommand, Arg, GroupCommand

from chronos_plugin.cli.command import JSON, command

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
    ]
