"""``airflow chronos targets``: what targets there are, how they do, what would go where, and what is left."""

from __future__ import annotations

import asyncio
import json
import sys
from argparse import Namespace
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chronos_plugin import settings
from chronos_plugin.cli.output import plainly, print_table
from chronos_plugin.errors import ChronosError, InputInvalid

if TYPE_CHECKING:
    from chronos_plugin.compiler.compile import CompiledDocument
    from chronos_plugin.execution.bindings.document import TargetSetting
    from chronos_plugin.execution.targets.base import TargetReport

BOUNDS = ("max_in_flight", "max_cores", "max_ram", "submit_rate")
TEST_SECONDS = 60.0
"""Time that a target has for its test."""


@plainly
def list_(arguments: Namespace) -> None:
    """Show the targets, their bounds, and how those who watch them say that they do."""
    from chronos_plugin.execution.bindings.document import deployment
    from chronos_plugin.execution.targets.report import seen

    configured = settings.load()
    rows = []
    for name, setting in sorted(deployment(configured.targets_file).targets.items()):
        bounds = {
            key: getattr(setting, key) for key in ("max_in_flight", "max_cores", "max_ram", "submit_rate")
        }
        doing = asdict(seen(configured.target_states, name))
        about = {"kind": setting.kind, "description": setting.description}
        rows.append({"name": name, **about, "bounds": bounds, **doing})
    if arguments.json:
        print(json.dumps(rows, indent=2))
        return
    head = ("TARGET", "KIND", "BOUNDS", "STATE", "IN FLIGHT", "WAITING", "OLDEST", "DESCRIPTION")
    print_table(head, [_row(row) for row in rows])
    for row in rows:
        if row["error"]:
            print(f"{row['name']}: {row['error']}", file=sys.stderr)


def _row(row: dict[str, Any]) -> tuple[str, ...]:
    bounds = row["bounds"]
    parts = [f"{bounds['max_in_flight']} jobs"]
    parts += [f"{bounds['max_cores']:g} cores"] if bounds["max_cores"] is not None else []
    parts += [f"{bounds['max_ram']:g} MiB"] if bounds["max_ram"] is not None else []
    worker = row["name"] == "worker"
    seconds = row["waiting_seconds"]
    return (
        row["name"],
        row["kind"],
        "" if worker else ", ".join(parts),
        "" if worker else row["breaker"] or "not watched",
        str(row["in_flight"]),
        str(row["waiting"]),
        "" if seconds is None else f"{seconds:.0f} s",
        row["description"],
    )


@plainly
def test(arguments: Namespace) -> int:
    """Test targets; status 1 if a job could not be submitted to one."""
    from chronos_plugin.execution.bindings.document import deployment

    file = settings.load().targets_file
    targets = deployment(file).targets
    names = arguments.names or sorted(targets)
    for name in names:
        if name not in targets:
            raise InputInvalid(
                f"{file}: there is no target {name!r}; there are: {', '.join(sorted(targets))}"
            )
    reports = asyncio.run(_reports([targets[name] for name in names]))
    if arguments.json:
        rows = [
            {"name": n, **asdict(r), "details": dict(r.details)} for n, r in zip(names, reports, strict=True)
        ]
        print(json.dumps(rows, indent=2, default=str))
    else:
        print_table(
            ("TARGET", "OK", "MESSAGE"),
            [(n, "yes" if r.ok else "no", r.message) for n, r in zip(names, reports, strict=True)],
        )
    return 0 if all(report.ok for report in reports) else 1


async def _reports(tested: list[TargetSetting]) -> list[TargetReport]:
    return list(await asyncio.gather(*map(_report, tested)))


async def _report(setting: TargetSetting) -> TargetReport:
    from chronos_plugin.execution.bindings.document import WORKER
    from chronos_plugin.execution.targets.base import TargetReport
    from chronos_plugin.execution.targets.registry import make

    engine = setting.container_engine or settings.load().container_engine
    if setting.name == WORKER:
        return TargetReport(True, "runs in the step's own task")
    try:
        target = make(replace(setting, container_engine=engine))
        try:
            async with asyncio.timeout(TEST_SECONDS):
                return await target.test()
        finally:
            await target.close()
    except ChronosError as error:
        return TargetReport(False, str(error))
    except TimeoutError:
        return TargetReport(False, f"no answer in {TEST_SECONDS:g} s")


@plainly
def explain(arguments: Namespace) -> None:
    """Say where each step of a workflow would run, and why."""
    from chronos_plugin.execution.foresight import foresee_now

    configured = settings.load()
    compiled, workflow, wanted = _document(arguments.workflow)
    found = [
        step
        for step in foresee_now(compiled, workflow, configured.targets_file, configured.target_states)
        if not wanted or step.step == wanted or step.step.startswith(f"{wanted}/")
    ]
    if wanted and not found:
        raise InputInvalid(f"{workflow} has no step {wanted!r}")
    if arguments.json:
        print(json.dumps([asdict(step) for step in found], indent=2))
        return
    print_table(("STEP", "TARGET", "WHY"), [(s.step, s.target or "?", s.why) for s in found])


def _document(text: str) -> tuple[CompiledDocument, str, str]:
    """Return what ``WORKFLOW[/STEP]`` means: the compiled document, its DAG id, and the step if any."""
    from chronos_plugin.compiler.naming import dag_id
    from chronos_plugin.rendering.compiling import compiled
    from chronos_plugin.rendering.documents import document_of

    configured = settings.load()
    head, suffix, rest = text.partition(".cwl")
    if suffix:
        path = Path(head + suffix).absolute()
        fragment, _, step = rest.partition("/")
        made = compiled(path, None, configured, fragment.lstrip("#"))
        return made, _known_id(path) or dag_id(path.name, made.graph.name), step
    name, _, step = text.partition("/")
    return document_of(name, configured), name, step


def _known_id(path: Path) -> str | None:
    """Return the id of the DAG that Airflow has made of a file."""
    from airflow.models.dag import DagModel
    from airflow.utils.session import create_session
    from sqlalchemy import select
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with create_session() as session:
            return session.scalar(select(DagModel.dag_id).where(DagModel.fileloc == str(path)).limit(1))
    except SQLAlchemyError:
        # A document can be explained without a database.
        return None


@plainly
def schema(arguments: Namespace) -> None:
    """Print the JSON Schema of targets files, or of the bindings beside workflows."""
    from chronos_plugin.execution.bindings.schema import BINDINGS_FILE, TARGETS_FILE

    print(json.dumps(BINDINGS_FILE if arguments.bindings else TARGETS_FILE, indent=2))


@plainly
def sweep(arguments: Namespace) -> int:
    """Cancel the jobs whose task instance waits for them no more; status 1 if one could not be cancelled."""
    from chronos_plugin.cli.sweep import cancel_all, forsaken

    configured = settings.load()
    found = list(forsaken(configured.work_root))
    failed = {} if arguments.dry_run else asyncio.run(cancel_all(found, configured))
    if arguments.json:
        rows = [{**one.row, "error": failed.get(one.folder.path)} for one in found]
        print(json.dumps({"cancelled": not arguments.dry_run, "jobs": rows}, indent=2))
    elif found:
        lines = [(one.row["job"], one.row["target"], one.row["why"], one.row["name"]) for one in found]
        print_table(("JOB", "TARGET", "TASK INSTANCE", "NAME"), lines)
    if not arguments.json:
        done = "would be cancelled" if arguments.dry_run else "cancelled"
        print(f"{len(found) - len(failed)} jobs {done}")
    for path, why in failed.items():
        print(f"{path}: not cancelled: {why}", file=sys.stderr)
    return 1 if failed else 0
