"""Notes how far each project's calls were read from the provider's own database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from collector.storage.database import insert_for
from collector.storage.tables import PullRow


@dataclass(frozen=True, kw_only=True, slots=True)
class PullState:
    """The newest change that was read, when the database was last asked, what went wrong then."""

    pulled_until: datetime | None
    pulled_at: datetime
    problem: str | None


def find(connection: sa.Connection, project_id: int) -> PullState | None:
    """What is noted of a project, if anything was ever asked for it."""
    row = connection.execute(
        sa.select(PullRow.pulled_until, PullRow.pulled_at, PullRow.problem).where(
            PullRow.project_id == project_id
        )
    ).one_or_none()
    return PullState(**row._mapping) if row else None


def advance(connection: sa.Connection, project_id: int, until: datetime, now: datetime) -> None:
    """Everything up to ``until`` was read; in the transaction that stores it."""
    _note(connection, project_id, pulled_at=now, pulled_until=until)


def settle(connection: sa.Connection, project_id: int, problem: str | None, now: datetime) -> None:
    """How asking ended: with a problem, or without one."""
    _note(connection, project_id, pulled_at=now, problem=problem)


def forget_how_far(connection: sa.Connection, project_id: int) -> None:
    """Begin anew: what was noted cannot be relied on."""
    connection.execute(
        sa.update(PullRow).where(PullRow.project_id == project_id).values(pulled_until=None)
    )


def forget_problem(connection: sa.Connection, project_id: int) -> None:
    """Nothing is read from such a database any more."""
    connection.execute(
        sa.update(PullRow)
        .where(PullRow.project_id == project_id, PullRow.problem.is_not(None))
        .values(problem=None)
    )


def _note(connection: sa.Connection, project_id: int, **said: Any) -> None:
    insert = insert_for(connection, PullRow).values(project_id=project_id, **said)
    connection.execute(insert.on_conflict_do_update(index_elements=["project_id"], set_=said))
