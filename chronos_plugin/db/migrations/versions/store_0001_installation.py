"""The table of facts about the installation; the line ``store`` begins."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from chronos_plugin.db.metadata import SCHEMA, Document

revision = "store_0001"
down_revision = None
branch_labels = ("store",)
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "installation",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", Document, nullable=False),
        schema=SCHEMA,
    )


def downgrade() -> None:
    """Undo."""
    op.drop_table("installation", schema=SCHEMA)
