"""Reads the calls of a period, to ask what would become of them under other rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from collector.domain.identifiers import SessionId
from collector.storage import examining
from collector.storage.examining import Examined
from collector.storage.tables import CallRow, EnrichmentRow


@dataclass(frozen=True, kw_only=True, slots=True)
class Period:
    """The calls of one project that started at ``since`` or later, and before ``until``."""

    project_id: int
    since: datetime
    until: datetime


def count(connection: sa.Connection, period: Period) -> int:
    """How many calls the period has."""
    return connection.execute(
        sa.select(sa.func.count())
        .select_from(CallRow)
        .where(CallRow.project_id == period.project_id, _started_in(period))
    ).scalar_one()


def page(
    connection: sa.Connection,
    period: Period,
    *,
    after: tuple[datetime, str] | None,
    limit: int,
) -> list[Examined]:
    """The next calls of the period by start and id, after those of the page before."""
    query = (
        examining.select_calls(period.project_id)
        .where(_started_in(period))
        .order_by(CallRow.started_at, CallRow.call_id)
        .limit(limit)
    )
    rows = connection.execute(examining.beyond(query, after)).all()
    return examining.with_keys(connection, period.project_id, rows)


def taken_by_others(
    connection: sa.Connection, period: Period, sessions: Sequence[SessionId]
) -> Counter[SessionId]:
    """How many enrichment numbers of these sessions calls from outside the period have."""
    rows = connection.execute(
        sa.select(EnrichmentRow.user_id, EnrichmentRow.session_number, sa.func.count())
        .join(
            CallRow,
            sa.and_(
                CallRow.project_id == EnrichmentRow.project_id,
                CallRow.call_id == EnrichmentRow.call_id,
            ),
        )
        .where(
            EnrichmentRow.project_id == period.project_id,
            EnrichmentRow.user_id.in_(sorted({session.user_id for session in sessions})),
            sa.not_(_started_in(period)),
        )
        .group_by(EnrichmentRow.user_id, EnrichmentRow.session_number)
    )
    return Counter(
        {
            SessionId(user_id=user_id, session_number=number): taken
            for user_id, number, taken in rows
        }
    )


def _started_in(period: Period) -> sa.ColumnElement[bool]:
    return sa.and_(CallRow.started_at >= period.since, CallRow.started_at < period.until)
