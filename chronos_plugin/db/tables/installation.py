"""Facts about this installation of the store."""

from __future__ import annotations

from sqlalchemy import Column, Table, Text

from chronos_plugin.db.metadata import Document, metadata

installation = Table(
    "installation",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Document, nullable=False),
)
"""Values that must survive restarts, by name."""
