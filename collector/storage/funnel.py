"""Counts what stands where."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from collector.domain.verdicts import Verdict
from collector.storage import sessions
from collector.storage.tables import CallRow, EnrichmentRow


@dataclass(frozen=True, kw_only=True, slots=True)
class Funnel:
    """Sessions, calls, and the calls by verdict, all nine; they sum to the calls."""

    sessions: int
    calls: int
    verdicts: dict[str, int]


def count(connection: sa.Connection, project_id: int | None = None) -> Funnel:
    """The funnel of one project, or of all, at one moment."""
    query = sa.select(CallRow.verdict, sa.func.count()).group_by(CallRow.verdict)
    if project_id is not None:
        query = query.where(CallRow.project_id == project_id)
    counted: dict[str, int] = {row[0]: row[1] for row in connection.execute(query)}
    return Funnel(
        sessions=sessions.count(connection, project_id),
        calls=sum(counted.values()),
        verdicts={verdict.value: counted.get(verdict.value, 0) for verdict in Verdict},
    )


def count_expiring(
    connection: sa.Connection, project_id: int, now: datetime, within: timedelta
) -> int:
    """How many pending enrichments reach their deadline ``within`` so much time."""
    return connection.execute(
        sa.select(sa.func.count())
        .select_from(EnrichmentRow)
        .where(
            EnrichmentRow.project_id == project_id,
            sa.text("state = 'pending'"),
            EnrichmentRow.deadline <= now + within,
        )
    ).scalar_one()
