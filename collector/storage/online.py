"""What a migration of a large table needs so that beacons go on while it is at work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

#: In a connection's ``info``: so long an index waits for others' transactions, in milliseconds.
PATIENCE = "collector_patience"

_IS_VALID = sa.text("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:name)")


def create_index(name: str, table: str, columns: Sequence[str], **options: Any) -> None:
    """Make an index of a table that may be large, on PostgreSQL concurrently.

    What the migration has done before is committed there, so it has to be the first thing that a
    migration does, or the only one. Repeating it makes anew what was only begun.
    """
    if op.get_context().dialect.name == "sqlite":
        op.create_index(name, table, list(columns), **options)
        return
    with op.get_context().autocommit_block():
        connection = op.get_bind()
        if connection.scalar(_IS_VALID, {"name": name}):
            return
        # It waits for transactions to end, and nobody waits behind it meanwhile.
        before = connection.scalar(sa.text("SHOW lock_timeout"))
        connection.execute(sa.text(f"SET lock_timeout = {connection.info[PATIENCE]}"))
        connection.execute(sa.text(f'DROP INDEX CONCURRENTLY IF EXISTS "{name}"'))
        op.create_index(name, table, list(columns), postgresql_concurrently=True, **options)
        connection.execute(sa.text(f"SET lock_timeout = '{before}'"))
