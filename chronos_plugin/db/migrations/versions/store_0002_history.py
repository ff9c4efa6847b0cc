"""The tables of runs, datasets and what is counted of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from chronos_plugin.db.metadata import SCHEMA, BigKey, Document

revision = "store_0002"
down_revision = "store_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    _dictionaries()
    _runs()
    _datasets()
    _lists()
    _counts()
    counter = sa.Table(
        "counter", sa.MetaData(), sa.Column("name", sa.Text), sa.Column("value", sa.BigInteger), schema=SCHEMA
    )
    # Number 0 means none.
    for name in ("number", "packing"):
        op.get_bind().execute(counter.insert().values(name=name, value=1))


def downgrade() -> None:
    """Undo."""
    for name in _TABLES:
        op.drop_table(name, schema=SCHEMA)


_BLOOM = " (n_distinct_per_range = {}, false_positive_rate = 0.001)"
_TABLES = (
    "spool_position",
    "counter",
    "span",
    "activity_detail",
    "activity_day",
    "activity_hour",
    "posting",
    "usage_recent",
    "run_key",
    "location",
    "dataset_facet",
    "run_facet",
    "dataset",
    "run",
    "job",
    "template",
    "label",
)


def _table(name: str, *columns: sa.schema.SchemaItem, **options: object) -> None:
    op.create_table(name, *columns, schema=SCHEMA, **options)


def _needed(name: str, kind: object, **options: object) -> sa.Column:
    return sa.Column(name, kind, nullable=False, **options)


def _key(name: str, kind: object) -> sa.Column:
    return sa.Column(name, kind, nullable=False, autoincrement=False)


def _dictionaries() -> None:
    _table(
        "label",
        sa.Column("id", sa.Integer),
        _needed("kind", sa.Text),
        _needed("text", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_label"),
        sa.UniqueConstraint("kind", "text", name="uq_label_kind_text"),
    )
    _table(
        "template",
        sa.Column("id", sa.Integer),
        _needed("namespace", sa.Text),
        _needed("type", sa.Text),
        _needed("text", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_template"),
        sa.UniqueConstraint("namespace", "text", name="uq_template_namespace_text"),
    )
    _table(
        "job",
        sa.Column("id", sa.Integer),
        *(_needed(n, sa.Text) for n in ("namespace", "name", "version", "kind", "workflow", "step", "image")),
        _needed("ports", Document),
        _needed("facets", Document),
        sa.PrimaryKeyConstraint("id", name="pk_job"),
        sa.UniqueConstraint(
            "namespace", "name", "version", "image", name="uq_job_namespace_name_version_image"
        ),
    )


def _runs() -> None:
    _table(
        "run",
        _key("number", BigKey),
        _needed("parent", sa.BigInteger),
        _needed("started", sa.BigInteger),
        _needed("uuid", sa.Uuid),
        *(
            _needed(n, sa.Integer)
            for n in ("job", "duration", "node", "error", "map_index", "cpu", "memory", "wait")
        ),
        *(_needed(n, sa.SmallInteger) for n in ("target", "exit_code", "state", "attempt")),
        _needed("links", sa.LargeBinary),
        sa.PrimaryKeyConstraint("number", name="pk_run"),
        postgresql_partition_by="RANGE (number)",
    )
    op.create_index(
        "ix_run_started",
        "run",
        ["started"],
        schema=SCHEMA,
        postgresql_using="brin",
        postgresql_with={"autosummarize": "on"},
    )
    op.create_index(
        "ix_run_uuid",
        "run",
        ["uuid"],
        schema=SCHEMA,
        postgresql_using="brin",
        postgresql_ops={"uuid": "uuid_bloom_ops" + _BLOOM.format(-0.2)},
        postgresql_with={"pages_per_range": 32, "autosummarize": "on"},
    )
    op.create_index(
        "ix_run_open",
        "run",
        ["number"],
        schema=SCHEMA,
        postgresql_where=sa.text("state < 2"),
        sqlite_where=sa.text("state < 2"),
    )
    _table(
        "run_facet",
        _key("number", sa.BigInteger),
        _needed("name", sa.Text),
        _needed("value", Document),
        sa.PrimaryKeyConstraint("number", "name", name="pk_run_facet"),
        postgresql_partition_by="RANGE (number)",
    )
    _table(
        "run_key",
        _needed("uuid", sa.Uuid),
        _needed("number", sa.BigInteger),
        sa.PrimaryKeyConstraint("uuid", name="pk_run_key"),
    )


def _datasets() -> None:
    _table(
        "dataset",
        _key("id", BigKey),
        sa.Column("producer", sa.BigInteger),
        sa.Column("size", sa.BigInteger),
        _needed("template", sa.Integer),
        _needed("numbers", sa.LargeBinary),
        sa.Column("checksum", sa.LargeBinary),
        sa.PrimaryKeyConstraint("id", name="pk_dataset"),
        postgresql_partition_by="RANGE (id)",
    )
    op.create_index("ix_dataset_name", "dataset", ["template", "numbers"], schema=SCHEMA)
    op.create_index(
        "ix_dataset_checksum",
        "dataset",
        ["checksum"],
        schema=SCHEMA,
        postgresql_using="brin",
        postgresql_ops={"checksum": "bytea_bloom_ops" + _BLOOM.format(-0.35)},
        postgresql_with={"pages_per_range": 32, "autosummarize": "on"},
    )
    _table(
        "dataset_facet",
        _key("id", sa.BigInteger),
        _needed("name", sa.Text),
        _needed("value", Document),
        sa.PrimaryKeyConstraint("id", "name", name="pk_dataset_facet"),
        postgresql_partition_by="RANGE (id)",
    )
    _table(
        "location",
        _key("dataset", sa.BigInteger),
        _key("template", sa.Integer),
        _key("numbers", sa.LargeBinary),
        sa.PrimaryKeyConstraint("dataset", "template", "numbers", name="pk_location"),
    )
    op.create_index("ix_location_name", "location", ["template", "numbers"], schema=SCHEMA)


def _lists() -> None:
    _table(
        "usage_recent",
        _key("dataset", sa.BigInteger),
        _key("number", sa.BigInteger),
        sa.PrimaryKeyConstraint("dataset", "number", name="pk_usage_recent"),
    )
    _table(
        "posting",
        _key("kind", sa.SmallInteger),
        _key("key", sa.BigInteger),
        _key("place", sa.BigInteger),
        _needed("entries", sa.Integer),
        _needed("data", sa.LargeBinary),
        sa.PrimaryKeyConstraint("kind", "key", "place", name="pk_posting"),
    )


def _counts() -> None:
    counts = ("runs", "cpu", "duration", "outputs", "output_bytes")
    for name, period, more in (
        ("activity_hour", "hour", ()),
        ("activity_day", "day", ()),
        ("activity_detail", "day", ("node", "error")),
    ):
        keys = (period, "job", "state", "target", *more)
        _table(
            name,
            *(_key(k, sa.Integer) for k in keys),
            *(_needed(c, sa.BigInteger) for c in counts),
            sa.PrimaryKeyConstraint(*keys, name=f"pk_{name}"),
            postgresql_with={"fillfactor": "80"},
        )
    _table(
        "span",
        _key("id", sa.Integer),
        _needed("first", sa.BigInteger),
        sa.Column("last", sa.BigInteger),
        _needed("started", sa.BigInteger),
        sa.Column("ended", sa.BigInteger),
        _needed("archived", sa.Text, server_default=""),
        sa.PrimaryKeyConstraint("id", name="pk_span"),
    )
    _table(
        "counter",
        _needed("name", sa.Text),
        _needed("value", sa.BigInteger),
        sa.PrimaryKeyConstraint("name", name="pk_counter"),
    )
    _table(
        "spool_position",
        _needed("file", sa.Text),
        _needed("position", sa.BigInteger),
        sa.PrimaryKeyConstraint("file", name="pk_spool_position"),
    )
