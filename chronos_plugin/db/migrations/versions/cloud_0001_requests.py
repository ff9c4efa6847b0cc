"""The tables of the cloud agent; the line ``cloud`` begins."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from chronos_plugin.db.metadata import SCHEMA, Document

revision = "cloud_0001"
down_revision = None
branch_labels = ("cloud",)
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "cloud_request",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("connection", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("verb", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("spec", Document, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("deadline", sa.Double, nullable=False),
        sa.Column("expires", sa.Double),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("progress", Document, nullable=False),
        sa.Column("result", Document),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("ended", sa.Double),
        schema=SCHEMA,
    )
    op.create_index("ix_cloud_request_state_created", "cloud_request", ["state", "created"], schema=SCHEMA)
    op.create_index("ix_cloud_request_name", "cloud_request", ["name"], schema=SCHEMA)
    op.create_table(
        "cloud_leader",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("until", sa.Double, nullable=False),
        schema=SCHEMA,
    )
    op.create_table(
        "cloud_pool",
        sa.Column("target", sa.Text, primary_key=True),
        sa.Column("options", Document, nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("opened_at", sa.Double),
        sa.Column("idle_since", sa.Double),
        sa.Column("capped_since", sa.Double),
        sa.Column("spent", Document, nullable=False),
        sa.Column("accounted_at", sa.Double),
        sa.Column("request", sa.Text, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        schema=SCHEMA,
    )
    op.create_table(
        "cloud_job",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("folder", sa.Text, nullable=False),
        sa.Column("cores", sa.Double, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("wish", sa.Text, nullable=False),
        sa.Column("node", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("exit_code", sa.Integer),
        sa.Column("infrastructure", sa.Boolean, nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("started", sa.Double),
        sa.Column("ended", sa.Double),
        schema=SCHEMA,
    )
    op.create_index("ix_cloud_job_target_state", "cloud_job", ["target", "state"], schema=SCHEMA)


def downgrade() -> None:
    """Undo."""
    for name in ("cloud_job", "cloud_pool", "cloud_leader", "cloud_request"):
        op.drop_table(name, schema=SCHEMA)
