"""How far a project's calls and sessions were gone through, to remove what is old.

What began earlier is gone, but for what had to stay. So a call of that time is not taken in again:
it was counted when it was removed, and would be once more.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa

from collector.domain.retention import Kind
from collector.storage.database import insert_for
from collector.storage.tables_retention import PurgedRow

#: Nothing is older.
EVER = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """Everything before ``before`` was gone through; up to ``swept``, what stayed once more."""

    before: datetime = EVER
    swept: datetime = EVER


def mark(connection: sa.Connection, project_id: int, kind: Kind) -> Mark:
    """How far a project's calls or sessions were gone through."""
    row = connection.execute(
        sa.select(PurgedRow.before, PurgedRow.swept).where(
            PurgedRow.project_id == project_id, PurgedRow.kind == kind.value
        )
    ).one_or_none()
    return Mark() if row is None else Mark(before=row.before, swept=row.swept)


def note(connection: sa.Connection, project_id: int, kind: Kind, mark: Mark) -> None:
    """Store how far it is now; ``before`` never goes back."""
    insert = insert_for(connection, PurgedRow)
    new, known = insert.excluded, PurgedRow.before
    connection.execute(
        insert.on_conflict_do_update(
            index_elements=["project_id", "kind"],
            set_={
                "before": sa.case((new.before > known, new.before), else_=known),
                "swept": new.swept,
            },
        ),
        {"project_id": project_id, "kind": kind.value, "before": mark.before, "swept": mark.swept},
    )
