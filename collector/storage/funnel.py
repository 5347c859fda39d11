"""Counts what stands where."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

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
    # By project, too: in the order of the index that has both, nothing need be sorted.
    query = sa.select(CallRow.project_id, CallRow.verdict, sa.func.count()).group_by(
        CallRow.project_id, CallRow.verdict
    )
    if project_id is not None:
        query = query.where(CallRow.project_id == project_id)
    counted: Counter[str] = Counter()
    for _, verdict, number in connection.execute(query):
        counted[verdict] += number
    return Funnel(
        sessions=sessions.count(connection, project_id),
        calls=counted.total(),
        verdicts={verdict.value: counted[verdict.value] for verdict in Verdict},
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Expiring:
    """Pending enrichments whose seven days are nearly over.

    ``first_deadline`` is that of the first of the ``soon``; the others are ``too_late`` to be
    sent, and pending only until the job marks them.
    """

    soon: int
    first_deadline: datetime | None
    too_late: int


def count_expiring(
    connection: sa.Connection, project_id: int, soonest: datetime, until: datetime
) -> Expiring:
    """What reaches its deadline at ``until`` or before; up to ``soonest`` it is too late."""
    in_time = EnrichmentRow.deadline > soonest
    soon, first_deadline, number = connection.execute(
        sa.select(
            sa.func.count(sa.case((in_time, 1))),
            sa.func.min(
                sa.case((in_time, EnrichmentRow.deadline)), type_=EnrichmentRow.deadline.type
            ),
            sa.func.count(),
        ).where(
            EnrichmentRow.project_id == project_id,
            sa.text("state = 'pending'"),
            EnrichmentRow.deadline <= until,
        )
    ).one()
    return Expiring(soon=soon, first_deadline=first_deadline, too_late=number - soon)
