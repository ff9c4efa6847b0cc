"""What the commands under ``airflow chronos db`` do."""

from __future__ import annotations

import datetime
import json
import sys
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chronos_plugin.cli.output import moment, plainly, print_table
from chronos_plugin.errors import DatabaseNotReady

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from chronos_plugin.db.store.partitions import Span


@plainly
def upgrade(arguments: Namespace) -> None:
    """Bring the tables to this version."""
    from chronos_plugin.db import migrate
    from chronos_plugin.db.engine import database_url, make_engine

    url = database_url()
    engine = make_engine(url)
    if arguments.dry_run:
        revisions, done = migrate.pending(engine), "would be applied"
    else:
        revisions, done = migrate.upgrade(engine), "applied"
    place = url.render_as_string(hide_password=True)
    if arguments.json:
        print(json.dumps({"database": place, "revisions": revisions, "applied": not arguments.dry_run}))
        return
    for revision in revisions:
        print(f"{revision}: {done}")
    print(f"{place}: {'nothing to do' if not revisions else f'{len(revisions)} migrations {done}'}")


@plainly
def check(arguments: Namespace) -> int:
    """Tell whether the tables are those of this version; status 1 if not."""
    from chronos_plugin.db import migrate
    from chronos_plugin.db.engine import database_url, make_engine

    url = database_url()
    place = url.render_as_string(hide_password=True)
    state: dict[str, Any] = {
        "database": url.render_as_string(hide_password=True),
        "ok": True,
        "problem": None,
    }
    try:
        migrate.require(make_engine(url))
    except DatabaseNotReady as error:
        state.update(ok=False, problem=str(error))
    if arguments.json:
        print(json.dumps(state))
    else:
        print(state["problem"] or f"{place}: ready")
    return 0 if state["ok"] else 1


@plainly
def stats(arguments: Namespace) -> None:
    """Print the sizes of the tables, and the partitions."""
    from chronos_plugin.db.engine import engine, reading
    from chronos_plugin.db.sizes import table_sizes
    from chronos_plugin.db.store.partitions import spans

    database = engine()
    rows, repaired = table_sizes(database), _repaired(database)
    with reading(database) as connection:
        parts = [_partition(span) for span in spans(connection)]
    if arguments.json:
        tables = [vars(row) for row in rows]
        print(json.dumps({"tables": tables, "partitions": parts, "repaired": repaired}, indent=2))
        return
    cells = [
        (r.table, f"{r.rows:,}", f"{r.table_bytes / 2**20:,.1f}", f"{r.index_bytes / 2**20:,.1f}")
        for r in rows
    ]
    print_table(("TABLE", "ROWS", "DATA MiB", "INDEXES MiB"), cells)
    if parts:
        print()
        heads = ("partition", "from", "until", "archived")
        print_table(tuple(h.upper() for h in heads), [tuple(str(p[h] or "") for h in heads) for p in parts])
    print(f"repaired from Airflow's tables: {', '.join(f'{n:,} {what}' for what, n in repaired.items())}")


def _partition(span: Span) -> dict[str, Any]:
    return {
        "partition": span.name,
        "from": _day(span.started),
        "until": None if span.ended is None else _day(span.ended),
        "archived": span.archived or None,
    }


def _day(milliseconds: int) -> str:
    return f"{datetime.datetime.fromtimestamp(milliseconds / 1000, datetime.UTC):%Y-%m-%d}"


def _repaired(database: Engine) -> dict[str, int]:
    from chronos_plugin.db.engine import reading
    from chronos_plugin.db.store.lists import counter

    with reading(database) as connection:
        return {what: counter(connection, f"repaired_{what}") for what in ("runs", "workflows")}


@plainly
def archive(arguments: Namespace) -> None:
    """Move old partitions to files."""
    from chronos_plugin import settings
    from chronos_plugin.db.engine import engine
    from chronos_plugin.db.store import archive as archives
    from chronos_plugin.db.store import lists
    from chronos_plugin.db.store.dictionaries import Dictionaries
    from chronos_plugin.lineage.product_types import load_product_types

    before = moment(arguments.before)
    database = engine()
    wanted = archives.due(database, before)
    if arguments.dry_run:
        _print_moves([_partition(span) for span in wanted], "would be archived", arguments.json)
        return
    configured = settings.load()
    if wanted:
        # Lists of names are made from the rows, and stay when these go.
        lists.pack_names(database, Dictionaries(load_product_types(configured.product_types)))
    root = Path(arguments.folder or configured.archive_root)
    moved = [vars(archives.archive(database, span, root, _tell)) for span in wanted]
    _print_moves(moved, "archived", arguments.json)


@plainly
def restore(arguments: Namespace) -> None:
    """Bring archived partitions back."""
    from chronos_plugin.db.engine import engine
    from chronos_plugin.db.store import archive as archives

    database = engine()
    wanted = [archives.archived(database, name) for name in arguments.partition]
    if arguments.dry_run:
        _print_moves([_partition(span) for span in wanted], "would be restored", arguments.json)
        return
    moved = [vars(archives.restore(database, span, _tell)) for span in wanted]
    _print_moves(moved, "restored", arguments.json)


def _tell(words: str) -> None:
    print(words, file=sys.stderr)


def _print_moves(moves: list[dict[str, Any]], done: str, as_json: bool) -> None:
    if as_json:
        print(json.dumps(moves, indent=2))
        return
    for move in moves:
        words = f"{move['partition']}: {done}"
        if "rows" in move:
            counts = ", ".join(f"{n:,} {table}" for table, n in move["rows"].items() if n)
            words += f": {counts}, {move['bytes'] / 2**20:,.1f} MiB in {move['folder']}"
        print(words)
    if not moves:
        print("nothing to do: no partition was filled before that date")


@plainly
def tidy(arguments: Namespace) -> None:
    """Do the store's maintenance now."""
    import dataclasses

    from chronos_plugin import settings
    from chronos_plugin.db.engine import engine
    from chronos_plugin.db.store import maintenance
    from chronos_plugin.db.store.dictionaries import Dictionaries
    from chronos_plugin.lineage.product_types import load_product_types

    configured = settings.load()
    dictionaries = Dictionaries(load_product_types(configured.product_types))
    done = maintenance.tidy(engine(), dictionaries, context_days=configured.context_days)
    _print_counts(dataclasses.asdict(done), arguments.json)


@plainly
def reconcile(arguments: Namespace) -> None:
    """Compare the history with Airflow's tables now."""
    import dataclasses

    from chronos_plugin import settings
    from chronos_plugin.db.engine import engine
    from chronos_plugin.db.store.reconcile import Reconciler
    from chronos_plugin.lineage.spool import Spool

    found = Reconciler(engine(), Spool(settings.load().spool_root)).reconcile()
    _print_counts(dataclasses.asdict(found), arguments.json)


@plainly
def recorder(arguments: Namespace) -> None:
    """Load the spool, once or until the process is told to end."""
    from chronos_plugin.db.store.service import serve

    done = serve(once=arguments.once)
    _print_counts(vars(done), False)


def _print_counts(counts: dict[str, int], as_json: bool) -> None:
    if as_json:
        print(json.dumps(counts))
    else:
        print(", ".join(f"{name.replace('_', ' ')}: {count:,}" for name, count in counts.items()))
