"""Alembic's entry: it runs on the connection that collector/storage/migrate.py hands it."""

from alembic import context

from collector.storage.comments import described
from collector.storage.every_table import METADATA

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=described(METADATA),
    render_as_batch=connection.dialect.name == "sqlite",  # SQLite cannot alter a table in place
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
