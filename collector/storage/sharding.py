"""Spreads the tables over the machines of a Citus cluster, by customer.

Everything of a project stays together: all tables are distributed by ``project_id`` and colocated
with ``installation``, so that each statement of the way of a beacon or a call is carried out by one
machine. What is of no project is small, and each machine has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from collector.errors import UsageError
from collector.storage.database import Database
from collector.storage.every_table import METADATA

#: By this column.
COLUMN = "project_id"

#: All others are colocated with this table, which has a row for each project.
FIRST = "installation"

#: What the extension knows of the tables that it has taken over.
_TAKEN = "SELECT logicalrelid::text FROM pg_dist_partition"

_EXTENSION = "SELECT extversion FROM pg_extension WHERE extname = 'citus'"


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One table, and the statement that spreads it."""

    table: str
    statement: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Distributed:
    """What was, or would be, issued; and the tables that had been spread before."""

    issued: Sequence[Step]
    before: Sequence[str]


def steps() -> list[Step]:
    """All tables, each after those that it refers to."""
    ordered = sorted(
        METADATA.sorted_tables, key=lambda table: (table.name != FIRST, _is_of_none(table))
    )
    return [Step(table=table.name, statement=_statement(table)) for table in ordered]


def distribute(database: Database, *, dry_run: bool = False) -> Distributed:
    """Spread the tables that are not yet, rows and all, in one transaction.

    Raises:
        UsageError: the database is no PostgreSQL with the extension.
        DatabaseUnavailableError
    """
    if database.is_sqlite:
        raise UsageError(
            "SQLite is one file on one machine: nothing can be spread. Point "
            "COLLECTOR_DATABASE_URL to PostgreSQL with the Citus extension."
        )
    with database.write() as connection:
        if connection.scalar(sa.text(_EXTENSION)) is None:
            raise UsageError(
                f"{database.shown_url} has no Citus extension. Install it on every node, and on "
                "the coordinator: CREATE EXTENSION citus; then add the nodes by citus_add_node."
            )
        taken = set(connection.scalars(sa.text(_TAKEN)))
        missing = [step for step in steps() if step.table not in taken]
        if not dry_run:
            for step in missing:
                connection.execute(sa.text(step.statement))
    return Distributed(
        issued=missing, before=[step.table for step in steps() if step.table in taken]
    )


def _is_of_none(table: sa.Table) -> bool:
    return COLUMN not in table.columns


def _statement(table: sa.Table) -> str:
    if _is_of_none(table):
        return f"SELECT create_reference_table('{table.name}')"
    other = "none" if table.name == FIRST else FIRST
    return (
        f"SELECT create_distributed_table('{table.name}', '{COLUMN}', colocate_with => '{other}')"
    )
