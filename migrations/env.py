"""Alembic's entry: it runs on the connection that collector/storage/migrate.py hands it."""

from typing import Any

from alembic import context

from collector.storage import revisions
from collector.storage.comments import described
from collector.storage.every_table import METADATA


def declare_oldest_program(heads: set[str], **_: Any) -> None:
    """In the transaction of each migration: which versions of the software can go on."""
    oldest = [
        # One that does not say so is for nobody who does not know it.
        getattr(script.module, "oldest_program", script.revision)
        for head in heads
        for script in context.script.walk_revisions("base", head)
    ]
    revisions.declare(connection, max(oldest, default=None))


connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=described(METADATA),
    render_as_batch=connection.dialect.name == "sqlite",  # SQLite cannot alter a table in place
    compare_type=True,
    transaction_per_migration=True,
    on_version_apply=declare_oldest_program,
)
with context.begin_transaction():
    context.run_migrations()
