"""What is to be told to other systems, and how they do."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Double, Index, Integer, SmallInteger, Table, Text, text

from chronos_plugin.db.metadata import BigKey, metadata

outbox = Table(
    "outbox",
    metadata,
    Column("id", BigKey, primary_key=True, autoincrement=True),
    Column("exporter", Text, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("state", SmallInteger, nullable=False),
    Column("began", Boolean, nullable=False),
    Column("recorded", Double, nullable=False),
    Column("due", Double, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("dead", Boolean, nullable=False),
    Column("error", Text, nullable=False),
    sqlite_autoincrement=True,
)
"""One row for each state of a run that is to be told; times are seconds since 1970."""

_WAITING = text("NOT dead")
_DEAD = text("dead")

Index(
    "ix_outbox_waiting",
    outbox.c.exporter,
    outbox.c.id,
    sqlite_where=_WAITING,
    postgresql_where=_WAITING,
)
Index(
    "ix_outbox_number",
    outbox.c.exporter,
    outbox.c.number,
    outbox.c.id,
    sqlite_where=_WAITING,
    postgresql_where=_WAITING,
)
Index("ix_outbox_dead", outbox.c.exporter, outbox.c.id, sqlite_where=_DEAD, postgresql_where=_DEAD)

exporter = Table(
    "exporter",
    metadata,
    Column("name", Text, primary_key=True),
    Column("sent", BigInteger, nullable=False),
    Column("last_sent", Double, nullable=False),
    Column("seen", Double, nullable=False),
    Column("holder", Text, nullable=False),
    Column("error", Text, nullable=False),
)
"""One row an exporter: who delivers, when it was last seen, and what stands in its way."""
