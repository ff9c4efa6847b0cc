"""The tables of the history. ``docs/adr/0011-store.md`` says why they look so.

A *number* counts runs in the order of recording. A dataset's id is the number of the run that made it,
times 256, plus its place among that run's outputs; so the producer needs no column, and ids sort by time.
What no known run has made takes a number of its own, without a run.

Columns are ordered by width: PostgreSQL aligns them. Texts that repeat are in ``label``, ``template`` and
``job``.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from chronos_plugin.db.metadata import BigKey, Document, metadata

_BLOOM = " (n_distinct_per_range = {}, false_positive_rate = 0.001)"
"""PostgreSQL reckons with 291 rows a page; of ours fewer have room, and each has another value."""
OUTPUTS_PER_NUMBER = 256
"""Dataset ids to a number."""


def _column(name: str, kind: object, **options: object) -> Column[object]:
    return Column(name, kind, nullable=False, **options)  # type: ignore[arg-type]


label = Table(
    "label",
    metadata,
    Column("id", Integer, primary_key=True),
    _column("kind", Text),
    _column("text", Text),
    UniqueConstraint("kind", "text"),
)
"""Texts that repeat: targets, nodes, error signatures."""

template = Table(
    "template",
    metadata,
    Column("id", Integer, primary_key=True),
    _column("namespace", Text),
    _column("type", Text),
    _column("text", Text),
    UniqueConstraint("namespace", "text"),
)
"""What paths have in common (:mod:`chronos_plugin.lineage.names`), and their product type."""

job = Table(
    "job",
    metadata,
    Column("id", Integer, primary_key=True),
    _column("namespace", Text),
    _column("name", Text),
    _column("version", Text),
    _column("kind", Text),
    _column("workflow", Text),
    _column("step", Text),
    _column("image", Text),
    _column("ports", Document),
    _column("facets", Document),
    UniqueConstraint("namespace", "name", "version", "image"),
)
"""Versions of jobs; ``ports`` are the names that the links of their runs count."""

run = Table(
    "run",
    metadata,
    Column("number", BigKey, primary_key=True, autoincrement=False),
    _column("parent", BigInteger),  # a number; 0: none
    _column("started", BigInteger),  # milliseconds since 1970
    _column("uuid", Uuid),
    _column("job", Integer),
    _column("duration", Integer),  # milliseconds; -1: not ended
    _column("node", Integer),
    _column("error", Integer),  # label; 0: none
    _column("map_index", Integer),
    _column("cpu", Integer),  # milliseconds; -1: not measured
    _column("memory", Integer),  # KiB; -1: not measured
    _column("wait", Integer),  # milliseconds; -1: not measured
    _column("target", SmallInteger),
    _column("exit_code", SmallInteger),  # -32768: none
    _column("state", SmallInteger),
    _column("attempt", SmallInteger),
    _column("links", LargeBinary),  # chronos_plugin.db.store.packing
    postgresql_partition_by="RANGE (number)",
)
Index("ix_run_started", run.c.started, postgresql_using="brin", postgresql_with={"autosummarize": "on"})
Index(
    "ix_run_uuid",
    run.c.uuid,
    postgresql_using="brin",
    postgresql_ops={"uuid": "uuid_bloom_ops" + _BLOOM.format(-0.2)},
    postgresql_with={"pages_per_range": 32, "autosummarize": "on"},
)
Index(
    "ix_run_open",
    run.c.number,
    postgresql_where=text("state < 2"),
    sqlite_where=text("state < 2"),
)

dataset = Table(
    "dataset",
    metadata,
    Column("id", BigKey, primary_key=True, autoincrement=False),
    Column("producer", BigInteger),  # null: the number in the id; 0: no known run
    Column("size", BigInteger),
    _column("template", Integer),
    _column("numbers", LargeBinary),
    Column("checksum", LargeBinary),
    postgresql_partition_by="RANGE (id)",
)
Index("ix_dataset_name", dataset.c.template, dataset.c.numbers)
Index(
    "ix_dataset_checksum",
    dataset.c.checksum,
    postgresql_using="brin",
    postgresql_ops={"checksum": "bytea_bloom_ops" + _BLOOM.format(-0.35)},
    postgresql_with={"pages_per_range": 32, "autosummarize": "on"},
)

run_facet = Table(
    "run_facet",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("name", Text, primary_key=True),
    _column("value", Document),
    postgresql_partition_by="RANGE (number)",
)

dataset_facet = Table(
    "dataset_facet",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("name", Text, primary_key=True),
    _column("value", Document),
    postgresql_partition_by="RANGE (id)",
)

location = Table(
    "location",
    metadata,
    Column("dataset", BigInteger, primary_key=True, autoincrement=False),
    Column("template", Integer, primary_key=True),
    Column("numbers", LargeBinary, primary_key=True),
    Index("ix_location_name", "template", "numbers"),
)
"""Where copies of datasets lie, beside their first place."""

run_key = Table(
    "run_key",
    metadata,
    Column("uuid", Uuid, primary_key=True),
    _column("number", BigInteger),
)
"""Numbers of runs by id: all that are young, so that nothing is recorded twice."""

usage_recent = Table(
    "usage_recent",
    metadata,
    Column("dataset", BigInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
)
"""Which runs read a dataset, since the last packing into ``posting``."""

posting = Table(
    "posting",
    metadata,
    Column("kind", SmallInteger, primary_key=True, autoincrement=False),
    Column("key", BigInteger, primary_key=True, autoincrement=False),
    Column("place", BigInteger, primary_key=True, autoincrement=False),
    _column("entries", Integer),
    _column("data", LargeBinary),
)
"""Packed lists: runs by dataset, datasets by number in the name, by attribute."""


def _activity(name: str, period: str, *more: str) -> Table:
    keys = (period, "job", "state", "target", *more)
    counts = ("runs", "cpu", "duration", "outputs", "output_bytes")
    return Table(
        name,
        metadata,
        *(Column(key, Integer, primary_key=True, autoincrement=False) for key in keys),
        *(_column(count, BigInteger) for count in counts),
        postgresql_with={"fillfactor": "80"},
    )


activity_hour = _activity("activity_hour", "hour")
"""Ended runs by hour of their start (hours since 1970)."""
activity_day = _activity("activity_day", "day")
"""The same by day."""
activity_detail = _activity("activity_detail", "day", "node", "error")
"""The same by day, node and error."""

span = Table(
    "span",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    _column("first", BigInteger),
    Column("last", BigInteger),
    _column("started", BigInteger),
    Column("ended", BigInteger),
    _column("archived", Text, server_default=""),
)
"""The partitions (:class:`chronos_plugin.db.store.partitions.Span`); times in milliseconds."""

counter = Table("counter", metadata, Column("name", Text, primary_key=True), _column("value", BigInteger))
"""Numbers given, watermarks, and what was repaired."""

spool_position = Table(
    "spool_position",
    metadata,
    Column("file", Text, primary_key=True),
    _column("position", BigInteger),
)
"""How far each spool file has been loaded; written with what was loaded."""
