"""``airflow chronos context`` and the wishes: what an execution was and is, and what is wanted of it."""

from __future__ import annotations

import getpass
import json
from argparse import Namespace
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from chronos_plugin import settings
from chronos_plugin.cli.output import plainly, print_table
from chronos_plugin.errors import InputInvalid


@plainly
def context(arguments: Namespace) -> None:
    """Show the contexts of the tries of an execution."""
    from chronos_plugin.execution import context as contexts
    from chronos_plugin.execution.jobs import parse_key
    from chronos_plugin.execution.store import RunStore, run_folder

    store = RunStore(run_folder(settings.load().work_root, arguments.dag_id, arguments.run_id))
    found = contexts.of(store, parse_key(arguments.step))
    if not found:
        raise InputInvalid(f"{arguments.step} has no try in this run{_known(store)}")
    if arguments.number is not None:
        if arguments.number not in found:
            raise InputInvalid(f"there is no try {arguments.number}; there are: {', '.join(map(str, found))}")
        found = {arguments.number: found[arguments.number]}
    if arguments.json:
        print(json.dumps(found, indent=2))
        return
    for number, value in found.items():
        print(f"try {number}")
        for name, shown in _lines(value):
            print(f"  {name}: {shown}")


def _lines(value: Mapping[str, Any]) -> list[tuple[str, str]]:
    lines = []
    for name, entry in value.items():
        if entry in (None, "", [], {}):
            continue
        if name in ("started", "ended"):
            lines.append((name, datetime.fromtimestamp(entry).astimezone().isoformat(timespec="seconds")))
        elif isinstance(entry, Mapping):
            lines.append((name, ", ".join(f"{k}={v}" for k, v in entry.items() if v is not None)))
        elif name == "last_lines":
            lines.append((name, "".join(f"\n    {line}" for line in entry)))
        elif isinstance(entry, list):
            lines.append((name, " ".join(map(str, entry))))
        else:
            lines.append((name, str(entry)))
    return lines


def _known(store: Any) -> str:
    """Return the executions that have a context, as part of a sentence."""
    state = store.root / "state"
    names = sorted(p.parent.relative_to(state).as_posix() for p in state.rglob("context") if p.is_dir())
    shown = ", ".join(names[:20]) + (", …" if len(names) > 20 else "")
    return f"; there are: {shown}" if names else ""


def _wishing(wish: str) -> Callable[[Namespace], None]:
    @plainly
    def command(arguments: Namespace) -> None:
        from chronos_plugin.execution.jobs import open_jobs_of_run, parse_key

        root = settings.load().work_root
        keys = [parse_key(step) for step in arguments.steps] or [()]
        jobs = {
            folder.path: folder
            for key in keys
            for folder in open_jobs_of_run(root, arguments.dag_id, arguments.run_id, key)
            if folder.exit() is None
        }
        if not jobs:
            raise InputInvalid("no target has a job of this run, or of these steps")
        for folder in jobs.values():
            folder.write_wish(wish, getpass.getuser())
        described = [folder.job()[:2] for folder in jobs.values()]
        if arguments.json:
            rows = [{"job": job.id, "name": job.name, "target": target} for job, target in described]
            print(json.dumps({"wish": wish, "jobs": rows}, indent=2))
            return
        print_table(("JOB", "TARGET", "NAME"), [(job.id, target, job.name) for job, target in described])
        print(f"{wish}: asked for {len(jobs)} jobs; their logs say what became of it")

    command.__doc__ = f"Ask the targets to {wish} the jobs of a run."
    return command


hold, release, suspend, resume = (_wishing(wish) for wish in ("hold", "release", "suspend", "resume"))
