"""What all tables share: one MetaData apart from Airflow's, and the column types of both dialects."""

from __future__ import annotations

import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Integer, MetaData, TypeDecorator
from sqlalchemy.dialects import postgresql

SCHEMA = "chronos"
"""Schema of every table on PostgreSQL; SQLite has none (the engine translates it away)."""

metadata = MetaData(
    schema=SCHEMA,
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    },
)

Document = JSON().with_variant(postgresql.JSONB(), "postgresql")
"""A JSON value."""

BigKey = BigInteger().with_variant(Integer(), "sqlite")
"""A 64-bit primary key; on SQLite the type that aliases its row id."""


class UtcDateTime(TypeDecorator[datetime.datetime]):
    """A moment: aware datetimes in and out, UTC inside; a naive one is refused.

    ``timestamptz`` on PostgreSQL, text that sorts by time on SQLite.
    """

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        """Return the dialect's own type."""
        return dialect.type_descriptor(DateTime(timezone=dialect.name == "postgresql"))

    def process_bind_param(self, value: datetime.datetime | None, dialect: Dialect) -> Any:
        """Turn an aware datetime into what the driver stores."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone")
        utc = value.astimezone(datetime.UTC)
        return utc if dialect.name == "postgresql" else utc.replace(tzinfo=None)

    def process_result_value(self, value: datetime.datetime | None, dialect: Dialect) -> Any:
        """Return an aware datetime in UTC."""
        del dialect
        if value is None:
            return None
        if value.tzinfo is None:
            return value.replace(tzinfo=datetime.UTC)
        return value.astimezone(datetime.UTC)
