"""Tasks for Apache Mesos, between those who submit them and the process that holds the framework."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)

from chronos_plugin.db.metadata import Document, metadata

framework = Table(
    "mesos_framework",
    metadata,
    Column("name", Text, primary_key=True),
    Column("framework_id", Text),
    Column("master_id", Text, nullable=False, server_default=""),
    Column("holder", Text, nullable=False, server_default=""),
    Column("epoch", Integer, nullable=False, server_default="0"),
    Column("lease_until", Double, nullable=False, server_default="0"),
    Column("report", Document, nullable=False, server_default="{}"),
)
"""One row a connection: who holds the framework, and until when (seconds since the epoch)."""

task = Table(
    "mesos_task",
    metadata,
    Column("framework", Text, ForeignKey(framework.c.name), nullable=False),
    Column("id", Text, nullable=False),
    Column("spec", Document, nullable=False),
    # Written by those who submit; ``pending`` until the holder has taken it in.
    Column("wish", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("pending", Boolean, nullable=False),
    Column("submitted_at", Double, nullable=False),
    # Written by the holder alone.
    Column("phase", Text, nullable=False),
    Column("launches", Integer, nullable=False),
    Column("launched_on", Text, nullable=False),
    Column("mesos_task_id", Text),
    Column("agent_id", Text),
    Column("agent_url", Text, nullable=False),
    Column("hostname", Text, nullable=False),
    Column("container_id", Text, nullable=False),
    Column("state", Text),
    Column("reason", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("launched_at", Double),
    Column("started_at", Double),
    Column("ended_at", Double),
    Column("seen", Double),
    PrimaryKeyConstraint("framework", "id"),
)
"""One row a task. Times are seconds since the epoch, as Mesos gives them."""

_OPEN = text("phase <> 'ended'")
_PENDING = text("pending")

Index("ix_mesos_task_open", task.c.framework, sqlite_where=_OPEN, postgresql_where=_OPEN)
Index("ix_mesos_task_pending", task.c.framework, sqlite_where=_PENDING, postgresql_where=_PENDING)
Index("ix_mesos_task_ended_at", task.c.ended_at)
