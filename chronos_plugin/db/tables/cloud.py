"""Requests to the cloud agent, its leadership, the clusters of targets, and the jobs on them."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Double, Index, Integer, Table, Text

from chronos_plugin.db.metadata import Document, metadata

request = Table(
    "cloud_request",
    metadata,
    Column("id", Text, primary_key=True),
    Column("connection", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("verb", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("spec", Document, nullable=False),
    Column("owner", Text, nullable=False),
    Column("deadline", Double, nullable=False),
    Column("expires", Double),
    Column("state", Text, nullable=False),
    Column("progress", Document, nullable=False),
    Column("result", Document),
    Column("error", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("created", Double, nullable=False),
    Column("ended", Double),
    Index(None, "state", "created"),
    Index(None, "name"),
)
"""What is asked of a cloud; moments are seconds since the epoch."""

leader = Table(
    "cloud_leader",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("holder", Text, nullable=False),
    Column("until", Double, nullable=False),
)
"""Which agent leads: one row at most, number 1."""

pool = Table(
    "cloud_pool",
    metadata,
    Column("target", Text, primary_key=True),
    Column("options", Document, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("opened_at", Double),
    Column("idle_since", Double),
    Column("capped_since", Double),
    Column("spent", Document, nullable=False),
    Column("accounted_at", Double),
    Column("request", Text, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("message", Text, nullable=False),
)
"""The clusters of targets."""

job = Table(
    "cloud_job",
    metadata,
    Column("id", Text, primary_key=True),
    Column("target", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("folder", Text, nullable=False),
    Column("cores", Double, nullable=False),
    Column("state", Text, nullable=False),
    Column("wish", Text, nullable=False),
    Column("node", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("exit_code", Integer),
    Column("infrastructure", Boolean, nullable=False),
    Column("created", Double, nullable=False),
    Column("started", Double),
    Column("ended", Double),
    Index(None, "target", "state"),
)
"""Jobs on those clusters."""
