"""What Alembic runs for each command; :mod:`chronos_plugin.db.migrate` gives it its connection."""

from alembic import context

from chronos_plugin.db.metadata import SCHEMA
from chronos_plugin.db.migrate import VERSION_TABLE
from chronos_plugin.db.tables import load_all

connection = context.config.attributes["connection"]
on_postgresql = connection.dialect.name == "postgresql"
context.configure(
    connection=connection,
    target_metadata=load_all(),
    version_table=VERSION_TABLE,
    version_table_schema=SCHEMA if on_postgresql else None,
    include_schemas=on_postgresql,
    transaction_per_migration=True,
    render_as_batch=not on_postgresql,
)
with context.begin_transaction():
    context.run_migrations()
