"""The commands under ``airflow chronos``: names, arguments, help; the work is imported when one runs."""

from __future__ import annotations

import argparse

from airflow.cli.cli_config import ActionCommand, Arg, CLICommand, GroupCommand

from chronos_plugin.cli import cloud, data, exports, mesos, store
from chronos_plugin.cli.command import JSON, command

_FILE = Arg(("file",), metavar="FILE", help="CWL document, or document#process")
_SERVER = Arg(
    ("--server",),
    metavar="URL",
    help="the running CHRONOS (default: $CHRONOS_SERVER, else base_url of this installation)",
)


def get_commands() -> list[CLICommand]:
    """Return the command group (called by Airflow for each ``airflow`` command line)."""
    return [
        GroupCommand(
            name="chronos",
            help="CWL documents and their runs: compile, deploy, run; the history and its database",
            subcommands=[
                *_document_commands(),
                *_run_commands(),
                *_target_commands(),
                *data.commands(),
                *mesos.commands(),
                *cloud.commands(),
                *store.commands(),
                _rights(),
                *exports.commands(),
            ],
        )
    ]


def _rights() -> GroupCommand:
    return GroupCommand(
        name="rights",
        help="Rights on CHRONOS in Airflow's FAB auth manager",
        subcommands=[
            _command(
                "init",
                "Make the permissions of CHRONOS, and give them to Airflow's roles",
                "airflow chronos rights init --dry-run",
                Arg(("--dry-run",), help="show them, and change nothing", action="store_true"),
                JSON,
                module="rights",
            )
        ],
    )


def _document_commands() -> list[ActionCommand]:
    return [
        _command(
            "validate",
            "Check CWL documents",
            "airflow chronos validate dags/",
            Arg(("paths",), metavar="PATH", nargs="+", help="CWL documents, or folders of them"),
            JSON,
        ),
        _command(
            "compile",
            "Show the tasks that a document becomes",
            "airflow chronos compile dags/chain.cwl",
            _FILE,
            JSON,
        ),
        _command(
            "graph",
            "Draw the tasks that a document becomes",
            "airflow chronos graph dags/chain.cwl --format dot -o chain.dot",
            _FILE,
            Arg(
                ("--format",),
                choices=("tree", "mermaid", "dot"),
                help="default: by the name given with -o, else tree",
            ),
            Arg(("-o", "--output"), metavar="FILE", help="write to a file"),
        ),
        _command(
            "inputs-template",
            "Print an input object to fill in",
            "airflow chronos inputs-template dags/chain.cwl > job.yaml",
            _FILE,
            Arg(("--json",), help="print the JSON Schema of the inputs", action="store_true"),
        ),
    ]


def _run_commands() -> list[ActionCommand]:
    return [
        _command(
            "run",
            "Run a document through the scheduler, or here",
            "airflow chronos run dags/chain.cwl job.yaml --outdir results",
            _FILE,
            Arg(("job",), metavar="JOB", nargs="?", help="input object in YAML or JSON"),
            Arg(("inputs",), metavar="--NAME VALUE", nargs=argparse.REMAINDER, help="inputs, after FILE"),
            Arg(("--outdir",), default=".", help="folder for output files (default: the current one)"),
            Arg(("--local",), help="run in this process, without the scheduler", action="store_true"),
            Arg(("--quiet",), help="no progress", action="store_true"),
            _SERVER,
        ),
        _command(
            "outputs",
            "Show the output object of a run",
            "airflow chronos outputs swot_coverage",
            Arg(("dag_id",), metavar="DAG_ID", help="id of the DAG"),
            Arg(("run_id",), metavar="RUN_ID", nargs="?", help="id of the run (default: the latest)"),
            JSON,
            Arg(
                ("--server",),
                metavar="URL",
                help="ask this CHRONOS (default: $CHRONOS_SERVER, else the files)",
            ),
        ),
        _command(
            "deploy",
            "Send a document to a running CHRONOS",
            "airflow chronos deploy chain.cwl --name chain",
            _FILE,
            Arg(("--name",), help="id of the DAG (default: from the file's name and content)"),
            Arg(("--dry-run",), help="check on the server, and change nothing", action="store_true"),
            JSON,
            _SERVER,
        ),
        _command(
            "withdraw",
            "Remove a deployed document; its runs and outputs stay",
            "airflow chronos withdraw chain",
            Arg(("name",), metavar="NAME", help="id of the DAG"),
            _SERVER,
        ),
        _command(
            "clean",
            "Remove the files of runs that ended long ago",
            "airflow chronos clean --what work --older-than 7 --dry-run",
            Arg(
                ("--what",),
                metavar="KINDS",
                help="work, state, outputs, separated by commas (default: all that have a number of days)",
            ),
            Arg(
                ("--older-than",),
                metavar="DAYS",
                type=float,
                help="days since the end of the run (default: options keep_…_days; needs --what)",
            ),
            Arg(("--dag-id",), help="only the runs of this DAG"),
            Arg(("--dry-run",), help="show what would go, and remove nothing", action="store_true"),
            Arg(("-y", "--yes"), help="do not ask", action="store_true"),
            JSON,
        ),
    ]


def _target_commands() -> list[CLICommand]:
    run = (
        Arg(("dag_id",), metavar="DAG_ID", help="id of the DAG"),
        Arg(("run_id",), metavar="RUN_ID", help="id of the run"),
    )
    steps = Arg(("steps",), metavar="STEP", nargs="*", help="STEP[@N][/STEP…] (default: all)")
    wishes = {
        "hold": "Keep the queued jobs of a run from starting",
        "release": "Let the held jobs of a run start",
        "suspend": "Stop the running jobs of a run where they are",
        "resume": "Let the suspended jobs of a run go on",
    }
    return [
        GroupCommand(name="targets", help="Execution targets: where steps run", subcommands=_targets()),
        _command(
            "context",
            "Show what an execution was, where and with what it ran",
            "airflow chronos context swot_coverage RUN_ID swath@3 --try 1",
            *run,
            Arg(("step",), metavar="STEP", help="STEP[@N][/STEP…]: N counts scatter elements from 0"),
            Arg(("--try",), dest="number", type=int, metavar="N", help="one try (default: all)"),
            JSON,
            module="context",
        ),
        *(
            _command(
                name,
                text,
                f"airflow chronos {name} swot_coverage RUN_ID swath",
                *run,
                steps,
                JSON,
                module="context",
            )
            for name, text in wishes.items()
        ),
    ]


def _targets() -> list[ActionCommand]:
    return [
        _command(
            "list",
            "Show the targets and how they do",
            "airflow chronos targets list",
            JSON,
            module="targets",
        ),
        _command(
            "test",
            "Try what a submission needs; status 1 if a target is not ready",
            "airflow chronos targets test hpc",
            Arg(("names",), metavar="NAME", nargs="*", help="targets (default: all)"),
            JSON,
            module="targets",
        ),
        _command(
            "explain",
            "Say where the steps of a workflow would run, and why",
            "airflow chronos targets explain swot_coverage/swath",
            Arg(("workflow",), metavar="WORKFLOW[/STEP]", help="DAG id or .cwl file, and a step"),
            JSON,
            module="targets",
        ),
        _command(
            "schema",
            "Print the JSON Schema of targets files",
            "airflow chronos targets schema > targets.schema.json",
            Arg(("--bindings",), help="of NAME.targets.yaml beside workflows", action="store_true"),
            module="targets",
        ),
        _command(
            "sweep",
            "Cancel the jobs that no task waits for any more",
            "airflow chronos targets sweep --dry-run",
            Arg(("--dry-run",), help="show them, and cancel nothing", action="store_true"),
            JSON,
            module="targets",
        ),
    ]


def _command(
    name: str, help_text: str, example: str, *arguments: Arg, module: str = "commands"
) -> ActionCommand:
    function = {"list": "list_"}.get(name, name.replace("-", "_"))
    return command(name, help_text, f"{module}.{function}", *arguments, example=example)
