"""The commands of the store: names, arguments, help; the work is imported when one runs."""

from __future__ import annotations

from airflow.cli.cli_config import ActionCommand, Arg, GroupCommand

from chronos_plugin.cli.command import JSON, command

_DRY_RUN = Arg(("--dry-run",), help="tell what would be done, and change nothing", action="store_true")
_DATASET = Arg(("dataset",), metavar="DATASET", help="a dataset's id, path, URI or name")
_SINCE = Arg(("--since",), metavar="DATE", help="from this moment on, such as 2026-03-01")
_UNTIL = Arg(("--until",), metavar="DATE", help="before this moment")
_PAGE = (
    Arg(("--limit",), type=int, default=50, metavar="N", help="rows at most (default: 50)"),
    Arg(("--cursor",), help="where a page before ended"),
)
_SERVER = Arg(
    ("--server",),
    metavar="URL",
    help="ask this CHRONOS (default: $CHRONOS_SERVER, else this installation's database)",
)
_BOUNDS = (
    Arg(("--depth",), type=int, default=5, metavar="N", help="runs to follow (default: 5)"),
    Arg(("--limit",), type=int, default=1000, metavar="N", help="runs and datasets at most (default: 1000)"),
)


def commands() -> list[ActionCommand | GroupCommand]:
    """Return the commands of the store, for the group ``chronos``."""
    return [
        GroupCommand(name="lineage", help="What was made from what", subcommands=_lineage()),
        GroupCommand(name="runs", help="What ran", subcommands=_runs()),
        GroupCommand(name="datasets", help="Products and files", subcommands=_datasets()),
        _command(
            "activity",
            "Show what was done between two dates",
            "history.activity",
            _SINCE,
            _UNTIL,
            Arg(("--hours",), help="by hour", action="store_true"),
            JSON,
            _SERVER,
            example="--since 2026-03-01 --until 2026-04-01",
        ),
        _command(
            "recorder",
            "Load records into the database, as a service",
            "database.recorder",
            Arg(("--once",), help="load what is there now, and end", action="store_true"),
        ),
        GroupCommand(name="db", help="The CHRONOS database", subcommands=_database()),
    ]


def _lineage() -> list[ActionCommand]:
    return [
        _command(
            "lineage ancestors",
            "Show what a dataset was made from",
            "history.ancestors",
            _DATASET,
            *_BOUNDS,
            JSON,
            _SERVER,
            example="/data/revisit.nc",
        ),
        _command(
            "lineage descendants",
            "Show what was made from a dataset",
            "history.descendants",
            _DATASET,
            *_BOUNDS,
            JSON,
            _SERVER,
            example="/data/auxiliary.nc --depth 2",
        ),
        _command(
            "lineage import",
            "Record OpenLineage events of others",
            "history.import_events",
            Arg(("file",), metavar="FILE", help="JSON or JSON lines; - for standard input"),
            JSON,
            _SERVER,
            example="events.jsonl",
        ),
    ]


def _runs() -> list[ActionCommand]:
    words = {
        "state": "complete, fail, abort, skipped, running",
        "kind": "workflow, step or other",
        "workflow": "name of the workflow (DAG)",
        "step": "name of the step",
        "version": "version of the workflow or step",
        "image": "container image",
        "target": "execution target",
        "node": "machine",
        "error": "error signature, as the counts show it",
    }
    return [
        _command(
            "runs list",
            "List runs, and count them by facet",
            "history.list_runs",
            *(Arg((f"--{name}",), help=text) for name, text in words.items()),
            _SINCE,
            _UNTIL,
            *_PAGE,
            JSON,
            _SERVER,
            example="--state fail --workflow swot",
        ),
        _command(
            "runs show",
            "Show a run: context, inputs, outputs, log",
            "history.show_run",
            Arg(("run",), metavar="RUN", help="id of the run"),
            JSON,
            _SERVER,
            example="01a210f5-d4fd-7a6d-a38b-7e8060278f18",
        ),
        _command(
            "runs diff",
            "Show why two runs differ",
            "history.diff_runs",
            Arg(("first",), metavar="RUN", help="id of a run"),
            Arg(("second",), metavar="RUN", help="id of another"),
            JSON,
            _SERVER,
            example="01a210f5-d4fd-7a6d-a38b-7e8060278f18 01a210f5-d525-7139-9084-c02545361ad6",
        ),
    ]


def _datasets() -> list[ActionCommand]:
    return [
        _command(
            "datasets find",
            "Find products and files",
            "history.find_datasets",
            Arg(("words",), metavar="WORD", nargs="*", help="words and numbers of the name"),
            Arg(("--type",), help="product type; PREFIX* for several"),
            Arg(
                ("--attribute",),
                metavar="NAME=VALUE",
                action="append",
                help="attribute of the product type, or FACET.PROPERTY; may be repeated",
            ),
            Arg(("--checksum",), help="as CWL writes it: sha1$…"),
            _SINCE,
            _UNTIL,
            *_PAGE,
            JSON,
            _SERVER,
            example="expert 005 012",
        ),
        _command(
            "datasets show",
            "Show a dataset and the run that made it",
            "history.show_dataset",
            _DATASET,
            JSON,
            _SERVER,
            example="/data/revisit.nc",
        ),
    ]


def _database() -> list[ActionCommand]:
    return [
        _command("db init", "Make the tables", "database.upgrade", _DRY_RUN, JSON),
        _command("db upgrade", "Bring the tables up to date", "database.upgrade", _DRY_RUN, JSON),
        _command("db check", "Tell whether the tables are up to date", "database.check", JSON),
        _command(
            "db stats",
            "Show the sizes of tables, the partitions, and what was repaired",
            "database.stats",
            JSON,
        ),
        _command(
            "db archive",
            "Move partitions that were filled before a date to Parquet files",
            "database.archive",
            Arg(("--before",), metavar="DATE", required=True, help="such as 2025-01-01"),
            Arg(("--folder",), help="where to (default: [chronos] archive_root)"),
            _DRY_RUN,
            JSON,
            example="--before 2025-01-01 --dry-run",
        ),
        _command(
            "db restore",
            "Bring an archived partition back into the database",
            "database.restore",
            Arg(("partition",), metavar="PARTITION", nargs="+", help="such as p0003; db stats shows them"),
            _DRY_RUN,
            JSON,
            example="p0003",
        ),
        _command("db tidy", "Pack lists, drop old contexts, rebuild indexes now", "database.tidy", JSON),
        _command("db reconcile", "Compare with Airflow's tables now", "database.reconcile", JSON),
    ]


def _command(name: str, help_text: str, function: str, *arguments: Arg, example: str = "") -> ActionCommand:
    words = f"airflow chronos {name} {example}".strip()
    return command(name.split()[-1], help_text, function, *arguments, example=words)
