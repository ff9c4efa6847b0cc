"""What the commands under ``airflow chronos`` do. Each one ends the process with its status."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
import time
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from chronos_plugin import settings
from chronos_plugin.cli.output import plainly as _plainly
from chronos_plugin.cli.output import print_table as _print_table
from chronos_plugin.errors import CwlError, InputInvalid, ServiceFailed

if TYPE_CHECKING:
    from chronos_plugin.compiler.graph import Execution

_PROGRESS_FROM = 20


@_plainly
def validate(arguments: Namespace) -> int:
    """Check documents; status 1 if one is wrong."""
    files = list(dict.fromkeys(file for path in arguments.paths for file in _documents(path)))
    rows = []
    for number, file in enumerate(files, start=1):
        if len(files) >= _PROGRESS_FROM and sys.stderr.isatty():
            print(f"\r{number}/{len(files)}", end="", file=sys.stderr)
        rows.append(_checked(file))
    if len(files) >= _PROGRESS_FROM and sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
    bad = [row for row in rows if not row["ok"]]
    if arguments.json:
        print(json.dumps(rows, indent=2))
    else:
        for row in rows:
            print(f"{row['file']}: {row['summary']}" if row["ok"] else row["error"])
        print(f"{len(rows) - len(bad)} of {len(rows)} valid")
    return 1 if bad else 0


@_plainly
def compile(arguments: Namespace) -> None:
    """Print the tasks of a document."""
    graph = _compiled(arguments.file).graph
    if arguments.json:
        print(json.dumps(graph.to_json(), indent=2))
        return
    rows = [
        (t.id, t.kind.value, t.runs, t.over or "", ", ".join(t.upstream), _wishes(t.execution))
        for t in graph.tasks
    ]
    _print_table(("TASK", "KIND", "RUNS", "OVER", "AFTER", "WISHES"), rows)


@_plainly
def graph(arguments: Namespace) -> None:
    """Draw the tasks of a document."""
    from chronos_plugin.cli import picture

    wanted = arguments.format or picture.SUFFIXES.get(Path(arguments.output or "").suffix, "tree")
    text = picture.FORMATS[wanted](_compiled(arguments.file).graph)
    if arguments.output:
        try:
            Path(arguments.output).write_text(text, encoding="utf-8")
        except OSError as error:
            raise InputInvalid(f"{arguments.output}: cannot be written: {error.strerror}") from error
    else:
        print(text, end="")


@_plainly
def inputs_template(arguments: Namespace) -> None:
    """Print an input object to fill in."""
    from chronos_plugin.cli.template import json_schema, template

    compiled = _compiled(arguments.file).graph
    print(json.dumps(json_schema(compiled), indent=2) if arguments.json else template(compiled), end="\n")


@_plainly
def run(arguments: Namespace) -> int:
    """Run a document by the cwl-runner convention."""
    from chronos_plugin.cli import runner

    # The inputs are not known to the command's own parser, which hands over all that stands after FILE.
    late = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    late.add_argument("--local", action="store_true", default=arguments.local)
    late.add_argument("--server", default=arguments.server)
    arguments, rest = late.parse_known_args([w for w in arguments.inputs if w != "--"], arguments)
    words = [arguments.file, *([arguments.job] if arguments.job else []), "--outdir", arguments.outdir]
    words += ["--quiet"] if arguments.quiet else []
    words += ["--server", "" if arguments.local else _server(arguments)]
    return runner.main([*words, *rest])


@_plainly
def outputs(arguments: Namespace) -> None:
    """Print the output object of a run and where its files lie."""
    if arguments.server or os.environ.get("CHRONOS_SERVER"):
        run_id, value = _outputs_there(arguments)
    else:
        run_id, value = _outputs_here(arguments)
    if value is None:
        raise InputInvalid(f"{arguments.dag_id}: run {run_id} has published no outputs")
    if arguments.json:
        print(json.dumps({"dag_id": arguments.dag_id, "run_id": run_id, "outputs": value}, indent=2))
        return
    print(f"run {run_id}")
    _print_table(("OUTPUT", "VALUE"), [row for name in value for row in _output_rows(name, value[name])])


def _outputs_there(arguments: Namespace) -> tuple[str, Any]:
    from chronos_plugin.client import Client

    client = Client(_server(arguments))
    client.log_in()
    run_id = arguments.run_id
    if not run_id:
        runs = client.runs(arguments.dag_id)
        if not runs:
            raise InputInvalid(f"{arguments.dag_id} has no runs")
        run_id = str(runs[0]["dag_run_id"])
    return run_id, client.outputs(arguments.dag_id, run_id)


def _outputs_here(arguments: Namespace) -> tuple[str, Any]:
    from chronos_plugin.execution.store import read_json, run_folder

    root = settings.load().work_root
    if arguments.run_id:
        folder = run_folder(root, arguments.dag_id, arguments.run_id)
    else:
        folder = _latest_run(run_folder(root, arguments.dag_id, "any").parent, arguments.dag_id)
    return arguments.run_id or unquote(folder.name), read_json(folder / "outputs.json")


@_plainly
def deploy(arguments: Namespace) -> None:
    """Send a document to a running CHRONOS."""
    from chronos_plugin.cli import remote
    from chronos_plugin.client import Client

    client = Client(_server(arguments))
    client.log_in()
    path, _, fragment = arguments.file.partition("#")
    name = remote.deploy(client, Path(path), fragment, name=arguments.name, dry_run=arguments.dry_run)
    dag = None if arguments.dry_run else client.dag(name)
    paused = bool(dag and dag["is_paused"])
    if arguments.json:
        print(json.dumps({"dag_id": name, "deployed": not arguments.dry_run, "paused": paused}))
    else:
        done = "valid, nothing changed" if arguments.dry_run else f"deployed as DAG {name}"
        print(f"{path}: {done}{f'; start its runs by: airflow dags unpause {name}' if paused else ''}")


@_plainly
def withdraw(arguments: Namespace) -> None:
    """Remove a deployed document."""
    from chronos_plugin.client import Client

    client = Client(_server(arguments))
    client.log_in()
    client.withdraw(arguments.name)
    print(f"{arguments.name}: withdrawn")


@_plainly
def clean(arguments: Namespace) -> int:
    """Remove the files of runs that ended long ago; status 1 if something could not be removed."""
    from chronos_plugin.cli import clean as cleaning

    configured = settings.load()
    days = cleaning.days_to_keep(configured, arguments.what, arguments.older_than)
    found = list(cleaning.find(configured, days, arguments.dag_id, time.time()))
    rows = [cleaning.row(one, removal) for one in found for removal in one.removals]
    total = sum(row["bytes"] for row in rows)
    summary = f"{cleaning.size(total)} of {len(found)} runs"
    if not arguments.json:
        _print_cleaning(rows, days)
    if rows and not arguments.dry_run and not (arguments.yes or cleaning.confirm(f"Remove {summary}?")):
        return 1
    failed: list[dict[str, Any]] = []
    if not arguments.dry_run:
        cleaning.sweep(configured)
        for one in found:
            failed += [{**cleaning.row(one, removal), "error": why} for removal, why in cleaning.clean(one)]
    if arguments.json:
        done = {"removed": not arguments.dry_run, "bytes": total, "files_of_runs": rows, "failed": failed}
        print(json.dumps(done, indent=2))
    elif rows:
        print(f"{summary}{' would be removed' if arguments.dry_run else ' removed'}")
    for row in failed:
        print(f"{row['path']}: not removed: {row['error']}", file=sys.stderr)
    return 1 if failed else 0


def _print_cleaning(rows: list[dict[str, Any]], days: dict[str, float]) -> None:
    from chronos_plugin.cli.clean import size

    if not rows:
        kinds = ", ".join(f"{kind} older than {n:g} days" for kind, n in days.items())
        print(f"nothing to remove ({kinds or 'all is kept for ever: options keep_…_days of [chronos]'})")
        return
    lines = [
        (r["dag_id"], r["run_id"], r["what"], f"{r['age_days']:.1f} days", size(r["bytes"])) for r in rows
    ]
    _print_table(("DAG", "RUN", "WHAT", "AGE", "SIZE"), lines)


def _documents(name: str) -> Iterator[str]:
    """Yield the documents that a word of the command line means; a file may have ``#process``."""
    path = Path(name)
    if not path.is_dir():
        yield name
        return
    found = sorted(path.rglob("*.cwl"))
    if not found:
        raise InputInvalid(f"{name}: no .cwl file in this folder")
    yield from map(str, found)


def _checked(file: str) -> dict[str, Any]:
    try:
        found = _compiled(file).graph
    except CwlError as found_error:
        # Places are relative to the document's folder; a terminal needs paths from the current one.
        place = found_error.location
        error = found_error.in_file(os.path.join(os.path.dirname(file), place.file)) if place else found_error
        return {
            "file": file,
            "ok": False,
            "kind": error.kind,
            "error": str(error),
            "message": error.message,
            "line": place.line if place else None,
            "column": place.column if place else None,
            "suggestion": error.suggestion,
        }
    summary = f"{found.process_class}, CWL {found.cwl_version}, {len(found.tasks)} tasks"
    return {"file": file, "ok": True, "summary": summary}


def _compiled(name: str) -> Any:
    from chronos_plugin.compiler.compile import compile_file

    configured = settings.load()
    path, _, fragment = name.partition("#")
    return compile_file(
        Path(path),
        cache_root=configured.cache_root,
        fragment=fragment,
        enable_dev=configured.enable_dev,
        max_bytes=configured.max_document_bytes,
    )


def _latest_run(folder: Path, dag_id: str) -> Path:
    from chronos_plugin.execution.store import read_json

    runs = [path for path in folder.iterdir() if (path / "run.json").is_file()] if folder.is_dir() else []
    if not runs:
        raise InputInvalid(f"no runs of {dag_id} are kept in {folder.parent}")
    return max(runs, key=lambda path: str((read_json(path / "run.json") or {}).get("started")))


def _output_rows(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Yield one row for a value, or one for each file in it."""
    if isinstance(value, dict) and value.get("class") in ("File", "Directory"):
        location = str(value.get("location", ""))
        path = unquote(location.removeprefix("file://")) if location.startswith("file://") else location
        yield name, f"{path} ({value['size']} bytes)" if "size" in value else path
        for number, other in enumerate(value.get("secondaryFiles", [])):
            yield from _output_rows(f"{name}.secondaryFiles[{number}]", other)
    elif isinstance(value, list) and any(isinstance(v, dict | list) for v in value):
        for number, inner in enumerate(value):
            yield from _output_rows(f"{name}[{number}]", inner)
    else:
        yield name, json.dumps(value, ensure_ascii=False)


def _wishes(execution: Execution) -> str:
    default = type(execution)()
    wishes = dataclasses.asdict(execution)
    stated = {k: v for k, v in wishes.items() if v != getattr(default, k)}
    return ", ".join(f"{k}={','.join(v) if isinstance(v, tuple) else v}" for k, v in stated.items())


def _server(arguments: Namespace) -> str:
    from airflow.configuration import conf

    server = arguments.server or os.environ.get("CHRONOS_SERVER") or conf.get("api", "base_url", fallback="")
    if not server:
        raise ServiceFailed("which server? give --server URL, or set CHRONOS_SERVER")
    return str(server)
