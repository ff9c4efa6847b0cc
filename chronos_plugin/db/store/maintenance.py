"""What keeps the store small and fast as time goes on; the recorder does it when it is due."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, select, text

from chronos_plugin.db.engine import reading, writing
from chronos_plugin.db.metadata import SCHEMA
from chronos_plugin.db.store import lists, partitions
from chronos_plugin.db.store.search import number_at
from chronos_plugin.db.tables import lineage as tables
from chronos_plugin.lineage.model import RunState

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from chronos_plugin.db.store.dictionaries import Dictionaries

log = logging.getLogger("chronos.store")

KEY_DAYS = 2
"""Days for which runs are known by id at once; older ones are looked for in the partitions."""
_DAY = 86_400
_AT_ONCE = 100_000


@dataclass(frozen=True)
class Done:
    """What one round of maintenance did."""

    usage_packed: int = 0
    names_packed: int = 0
    keys_dropped: int = 0
    contexts_dropped: int = 0
    indexes_rebuilt: int = 0


def pack_if_due(engine: Engine, dictionaries: Dictionaries) -> tuple[int, int]:
    """Pack usage and names where enough of them wait; return how many of each."""
    with reading(engine) as connection:
        waiting = connection.execute(select(func.count()).select_from(tables.usage_recent)).scalar_one()
    usage = lists.pack_usage_now(engine) if waiting >= lists.PACK_USAGE_FROM else 0
    return usage, lists.pack_names(engine, dictionaries, least=lists.PACK_NAMES_FROM)


def tidy(
    engine: Engine,
    dictionaries: Dictionaries,
    *,
    context_days: int = 90,
    clock: Callable[[], float] = time.time,
) -> Done:
    """Do whatever is due. Takes seconds for a month of recording, and may be done at any time.

    Args:
        context_days: Days that contexts of successful runs are kept; 0: for ever.
        clock: Seconds since 1970.
    """
    usage, named = pack_if_due(engine, dictionaries)
    return Done(
        usage,
        named,
        _drop_keys(engine, clock() - KEY_DAYS * _DAY),
        _drop_contexts(engine, clock() - context_days * _DAY) if context_days else 0,
        _rebuild_indexes(engine),
    )


def _drop_keys(engine: Engine, before: float) -> int:
    with writing(engine) as connection:
        first = number_at(connection, int(before * 1000))
        if first <= lists.counter(connection, "keys_from"):
            return 0
        lists.set_counter(connection, "keys_from", first)
        table, run = tables.run_key, tables.run
        unfinished = select(run.c.number).where(run.c.state < int(RunState.COMPLETE))
        dropped = connection.execute(
            table.delete().where(table.c.number < first, table.c.number.not_in(unfinished))
        )
        return int(dropped.rowcount)


def _drop_contexts(engine: Engine, before: float) -> int:
    dropped = 0
    with reading(engine) as connection:
        last = number_at(connection, int(before * 1000))
    while True:
        with writing(engine) as connection:
            first = lists.counter(connection, "contexts_from")
            if first >= last:
                return dropped
            following = min(last, first + _AT_ONCE)
            dropped += _drop_contexts_of(connection, first, following)
            lists.set_counter(connection, "contexts_from", following)


def _drop_contexts_of(connection: Connection, first: int, last: int) -> int:
    facet, run = tables.run_facet, tables.run
    well = select(run.c.number).where(
        run.c.number >= first, run.c.number < last, run.c.state == int(RunState.COMPLETE)
    )
    gone = connection.execute(
        facet.delete().where(
            facet.c.number >= first,
            facet.c.number < last,
            facet.c.name == "context",
            facet.c.number.in_(well),
        )
    )
    return int(gone.rowcount)


def _rebuild_indexes(engine: Engine) -> int:
    """Rebuild the indexes of partitions that are not written any more: half of their pages' room is air."""
    if engine.dialect.name != "postgresql":
        return 0
    with reading(engine) as connection:
        done = lists.counter(connection, "partitions_rebuilt")
        closed = [p.id for p in partitions.spans(connection) if p.last is not None and p.id >= done]
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for part in closed:
            names = connection.execute(
                text(
                    "SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
                    "JOIN pg_am a ON a.oid = c.relam WHERE a.amname = 'btree' AND "
                    "i.indrelid IN (CAST(:run AS regclass), CAST(:dataset AS regclass))"
                ),
                {
                    "run": f"{SCHEMA}.{partitions.table_name('run', part)}",
                    "dataset": f"{SCHEMA}.{partitions.table_name('dataset', part)}",
                },
            ).scalars()
            for name in list(names):
                connection.execute(text(f'ALTER INDEX {SCHEMA}."{name}" SET (fillfactor = 100)'))
                connection.execute(text(f'REINDEX INDEX CONCURRENTLY {SCHEMA}."{name}"'))
    if closed:
        with writing(engine) as connection:
            lists.set_counter(connection, "partitions_rebuilt", closed[-1] + 1)
        log.info("%d partitions have been written to their end; their indexes are rebuilt", len(closed))
    return len(closed)
