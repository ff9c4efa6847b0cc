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
_WORTH_REBUILDING = 250_000
"""Numbers."""


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
        rebuild_indexes(engine),
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


def rebuild_indexes(engine: Engine) -> int:
    """Rebuild indexes on PostgreSQL of whose pages half is air; return of how many partitions.

    Those of partitions that are not written any more; and that of names in the one that is, each time when
    it has doubled: products of many templates come in turn, which leaves the pages half empty.
    """
    if engine.dialect.name != "postgresql":
        return 0
    with reading(engine) as connection:
        done = lists.counter(connection, "partitions_rebuilt")
        spans = partitions.spans(connection)
        closed = [p.id for p in spans if p.last is not None and p.id >= done and not p.archived]
        newest, number = spans[-1] if spans else None, lists.counter(connection, "number")
        before = lists.counter(connection, "names_rebuilt")
    for part in closed:
        _rebuild(engine, part, "%", 100)
    if closed:
        with writing(engine) as connection:
            lists.set_counter(connection, "partitions_rebuilt", closed[-1] + 1)
        log.info("%d partitions have been written to their end; their indexes are rebuilt", len(closed))
    if newest is None or not _doubled(newest.first, before, number):
        return len(closed)
    _rebuild(engine, newest.id, "%numbers_idx", 90)
    with writing(engine) as connection:
        lists.set_counter(connection, "names_rebuilt", number)
    return len(closed) + 1


def _doubled(first: int, before: int, now: int) -> bool:
    return now - first >= max(_WORTH_REBUILDING, 2 * (before - first))


def _rebuild(engine: Engine, part: int, which: str, fill: int) -> None:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        names = connection.execute(
            text(
                "SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
                "JOIN pg_am a ON a.oid = c.relam WHERE a.amname = 'btree' AND c.relname LIKE :which AND "
                "i.indrelid IN (CAST(:run AS regclass), CAST(:dataset AS regclass))"
            ),
            {
                "which": which,
                "run": f"{SCHEMA}.{partitions.table_name('run', part)}",
                "dataset": f"{SCHEMA}.{partitions.table_name('dataset', part)}",
            },
        ).scalars()
        for name in list(names):
            connection.execute(text(f'ALTER INDEX {SCHEMA}."{name}" SET (fillfactor = {fill})'))
            connection.execute(text(f'REINDEX INDEX CONCURRENTLY {SCHEMA}."{name}"'))
