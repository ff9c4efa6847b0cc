"""What the commands under ``airflow chronos`` do. Each one ends the process with its status."""

from __future__ import annotations

import functools
import json
import os
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from chronos_plugin import settings
from chronos_plugin.errors import ChronosError, CwlError, CwlUnsupported, InputInvalid, ServiceFailed

UNSUPPORTED = 33
_PROGRESS_FROM = 20


def _plainly(command: Callable[[Namespace], int | None]) -> Callable[[Namespace], None]:
    """Turn CHRONOS's errors into one message and an exit status."""

    @functools.wraps(command)
    def run(arguments: Namespace) -> None:
        try:
            status = command(arguments) or 0
        except ChronosError as error:
            print(f"airflow chronos: {error}", file=sys.stderr)
            status = UNSUPPORTED if isinstance(error, CwlUnsupported) else 1
        except KeyboardInterrupt:
            status = 130
        if status:
            sys.exit(status)

    return run


@_plainly
def validate(arguments: Namespace) -> int:
    """Check documents; status 1 if one is wrong."""
    files = [file for path in arguments.paths for file in _documents(Path(path))]
    rows = []
    for number, file in enumerate(files, start=1):
        if len(files) >= _PROGRESS_FROM and sys.stderr.isatty():
            print(f"\r{number}/{len(files)}", end="", file=sys.stderr)
        rows.append(_checked(file))
    bad = [row for row in rows if not row["ok"]]
    if arguments.json:
        print(json.dumps(rows, indent=2))
    else:
        for row in rows:
            print(f"{row['file']}: {row['summary'] if row['ok'] else row['error']}")
        print(f"{len(rows) - len(bad)} of {len(rows)} valid")
    return 1 if bad else 0


@_plainly
def compile(arguments: Namespace) -> None:
    """Print the tasks of a document."""
    graph = _compiled(arguments.file).graph
    if arguments.json:
        print(json.dumps(graph.to_json(), indent=2))
        return
    rows = [("TASK", "KIND", "RUNS", "OVER", "AFTER")]
    rows += [(t.id, t.kind.value, t.runs, t.over or "", ", ".join(t.upstream)) for t in graph.tasks]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


@_plainly
def graph(arguments: Namespace) -> None:
    """Draw the tasks of a document."""
    from chronos_plugin.cli import picture

    text = picture.FORMATS[arguments.format](_compiled(arguments.file).graph)
    if arguments.output:
        Path(arguments.output).write_text(text)
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

    inputs = [word for word in arguments.inputs if word != "--"]
    words = [arguments.file, *([arguments.job] if arguments.job else []), "--outdir", arguments.outdir]
    words += ["--quiet"] if arguments.quiet else []
    words += [] if arguments.local else ["--server", _server(arguments)]
    return runner.main([*words, *inputs])


@_plainly
def outputs(arguments: Namespace) -> None:
    """Print the output object of a run and where its files lie."""
    from chronos_plugin.execution.store import read_json, run_folder

    configured = settings.load()
    folder = run_folder(configured.work_root, arguments.dag_id, arguments.run_id or "latest")
    if not arguments.run_id:
        folder = _latest_run(folder.parent)
    value = read_json(folder / "outputs.json")
    if value is None:
        raise InputInvalid(f"{arguments.dag_id}: run {folder.name} has published no outputs")
    if arguments.json:
        print(json.dumps(value, indent=2))
        return
    print(json.dumps(value, indent=2))
    print(f"\nfiles: {configured.output_root / folder.parent.name / folder.name}")


@_plainly
def deploy(arguments: Namespace) -> None:
    """Send a document to a running CHRONOS."""
    from chronos_plugin.cli import remote
    from chronos_plugin.cli.client import Client

    client = Client(_server(arguments))
    client.log_in()
    path, _, fragment = arguments.file.partition("#")
    name = remote.deploy(client, Path(path), fragment, name=arguments.name, dry_run=arguments.dry_run)
    if arguments.json:
        print(json.dumps({"dag_id": name, "deployed": not arguments.dry_run}))
    else:
        print(f"{path}: {'valid, nothing changed' if arguments.dry_run else f'deployed as DAG {name}'}")


@_plainly
def withdraw(arguments: Namespace) -> None:
    """Remove a deployed document."""
    from chronos_plugin.cli.client import Client

    client = Client(_server(arguments))
    client.log_in()
    client.withdraw(arguments.name)
    print(f"{arguments.name}: withdrawn")


def _documents(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    yield from sorted(path.rglob("*.cwl"))


def _checked(file: Path) -> dict[str, Any]:
    try:
        found = _compiled(str(file)).graph
    except CwlError as error:
        place = error.location
        return {
            "file": str(file),
            "ok": False,
            "kind": error.kind,
            "error": str(error),
            "message": error.message,
            "line": place.line if place else None,
            "column": place.column if place else None,
            "suggestion": error.suggestion,
        }
    summary = f"{found.process_class}, CWL {found.cwl_version}, {len(found.tasks)} tasks"
    return {"file": str(file), "ok": True, "summary": summary}


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


def _latest_run(folder: Path) -> Path:
    runs = [path for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []
    if not runs:
        raise InputInvalid(f"no runs of {folder.name} are kept in {folder.parent}")
    return max(runs, key=lambda path: path.stat().st_mtime)


def _server(arguments: Namespace) -> str:
    from airflow.configuration import conf

    server = arguments.server or os.environ.get("CHRONOS_SERVER") or conf.get("api", "base_url", fallback="")
    if not server:
        raise ServiceFailed("which server? give --server URL, or set CHRONOS_SERVER")
    return str(server)
