"""What the commands under ``airflow chronos atlas`` do."""

from __future__ import annotations

import json
import time
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from chronos_plugin import settings
from chronos_plugin.cli.output import plainly, print_table
from chronos_plugin.errors import ExportFailed, InputInvalid

if TYPE_CHECKING:
    from chronos_plugin.hooks.atlas.client import AtlasClient
    from chronos_plugin.lineage.model import Run

_SHOWN = 20


@plainly
def init(arguments: Namespace) -> None:
    """Make the types in Atlas, or add to them what they lack."""
    from chronos_plugin.hooks.atlas.types import bring_types

    with _client() as client:
        done = bring_types(client, dry_run=arguments.dry_run)
    if arguments.json:
        print(json.dumps({"types": done, "changed": not arguments.dry_run}, indent=2))
        return
    print_table(("TYPE", "WOULD BE" if arguments.dry_run else "IS NOW"), sorted(done.items()))


@plainly
def status(arguments: Namespace) -> int:
    """Print how Atlas and the exporter to it do; status 1 if one does not."""
    from chronos_plugin.db.engine import engine, reading
    from chronos_plugin.db.outbox.queue import standings
    from chronos_plugin.hooks.atlas.types import bring_types

    configured = settings.load()
    found: dict[str, Any] = {"connection": configured.atlas_connection, "on": "atlas" in configured.exporters}
    try:
        with _client() as client:
            found |= {"url": client.url, "state": client.status(), "version": client.version()}
            lacking = {k: v for k, v in bring_types(client, dry_run=True).items() if v != "as it should be"}
            found |= {"types": lacking or "as they should be", "problem": ""}
    except ExportFailed as error:
        found |= {"state": "away", "problem": str(error)}
    with reading(engine(configured)) as connection:
        one = next(s for s in standings(connection, ["atlas"]) if s.name == "atlas")
    found |= {"waiting": one.waiting, "dead": one.dead, "sent": one.sent}
    well = found["state"] == "ACTIVE" and found["types"] == "as they should be" and not one.dead
    if arguments.json:
        print(json.dumps({**found, "ok": well}, indent=2))
    else:
        print_table(("ATLAS", ""), [(k, str(v)) for k, v in found.items() if v != ""])
    return 0 if well else 1


@plainly
def replay(arguments: Namespace) -> None:
    """Put runs of the history into the outbox of Atlas."""
    from chronos_plugin.cli.exporting import put_again

    put_again(arguments, "atlas")


@plainly
def verify(arguments: Namespace) -> int:
    """Compare runs of the history with Atlas; status 1 if it lacks some that do not wait."""
    from chronos_plugin.cli.exporting import which_runs
    from chronos_plugin.db.engine import engine, reading, writing
    from chronos_plugin.db.outbox import queue
    from chronos_plugin.db.store.history import History
    from chronos_plugin.hooks.atlas.types import lacking

    configured = settings.load()
    if not 1 <= arguments.limit <= 100_000:
        raise InputInvalid("--limit is 1 to 100,000")
    on = engine(configured)
    looked, waiting, missing = 0, 0, list[dict[str, str]]()
    with _client() as client:
        for runs in _pages(History(on), which_runs(arguments), arguments.limit):
            looked += len(runs)
            gone = lacking(client, runs, configured.instance)
            with reading(on) as connection:
                numbers = queue.waiting_numbers(connection, "atlas", [run.number or 0 for run in gone])
            waiting += len(numbers)
            absent = [run for run in gone if run.number not in numbers]
            missing += [{"run": str(run.id), "job": run.job.name} for run in absent]
            if arguments.repair and absent:
                told = [queue.Told(run.number or 0, run.state, True) for run in absent]
                with writing(on) as connection:
                    queue.fill(connection, ["atlas"], told, time.time())
    _say(arguments, looked, waiting, missing)
    return 1 if missing and not arguments.repair else 0


def _say(arguments: Namespace, looked: int, waiting: int, missing: Sequence[dict[str, str]]) -> None:
    if arguments.json:
        result = {"runs": looked, "waiting": waiting, "missing": missing, "repaired": arguments.repair}
        print(json.dumps(result, indent=2))
        return
    print(f"{looked:,} runs: {len(missing):,} lack in Atlas, {waiting:,} wait to be told")
    for one in missing[:_SHOWN]:
        print(f"  {one['run']}  {one['job']}")
    if missing:
        print("they wait now" if arguments.repair else "tell them with --repair")


def _pages(history: Any, wanted: Any, limit: int) -> Iterator[list[Run]]:
    from chronos_plugin.exporters.delivery import EXPORTERS

    cursor, left = None, limit
    while left > 0:
        page = history.runs(wanted, limit=min(200, left), cursor=cursor)
        left -= len(page.runs)
        numbers = [run.number for run in page.runs if run.state in EXPORTERS["atlas"]]
        yield history.full_runs(numbers)
        cursor = page.next
        if cursor is None:
            return


@contextmanager
def _client() -> Iterator[AtlasClient]:
    from chronos_plugin.hooks.atlas.hook import AtlasHook

    client = AtlasHook(settings.load().atlas_connection).get_conn()
    try:
        yield client
    finally:
        client.close()
