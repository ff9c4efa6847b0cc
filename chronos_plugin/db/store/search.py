"""Finding datasets by words, type, attributes, checksum, time."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from chronos_plugin.db.store import lists, read
from chronos_plugin.db.store.assemble import milliseconds
from chronos_plugin.db.store.dictionaries import Dictionaries
from chronos_plugin.db.store.packing import pack_checksum, unpack_ids
from chronos_plugin.db.store.read import DATASET_COLUMNS, DatasetRow, on_postgresql, table
from chronos_plugin.errors import InputInvalid
from chronos_plugin.lineage import names

if TYPE_CHECKING:
    from sqlalchemy import Connection

MOST_SCANNED = 200_000
"""Young datasets that are read one by one for what has no list yet."""
_WIDTHS = re.compile(r"[0-9]{2,18}")


@dataclass(frozen=True)
class DatasetFilter:
    """What datasets must have, all of it.

    Attributes:
        text: Words and numbers that the name contains, in any order.
        type: Product type; with ``*`` at the end, all that begin so.
        attributes: Values by attribute: those of the product type's rule, and indexed ones of facets
            (``FACET.PROPERTY``).
        checksum: ``sha1$…``.
        since: Recorded at or after; ``until``: recorded before. Runs are recorded when they end.
    """

    text: str = ""
    type: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    checksum: str = ""
    since: datetime.datetime | None = None
    until: datetime.datetime | None = None


@dataclass(frozen=True)
class Found:
    """One page of datasets, the youngest first.

    Attributes:
        next: Where the next page begins; None: this was the last one.
    """

    rows: list[DatasetRow]
    next: int | None


class Search:
    """One question, on one connection."""

    def __init__(self, connection: Connection, dictionaries: Dictionaries, wanted: DatasetFilter) -> None:
        self.connection = connection
        self.dictionaries = dictionaries
        self.wanted = wanted
        words, numbers = names.words(wanted.text)
        self.words = words
        self.named = {k: v for k, v in wanted.attributes.items() if "." not in k}
        self.indexed = {k: v for k, v in wanted.attributes.items() if "." in k}
        digits = {d for value in self.named.values() for d in _WIDTHS.findall(value)}
        self.numbers = numbers | digits
        self.templates = {
            number: entry for number, entry in dictionaries.templates() if self._template_fits(*entry)
        }

    def page(self, limit: int, before: int | None) -> Found:
        """Return datasets with ids below ``before``."""
        if not self.templates:
            return Found([], None)
        rows = []
        for row in self._candidates(before, limit):
            if self._fits(row):
                rows.append(row)
                if len(rows) > limit:
                    return Found(rows[:limit], rows[limit - 1].id)
        return Found(rows, None)

    # -- candidates, the youngest first --------------------------------------------------------

    def _candidates(self, before: int | None, limit: int) -> Iterable[DatasetRow]:
        low, high = self._bounds(before)
        if self.wanted.checksum:
            yield from self._by_checksum(low, high)
            return
        listed = [lists.key_of(int(d), len(d)) for d in self.numbers if lists.is_listed(len(d))]
        attributes = [lists.attribute_key(k, v) for k, v in self.indexed.items()]
        if not listed and not attributes:
            yield from self._youngest(low, high, limit)
            return
        # What is younger than the lists is read row by row.
        packed = lists.names_packed(self.connection) << 8
        if high > packed:
            yield from self._scan(max(low, packed), high)
        ids = self._intersect(listed, attributes)
        wanted = sorted((i for i in ids if low <= i < min(high, packed)), reverse=True)
        for start in range(0, len(wanted), 1000):
            part = wanted[start : start + 1000]
            rows = read.datasets(self.connection, part)
            yield from (rows[i] for i in part if i in rows)

    def _bounds(self, before: int | None) -> tuple[int, int]:
        low, high = 0, 1 << 62
        if self.wanted.since:
            low = number_at(self.connection, milliseconds(self.wanted.since)) << 8
        if self.wanted.until:
            high = number_at(self.connection, milliseconds(self.wanted.until)) << 8
        return low, min(high, before if before is not None else high)

    def _by_checksum(self, low: int, high: int) -> Iterable[DatasetRow]:
        rows = self.connection.execute(
            text(
                f"SELECT {DATASET_COLUMNS} FROM {table(self.connection, 'dataset')} "  # noqa: S608
                "WHERE checksum = :checksum AND id >= :low AND id < :high ORDER BY id DESC"
            ),
            {"checksum": pack_checksum(self.wanted.checksum), "low": low, "high": high},
        )
        return (DatasetRow(*row) for row in rows)

    def _youngest(self, low: int, high: int, limit: int) -> Iterable[DatasetRow]:
        """Read backwards in time; then, for rare templates, by template."""
        newest = lists.counter(self.connection, "number") << 8
        middle = max(low, min(high, newest) - (MOST_SCANNED << 8))
        found = 0
        for row in self._scan(middle, high):
            found += 1
            yield row
        if found > limit or middle <= low:
            return
        rows = self.connection.execute(
            text(
                f"SELECT {DATASET_COLUMNS} FROM {table(self.connection, 'dataset')} "  # noqa: S608
                f"WHERE template IN ({_listed(self.templates)}) AND id >= :low AND id < :high "
                "ORDER BY id DESC LIMIT :most"
            ),
            {"low": low, "high": middle, "most": MOST_SCANNED},
        )
        yield from (DatasetRow(*row) for row in rows)

    def _scan(self, low: int, high: int) -> Iterable[DatasetRow]:
        rows = self.connection.execute(
            text(
                f"SELECT {DATASET_COLUMNS} FROM {table(self.connection, 'dataset')} "  # noqa: S608
                f"WHERE id >= :low AND id < :high AND template IN ({_listed(self.templates)}) "
                f"{self._numbers_condition()} ORDER BY id DESC"
            ),
            {"low": low, "high": high},
            execution_options={"yield_per": 1000},
        )
        try:
            for row in rows:
                yield DatasetRow(*row)
        finally:
            rows.close()

    def _numbers_condition(self) -> str:
        """Return SQL that leaves out most names without the wanted numbers."""
        conditions = []
        for digits in sorted(self.numbers):
            value = names.number_bytes(int(digits), len(digits)).hex()
            literal = f"'\\x{value}'::bytea" if on_postgresql(self.connection) else f"X'{value}'"
            function = "position" if on_postgresql(self.connection) else "instr"
            test = (
                f"position({literal} IN numbers) > 0"
                if function == "position"
                else (f"instr(numbers, {literal}) > 0")
            )
            conditions.append(f"AND {test}")
        return " ".join(conditions)

    def _intersect(self, listed: Sequence[int], attributes: Sequence[int]) -> set[int]:
        found: set[int] | None = None
        for kind, keys in ((lists.ATTRIBUTES, attributes), (lists.NUMBERS, listed)):
            for key in keys:
                statement = text(
                    f"SELECT data FROM {table(self.connection, 'posting')} "  # noqa: S608
                    "WHERE kind = :kind AND key = :key"
                )
                ids: set[int] = set()
                for row in self.connection.execute(statement, {"kind": kind, "key": key}):
                    ids.update(unpack_ids(row[0]))
                found = ids if found is None else found & ids
        return found or set()

    # -- what fits -----------------------------------------------------------------------------

    def _template_fits(self, namespace: str, template: str, kind: str) -> bool:
        del namespace
        wanted = self.wanted.type
        if wanted and (not kind.startswith(wanted[:-1]) if wanted.endswith("*") else kind != wanted):
            return False
        name = template.partition("\n")[0]
        lower = name.lower()
        if not all(word in lower for word in self.words):
            return False
        slots = [argument for kind, argument in names.name_slots(template)[1] if kind == "number"]
        return all(slots.count(len(d)) > 0 for d in self.numbers) or "{*}" in name

    def _fits(self, row: DatasetRow) -> bool:
        if row.template not in self.templates:
            return False
        template = self.dictionaries.template(row.template)[1]
        name = names.decode(template, row.numbers).rpartition("/")[2]
        if not all(number in name for number in self.numbers):
            return False
        if not all(word in name.lower() for word in self.words):
            return False
        if self.indexed and not self._facets_fit(row.id):
            return False
        attributes = self.dictionaries.types.recognise(name).attributes if self.named else {}
        return all(attributes.get(k) == v for k, v in self.named.items())

    def _facets_fit(self, identity: int) -> bool:
        from chronos_plugin.lineage.facets import indexed_attributes

        found = indexed_attributes(read.facets(self.connection, "dataset", identity))
        return all(found.get(k) == v for k, v in self.indexed.items())


def number_at(connection: Connection, moment: int) -> int:
    """Return the first number that was given to a run at about this moment or after it.

    Runs are numbered when they are recorded, which is when they end; so the order of starts is not exact.
    """
    low, high = 0, lists.counter(connection, "number")
    name = table(connection, "run")
    statement = text(
        f"SELECT number, started + greatest(duration, 0) FROM {name} "  # noqa: S608
        "WHERE number >= :number ORDER BY number LIMIT 1"
        if on_postgresql(connection)
        else f"SELECT number, started + max(duration, 0) FROM {name} "  # noqa: S608
        "WHERE number >= :number ORDER BY number LIMIT 1"
    )
    while low < high:
        middle = (low + high) // 2
        row = connection.execute(statement, {"number": middle}).first()
        if row is None or row[1] >= moment:
            high = middle
        else:
            low = row[0] + 1
    return low


def check_filter(wanted: DatasetFilter) -> None:
    """Refuse a filter that asks for nothing.

    Raises:
        InputInvalid: If nothing is asked for.
    """
    if wanted == DatasetFilter():
        raise InputInvalid(
            "say what to look for: words of the name, a type, an attribute, a checksum, a time"
        )


def _listed(numbers: Iterable[int]) -> str:
    return ", ".join(str(int(number)) for number in numbers)


def as_cursor(value: Any) -> int | None:
    """Return a cursor of a page.

    Raises:
        InputInvalid: If it is none.
    """
    if value in (None, ""):
        return None
    try:
        return int(value)
    except ValueError as error:
        raise InputInvalid(f"{value!r} is no cursor: take it from the page before") from error


def by_name(connection: Connection, dictionaries: Dictionaries, name: str, limit: int) -> list[DatasetRow]:
    """Return the datasets whose name is exactly this, wherever they lie; the youngest first."""
    template, numbers = names.encode(name)
    first = template.partition("\n")[0]
    # Numbers of the name stand before those of the folder: a range of the index.
    above = _after(numbers)
    rows: list[DatasetRow] = []
    for number in dictionaries.templates_named(first):
        condition = "AND numbers < :above" if above else ""
        found = connection.execute(
            text(
                f"SELECT {DATASET_COLUMNS} FROM {table(connection, 'dataset')} "  # noqa: S608
                f"WHERE template = :template AND numbers >= :numbers {condition} LIMIT :most"
            ),
            {"template": number, "numbers": numbers, "most": MOST_SCANNED}
            | ({"above": above} if above else {}),
        )
        rows += [DatasetRow(*row) for row in found]
    fitting = [r for r in rows if _name(dictionaries, r) == name]
    return sorted(fitting, key=lambda row: -row.id)[:limit]


def _after(prefix: bytes) -> bytes:
    """Return the first text of bytes that is above all with this prefix; empty: there is none."""
    stripped = prefix.rstrip(b"\xff")
    return stripped[:-1] + bytes([stripped[-1] + 1]) if stripped else b""


def _name(dictionaries: Dictionaries, row: DatasetRow) -> str:
    return names.decode(dictionaries.template(row.template)[1], row.numbers).rpartition("/")[2]
