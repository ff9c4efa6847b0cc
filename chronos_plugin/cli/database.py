"""What the commands under ``airflow chronos db`` do."""

from __future__ import annotations

import json
from argparse import Namespace
from typing import TYPE_CHECKING, Any

from chronos_plugin.cli.output import plainly, print_table
from chronos_plugin.errors import DatabaseNotReady

if TYPE_CHECKING:
    from sqlalchemy import Engine


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
    """Print the sizes of the tables."""
    from chronos_plugin.db.engine import engine
    from chronos_plugin.db.sizes import table_sizes

    database = engine()
    rows, repaired = table_sizes(database), _repaired(database)
    if arguments.json:
        print(json.dumps({"tables": [vars(row) for row in rows], "repaired": repaired}, indent=2))
        return
    cells = [
        (r.table, f"{r.rows:,}", f"{r.table_bytes / 2**20:,.1f}", f"{r.index_bytes / 2**20:,.1f}")
        for r in rows
    ]
    print_table(("TABLE", "ROWS", "DATA MiB", "INDEXES MiB"), cells)
    print(f"repaired from Airflow's tables: {', '.join(f'{n:,} {what}' for what, n in repaired.items())}")


def _repaired(database: Engine) -> dict[str, int]:
    from chronos_plugin.db.engine import reading
    from chronos_plugin.db.store.lists import counter

    with reading(database) as connection:
        return {what: counter(connection, f"repaired_{what}") for what in ("runs", "workflows")}


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
