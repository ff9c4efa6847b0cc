"""The tables of Mesos's tasks and of who holds the framework; the line ``mesos`` begins."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from chronos_plugin.db.metadata import SCHEMA, Document

revision = "mesos_0001"
down_revision = None
branch_labels = ("mesos",)
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "mesos_framework",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("framework_id", sa.Text),
        sa.Column("master_id", sa.Text, nullable=False, server_default=""),
        sa.Column("holder", sa.Text, nullable=False, server_default=""),
        sa.Column("epoch", sa.Integer, nullable=False, server_default="0"),
        sa.Column("lease_until", sa.Double, nullable=False, server_default="0"),
        sa.Column("report", Document, nullable=False, server_default="{}"),
        schema=SCHEMA,
    )
    op.create_table(
        "mesos_task",
        sa.Column("framework", sa.Text, sa.ForeignKey(f"{SCHEMA}.mesos_framework.name"), nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("spec", Document, nullable=False),
        sa.Column("wish", sa.Text, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("pending", sa.Boolean, nullable=False),
        sa.Column("submitted_at", sa.Double, nullable=False),
        sa.Column("phase", sa.Text, nullable=False),
        sa.Column("launches", sa.Integer, nullable=False),
        sa.Column("launched_on", sa.Text, nullable=False),
        sa.Column("mesos_task_id", sa.Text),
        sa.Column("agent_id", sa.Text),
        sa.Column("agent_url", sa.Text, nullable=False),
        sa.Column("hostname", sa.Text, nullable=False),
        sa.Column("container_id", sa.Text, nullable=False),
        sa.Column("state", sa.Text),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("launched_at", sa.Double),
        sa.Column("started_at", sa.Double),
        sa.Column("ended_at", sa.Double),
        sa.Column("seen", sa.Double),
        sa.PrimaryKeyConstraint("framework", "id"),
        schema=SCHEMA,
    )
    for name, columns, condition in (
        ("open", ["framework"], "phase <> 'ended'"),
        ("pending", ["framework"], "pending"),
        ("ended_at", ["ended_at"], None),
    ):
        where = sa.text(condition) if condition else None
        op.create_index(
            f"ix_mesos_task_{name}",
            "mesos_task",
            columns,
            schema=SCHEMA,
            sqlite_where=where,
            postgresql_where=where,
        )


def downgrade() -> None:
    """Undo."""
    op.drop_table("mesos_task", schema=SCHEMA)
    op.drop_table("mesos_framework", schema=SCHEMA)
