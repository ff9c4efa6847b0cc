"""What ``airflow chronos exporter`` and ``airflow chronos exports`` do."""

from __future__ import annotations

import datetime
import json
import logging
import sys
import time
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from chronos_plugin import settings
from chronos_plugin.cli.history import moment_of
from chronos_plugin.cli.output import plainly, print_table
from chronos_plugin.errors import InputInvalid
from chronos_plugin.options import EXPORTERS

if TYPE_CHECKING:
    from chronos_plugin.lineage.questions import RunFilter

_STALE = 60.0
"""Seconds after which an exporter that was not seen counts as not running."""


@plainly
def exporter(arguments: Namespace) -> None:
    """Deliver what waits, once or until the process is told to end."""
    from chronos_plugin.hooks.exporting import serve, serve_once

    configured = settings.load()
    if not configured.exporters:
        raise InputInvalid("no exporter is on: set [chronos] exporters, for example to openlineage")
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    # One line a request would be ten thousand lines an hour.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    run = serve_once if arguments.once else serve
    done = {name: asdict(counts) for name, counts in run(configured.exporters, configured).items()}
    if arguments.json:
        print(json.dumps(done))
        return
    for name, counts in done.items():
        print(f"{name}: {', '.join(f'{count:,} {word}' for word, count in counts.items())}")


@plainly
def status(arguments: Namespace) -> int:
    """Print how the exporters do; status 1 if one that is on is not running, or has dead entries."""
    from chronos_plugin.db.engine import engine, reading
    from chronos_plugin.db.outbox.queue import standings

    configured = settings.load()
    now = time.time()
    with reading(engine(configured)) as connection:
        found = standings(connection, configured.exporters)
    rows = [_standing(asdict(one), one.name in configured.exporters, now) for one in found]
    well = all(not row["on"] or (row["running"] and not row["dead"] and not row["error"]) for row in rows)
    if arguments.json:
        print(json.dumps({"exporters": rows, "ok": well}, indent=2))
    elif not rows:
        print("no exporter is on: set [chronos] exporters")
    else:
        cells = [
            (
                row["name"],
                "on" if row["on"] else "off",
                "running" if row["running"] else "not running",
                f"{row['waiting']:,}",
                f"{row['age_seconds']:,.0f} s" if row["waiting"] else "",
                f"{row['dead']:,}",
                f"{row['sent']:,}",
                row["error"][:80],
            )
            for row in rows
        ]
        print_table(("EXPORTER", "", "SERVICE", "WAITING", "OLDEST", "DEAD", "SENT", "PROBLEM"), cells)
    return 0 if well else 1


@plainly
def dead(arguments: Namespace) -> None:
    """List the entries that are told no more."""
    from chronos_plugin.db.engine import engine, reading
    from chronos_plugin.db.outbox import queue
    from chronos_plugin.db.store.history import History

    on = engine()
    with reading(on) as connection:
        found = queue.dead(connection, _known(arguments.name), arguments.limit)
    runs = {run.number: str(run.id) for run in History(on).full_runs([entry.number for entry in found])}
    rows = [
        {
            "id": entry.id,
            "run": runs.get(entry.number, ""),
            "state": entry.state.name,
            "attempts": entry.attempts,
            "error": entry.error,
        }
        for entry in found
    ]
    if arguments.json:
        print(json.dumps({"dead": rows}, indent=2))
        return
    cells = [(str(r["id"]), r["run"], r["state"], str(r["attempts"]), str(r["error"])[:100]) for r in rows]
    print_table(("ENTRY", "RUN", "STATE", "TRIES", "PROBLEM"), [tuple(map(str, cell)) for cell in cells])


@plainly
def retry(arguments: Namespace) -> None:
    """Have dead entries told again."""
    from chronos_plugin.db.engine import engine, writing
    from chronos_plugin.db.outbox import queue

    with writing(engine()) as connection:
        count = queue.revive(connection, _known(arguments.name), arguments.ids or None)
    _print(arguments, {"retried": count}, f"{count:,} entries wait again")


@plainly
def drop(arguments: Namespace) -> None:
    """Remove entries from the outbox: the dead ones, or all."""
    from chronos_plugin.db.engine import engine, reading, writing
    from chronos_plugin.db.outbox import queue

    name = _known(arguments.name)
    if arguments.dry_run:
        with reading(engine()) as connection:
            one = next((s for s in queue.standings(connection, [name]) if s.name == name), None)
        count = one.dead + (one.waiting if arguments.all else 0) if one else 0
        _print(arguments, {"would_drop": count}, f"{count:,} entries would be dropped")
        return
    with writing(engine()) as connection:
        count = queue.drop(connection, name, only_dead=not arguments.all)
    _print(arguments, {"dropped": count}, f"{count:,} entries dropped")


@plainly
def replay(arguments: Namespace) -> None:
    """Put runs of the history into the outbox."""
    put_again(arguments, _known(arguments.name))


def put_again(arguments: Namespace, name: str) -> None:
    """Put runs of the history into an exporter's outbox, as the options say."""
    from chronos_plugin.db.engine import engine
    from chronos_plugin.db.outbox.replay import replay as put
    from chronos_plugin.db.store.history import History

    wanted = which_runs(arguments)
    on = engine()
    shown = sys.stderr.isatty() and not arguments.json
    added, waiting = put(
        on,
        History(on),
        name,
        wanted,
        dry_run=arguments.dry_run,
        progress=_show if shown else None,
    )
    word = "would wait" if arguments.dry_run else "wait"
    result = {"exporter": name, "added": 0 if arguments.dry_run else added, "runs": added, "waiting": waiting}
    _print(arguments, result, f"{added:,} runs {word} to be told to {name}; {waiting:,} did already")


def which_runs(arguments: Namespace) -> RunFilter:
    """Return which runs the options mean.

    Raises:
        InputInvalid: If they bound them by nothing, and do not say ``--all``.
    """
    from chronos_plugin.lineage.questions import RunFilter

    since, until = moment_of(arguments.since), moment_of(arguments.until)
    if since is None and not arguments.all:
        raise InputInvalid("say from when on with --since, or --all")
    return RunFilter(
        workflow=arguments.workflow or "",
        since=since or datetime.datetime.fromtimestamp(0, datetime.UTC),
        until=until,
    )


def _show(looked: int) -> None:
    print(f"\r\033[K{looked:,} runs", end="", file=sys.stderr, flush=True)


def _known(name: str) -> str:
    if name not in EXPORTERS:
        raise InputInvalid(f"there is no exporter {name}; there are: {', '.join(EXPORTERS)}")
    return name


def _standing(values: dict[str, Any], is_on: bool, now: float) -> dict[str, Any]:
    return {
        "on": is_on,
        "running": bool(values["seen"]) and now - values["seen"] < _STALE,
        "age_seconds": max(0.0, round(now - values["oldest"], 1)) if values["waiting"] else 0.0,
        **values,
    }


def _print(arguments: Namespace, value: Mapping[str, Any], words: str) -> None:
    print(json.dumps(value) if arguments.json else words)
