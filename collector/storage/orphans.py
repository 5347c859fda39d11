"""Removes what is stored of projects whose installation was removed.

A beacon that was being stored while its installation was removed with its data stays behind, and
nobody would come for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from collector.storage import purging
from collector.storage.beacon_counts import NO_PROJECT
from collector.storage.tables import (
    BatchRow,
    BeaconCountRow,
    CallRow,
    EnrichmentRow,
    InstallationRow,
    RefusedRecordRow,
    SessionRow,
)
from collector.storage.tables_retention import CallCountRow, PurgedRow, SessionCountRow

#: What can be left behind without an installation: by which column it is known to be old.
_ORPHANED: Sequence[tuple[type[Any], str]] = (
    (CallRow, "received_at"),
    (SessionRow, "last_seen"),
    (BatchRow, "sent_at"),
    (RefusedRecordRow, "refused_at"),
    (BeaconCountRow, "day"),
    (SessionCountRow, "day"),
    (CallCountRow, "day"),
    (PurgedRow, "before"),
)

#: By these it is known that a project has left something behind.
_LEFT: Sequence[type[Any]] = (SessionRow, CallRow, BeaconCountRow, BatchRow, PurgedRow)


def projects_without_installation(connection: sa.Connection) -> list[int]:
    """The projects of which something is stored though their installation was removed."""
    installed = set(connection.scalars(sa.select(InstallationRow.project_id)))
    return sorted({one for row in _LEFT for one in _projects(connection, row)} - installed)


def _projects(connection: sa.Connection, row: type[Any]) -> Iterator[int]:
    """From one project to the next, instead of through all rows.

    By a statement each: a recursive one could not be carried out by a cluster.
    """
    found = NO_PROJECT
    while True:
        query = sa.select(sa.func.min(row.project_id)).where(row.project_id > found)
        following = connection.scalar(query)
        if following is None:
            return
        yield (found := following)


def drop_orphans(connection: sa.Connection, project_id: int, before: datetime, most: int) -> int:
    """Remove what a project without installation has held since before; returns how many.

    What is stored from the moment on at which its installation is added again is not old enough.
    """
    removed = 0
    for row, column in _ORPHANED:
        chosen = orm.aliased(row, name="chosen")
        installed = sa.exists().where(InstallationRow.project_id == chosen.project_id)
        conditions = [sa.not_(purging.has(EnrichmentRow, chosen))] if row is SessionRow else []
        query = (
            sa.select(purging.place(connection, "chosen"))
            .where(
                chosen.project_id == project_id,
                getattr(chosen, column) < purging.fitting(column, before),
                sa.not_(installed),
                *conditions,
            )
            .limit(most - removed)
        )
        removed += connection.execute(
            purging.delete(connection, row, query, chosen, project_id)
        ).rowcount
    return removed
