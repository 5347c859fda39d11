"""Alembic's entry: it runs on the connection that collector/storage/migrate.py hands it."""

from alembic import context

from collector.storage.comments import described
from collector.storage.tables import Base
from collector.storage.tables_privacy import TombstoneRow  # noqa: F401 - its tables are compared, too

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=described(Base.metadata),
    render_as_batch=connection.dialect.name == "sqlite",  # SQLite cannot alter a table in place
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
