"""Packed lists: who read what, and which datasets have a number in their name or an attribute.

Rows are appended and never changed. What is young is not packed yet: usage stands in ``usage_recent``, and
names are found by reading the youngest datasets.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Engine, select, text

from chronos_plugin.db.engine import writing
from chronos_plugin.db.store.dictionaries import Dictionaries
from chronos_plugin.db.store.packing import Chunk, pack_ids, pack_usage
from chronos_plugin.db.store.rows import insert
from chronos_plugin.db.tables import lineage as tables
from chronos_plugin.lineage import names
from chronos_plugin.lineage.facets import facet_types, indexed_attributes

USAGE = 0
"""Kind of list: runs by dataset that they read."""
NUMBERS = 1
"""Kind of list: datasets by a number in their name."""
ATTRIBUTES = 2
"""Kind of list: datasets by an indexed property of a facet."""

PACK_USAGE_FROM = 200_000
"""Usage is packed when so many entries wait."""
PACK_NAMES_FROM = 200_000
"""Names are packed when so many numbers of runs have been given since the last time."""
PACKED_AT_ONCE = 1_000_000
_NAMES_WATERMARK = "names_packed"


def pack_usage_now(engine: Engine) -> int:
    """Pack all usage that waits; return how many entries."""
    with writing(engine) as connection:
        lock_numbers(connection)
        name = f"{tables.usage_recent.schema}." if connection.dialect.name == "postgresql" else ""
        pairs = sorted(
            (row[0], row[1])
            for row in connection.execute(
                text(f"DELETE FROM {name}usage_recent RETURNING dataset, number")  # noqa: S608
            )
        )
        append(connection, USAGE, pack_usage(pairs, next_serial(connection)))
        return len(pairs)


def pack_names(engine: Engine, dictionaries: Dictionaries, *, least: int = 1) -> int:
    """Pack the numbers in the names of datasets that are new since the last time; return how many datasets.

    Args:
        least: Do nothing where fewer numbers of runs have been given since.
    """
    done = 0
    while True:
        with writing(engine) as connection:
            last = lock_numbers(connection)
            first = counter(connection, _NAMES_WATERMARK)
            if last - first < least:
                return done
            # In steps, so that neither memory nor the lock on the numbers is taken for long.
            until = min(last, first + PACKED_AT_ONCE)
            dictionaries.follow(connection)
            done += _pack_names(connection, dictionaries, first, until)
            set_counter(connection, _NAMES_WATERMARK, until)


def _pack_names(connection: Connection, dictionaries: Dictionaries, first: int, last: int) -> int:
    listed: defaultdict[int, list[int]] = defaultdict(list)
    done = 0
    for identity, template, numbers in _datasets(connection, first, last):
        done += 1
        for key in number_keys(dictionaries.template(template)[1], numbers):
            listed[key].append(identity)
    serial = next_serial(connection)
    append(connection, NUMBERS, (c for key in sorted(listed) for c in pack_ids(key, listed[key], serial)))
    _pack_attributes(connection, first, last, serial)
    return done


def names_packed(connection: Connection) -> int:
    """Return the number from which on names are not packed."""
    return counter(connection, _NAMES_WATERMARK)


def number_keys(template: str, numbers: bytes) -> set[int]:
    """Return the keys of the lists in which a name stands."""
    places = _listed_places(template)
    if places is not None:
        return {base + int.from_bytes(numbers[start:end], "big") for start, end, base in places}
    keys = set()
    position = 0
    for slot in names.name_slots(template)[1]:
        width = names.width(slot)
        if width is None:
            position += 1 + numbers[position]
            continue
        if slot[0] == "number" and is_listed(slot[1]):
            keys.add(key_of(int.from_bytes(numbers[position : position + width], "big"), slot[1]))
        position += width
    return keys


@lru_cache(maxsize=4096)
def _listed_places(template: str) -> list[tuple[int, int, int]] | None:
    """Return where in the numbers of a template those with lists stand, and the key of their 0.

    None: not in the same places for all names.
    """
    places = []
    position = 0
    for slot in names.name_slots(template)[1]:
        width = names.width(slot)
        if width is None:
            return None
        if slot[0] == "number" and is_listed(slot[1]):
            places.append((position, position + width, key_of(0, slot[1])))
        position += width
    return places


def is_listed(digits: int) -> bool:
    """Return whether numbers of so many digits have lists.

    Counters of two digits are in too many names, and times of six in too few to pay for their lists.
    """
    return digits >= 3 and digits != 6


def key_of(value: int, digits: int) -> int:
    """Return the key of a number's list; 012 and 12 are two numbers."""
    return int(10**digits + value)


def attribute_key(name: str, value: str) -> int:
    """Return the key of an attribute's list."""
    digest = hashlib.blake2b(f"{name}={value}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def append(connection: Connection, kind: int, chunks: Iterable[Chunk]) -> None:
    """Append packed lists."""
    insert(connection, tables.posting, [(kind, *chunk) for chunk in chunks])


def next_serial(connection: Connection) -> int:
    """Return the serial of a packing."""
    return set_counter(connection, "packing", counter(connection, "packing") + 1)


def lock_numbers(connection: Connection) -> int:
    """Keep loaders out until the transaction ends; return the next number."""
    statement = select(tables.counter.c.value).where(tables.counter.c.name == "number")
    return int(connection.execute(statement.with_for_update()).scalar_one())


def counter(connection: Connection, name: str) -> int:
    """Return a counter, 0 if there is none."""
    found = connection.execute(select(tables.counter.c.value).where(tables.counter.c.name == name)).scalar()
    return int(found or 0)


def set_counter(connection: Connection, name: str, value: int) -> int:
    """Set a counter; return it."""
    table = tables.counter
    changed = connection.execute(table.update().where(table.c.name == name).values(value=value))
    if not changed.rowcount:
        connection.execute(table.insert().values(name=name, value=value))
    return value


def _datasets(connection: Connection, first: int, last: int) -> Iterable[Sequence[Any]]:
    table = tables.dataset
    statement = (
        select(table.c.id, table.c.template, table.c.numbers)
        .where(table.c.id >= first << 8, table.c.id < last << 8)
        .order_by(table.c.id)
    )
    return connection.execute(statement, execution_options={"yield_per": 10_000})


def _pack_attributes(connection: Connection, first: int, last: int, serial: int) -> None:
    indexed = [t.name for t in facet_types().values() if t.of == "dataset" and t.indexed]
    if not indexed:
        return
    table = tables.dataset_facet
    statement = select(table).where(
        table.c.id >= first << 8, table.c.id < last << 8, table.c.name.in_(indexed)
    )
    listed: dict[int, set[int]] = {}
    for row in connection.execute(statement):
        for name, value in indexed_attributes({row.name: row.value}).items():
            listed.setdefault(attribute_key(name, value), set()).add(row.id)
    append(
        connection,
        ATTRIBUTES,
        (c for key in sorted(listed) for c in pack_ids(key, sorted(listed[key]), serial)),
    )
