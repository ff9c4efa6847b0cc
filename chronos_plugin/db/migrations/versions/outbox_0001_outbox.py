"""The outbox of the exporters; the line ``outbox`` begins."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from chronos_plugin.db.metadata import SCHEMA, BigKey

revision = "outbox_0001"
down_revision = None
branch_labels = ("outbox",)
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "outbox",
        sa.Column("id", BigKey, primary_key=True, autoincrement=True),
        sa.Column("exporter", sa.Text, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("state", sa.SmallInteger, nullable=False),
        sa.Column("began", sa.Boolean, nullable=False),
        sa.Column("recorded", sa.Double, nullable=False),
        sa.Column("due", sa.Double, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("dead", sa.Boolean, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        schema=SCHEMA,
        # Ids must not be given again: they are the order in which things are told.
        sqlite_autoincrement=True,
    )
    for name, columns, condition in (
        ("waiting", ["exporter", "id"], "NOT dead"),
        ("number", ["exporter", "number", "id"], "NOT dead"),
        ("dead", ["exporter", "id"], "dead"),
    ):
        where = sa.text(condition)
        op.create_index(
            f"ix_outbox_{name}",
            "outbox",
            columns,
            schema=SCHEMA,
            sqlite_where=where,
            postgresql_where=where,
        )
    op.create_table(
        "exporter",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("sent", sa.BigInteger, nullable=False),
        sa.Column("last_sent", sa.Double, nullable=False),
        sa.Column("seen", sa.Double, nullable=False),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        schema=SCHEMA,
    )


def downgrade() -> None:
    """Undo."""
    op.drop_table("exporter", schema=SCHEMA)
    op.drop_table("outbox", schema=SCHEMA)
