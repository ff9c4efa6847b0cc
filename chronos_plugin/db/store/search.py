"""Finding datasets by words, type, attributes, checksum, time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, product
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from chronos_plugin.db.store import lists, read
from chronos_plugin.db.store.assemble import milliseconds
from chronos_plugin.db.store.dictionaries import Dictionaries
from chronos_plugin.db.store.packing import pack_checksum, unpack_ids
from chronos_plugin.db.store.paths import plan_lookups, plan_summaries
from chronos_plugin.db.store.read import DATASET_COLUMNS, DatasetRow, on_postgresql, table
from chronos_plugin.errors import InputInvalid
from chronos_plugin.lineage import names
from chronos_plugin.lineage.questions import DatasetFilter

if TYPE_CHECKING:
    from sqlalchemy import Connection

MOST_SCANNED = 200_000
"""Young datasets that are read one by one for what has no list yet."""
MOST_CANDIDATES = 20_000
"""Rows that are looked at for one page; a page may then be short, and the next one goes on."""
_LEAST_PREFIX = 2
_MOST_ASSIGNED = 4
_WIDTHS = re.compile(r"[0-9]{2,18}")


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
        rows: list[DatasetRow] = []
        for count, row in enumerate(self._candidates(before, limit)):
            if count >= MOST_CANDIDATES:
                return Found(rows, row.id + 1)
            if self._fits(row):
                rows.append(row)
                if len(rows) > limit:
                    return Found(rows[:limit], rows[limit - 1].id)
        return Found(rows, None)

    # -- candidates, the youngest first --------------------------------------------------------

    def _candidates(self, before: int | None, limit: int) -> Iterable[DatasetRow]:
        low, high = self._bounds(before)
        listed = [lists.key_of(int(d), len(d)) for d in self.numbers if lists.is_listed(len(d))]
        attributes = [lists.attribute_key(k, v) for k, v in self.indexed.items()]
        if self.wanted.checksum:
            return self._by_checksum(low, high)
        if not attributes and (prefixes := self._prefixes()):
            return self._by_prefix(prefixes, low, high)
        if listed or attributes:
            return self._by_lists(listed, attributes, low, high)
        return self._youngest(low, high, limit)

    def _prefixes(self) -> set[tuple[int, bytes]]:
        """Return ranges of the index on names that hold all that fits; none: there are no such ranges.

        The numbers of a name are those of the index, from the first on. So two numbers or more that can
        only be the first ones of a name are found there, whatever their order in the question.
        """
        found: set[tuple[int, bytes]] = set()
        wanted = sorted(self.numbers)
        if len(wanted) < _LEAST_PREFIX or len(wanted) > _MOST_ASSIGNED:
            return found
        for template, entry in self.templates.items():
            for prefix in _assigned(names.name_slots(entry[1])[1], wanted):
                if prefix is None:
                    return set()
                found.add((template, prefix))
        return found

    def _by_prefix(self, prefixes: set[tuple[int, bytes]], low: int, high: int) -> Iterable[DatasetRow]:
        rows: list[DatasetRow] = []
        for template, prefix in prefixes:
            rows += by_prefix(self.connection, template, prefix, low, high)
        return sorted(rows, key=lambda row: -row.id)

    def _by_lists(
        self, listed: Sequence[int], attributes: Sequence[int], low: int, high: int
    ) -> Iterable[DatasetRow]:
        # What is younger than the lists is read row by row.
        packed = lists.names_packed(self.connection) << 8
        if high > packed:
            yield from self._scan(max(low, packed), high)
        ordered = self._from_shortest(listed, attributes, low, min(high, packed))
        while part := list(islice(ordered, 500)):
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
        plan_summaries(self.connection)
        rows = self.connection.execute(
            text(
                f"SELECT {DATASET_COLUMNS} FROM {table(self.connection, 'dataset')} "  # noqa: S608
                "WHERE checksum = :checksum LIMIT :most"
            ),
            {"checksum": pack_checksum(self.wanted.checksum), "most": MOST_CANDIDATES},
        )
        found = (DatasetRow(*row) for row in rows)
        return sorted((row for row in found if low <= row.id < high), key=lambda row: -row.id)

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

    def _from_shortest(
        self, listed: Sequence[int], attributes: Sequence[int], low: int, high: int
    ) -> Iterator[int]:
        """Yield the ids of the shortest list, the youngest first; whoever reads the rows checks the rest."""
        name = table(self.connection, "posting")
        lengths = []
        for kind, keys in ((lists.ATTRIBUTES, attributes), (lists.NUMBERS, listed)):
            for key in keys:
                statement = text(
                    f"SELECT coalesce(sum(entries), 0) FROM {name} "  # noqa: S608
                    "WHERE kind = :kind AND key = :key"
                )
                length = self.connection.execute(statement, {"kind": kind, "key": key}).scalar_one()
                lengths.append((int(length), kind, key))
        _, kind, key = min(lengths)
        statement = text(
            f"SELECT data FROM {name} WHERE kind = :kind AND key = :key ORDER BY place DESC"  # noqa: S608
        )
        rows = self.connection.execute(
            statement, {"kind": kind, "key": key}, execution_options={"yield_per": 10}
        )
        try:
            for row in rows:
                yield from (i for i in reversed(unpack_ids(row[0])) if low <= i < high)
        finally:
            rows.close()

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
        _, template, kind = self.dictionaries.template(row.template)
        name = names.decode(template, row.numbers).rpartition("/")[2]
        if not all(number in name for number in self.numbers):
            return False
        if not all(word in name.lower() for word in self.words):
            return False
        if self.indexed and not self._facets_fit(row.id):
            return False
        types = self.dictionaries.types
        attributes = types.recognise(name, kind=kind).attributes if self.named else {}
        return all(attributes.get(k) == v for k, v in self.named.items())

    def _facets_fit(self, identity: int) -> bool:
        from chronos_plugin.lineage.facets import indexed_attributes

        found = indexed_attributes(read.facets_of_dataset(self.connection, identity))
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
    rows: list[DatasetRow] = []
    for number in dictionaries.templates_named(template.partition("\n")[0]):
        rows += by_prefix(connection, number, numbers)
    fitting = [r for r in rows if _name(dictionaries, r) == name]
    return sorted(fitting, key=lambda row: -row.id)[:limit]


def by_prefix(
    connection: Connection, template: int, prefix: bytes, low: int = 0, high: int = 1 << 62
) -> list[DatasetRow]:
    """Return the datasets of a template whose numbers begin so, some of them where they are very many."""
    if on_postgresql(connection):
        plan_lookups(connection)
    above = _after(prefix)
    condition = "AND numbers < :above" if above else ""
    parameters = {"template": template, "numbers": prefix, "low": low, "high": high, "most": MOST_CANDIDATES}
    found = connection.execute(
        text(
            f"SELECT {DATASET_COLUMNS} FROM {table(connection, 'dataset')} "  # noqa: S608
            f"WHERE template = :template AND numbers >= :numbers {condition} "
            # The planner would believe in the range of ids, which mostly is all of them.
            "AND id + 0 >= :low AND id + 0 < :high LIMIT :most"
        ),
        parameters | ({"above": above} if above else {}),
    )
    return [DatasetRow(*row) for row in found]


def _assigned(slots: Sequence[names.Slot], wanted: Sequence[str]) -> Iterator[bytes | None]:
    """Yield, for each way in which numbers can stand in a name, the first bytes that it then has.

    None: in that way the first two numbers of the name are not both among those wanted.
    """
    places = [[i for i, slot in enumerate(slots) if slot == ("number", len(d))] for d in wanted]
    for way in product(*places):
        if len(set(way)) < len(way):
            continue
        prefix = b""
        by_slot = dict(zip(way, wanted, strict=True))
        length = 0
        while length in by_slot:
            digits = by_slot[length]
            prefix += names.number_bytes(int(digits), len(digits))
            length += 1
        yield prefix if length >= _LEAST_PREFIX else None


def _after(prefix: bytes) -> bytes:
    """Return the first text of bytes that is above all with this prefix; empty: there is none."""
    stripped = prefix.rstrip(b"\xff")
    return stripped[:-1] + bytes([stripped[-1] + 1]) if stripped else b""


def _name(dictionaries: Dictionaries, row: DatasetRow) -> str:
    return names.decode(dictionaries.template(row.template)[1], row.numbers).rpartition("/")[2]
