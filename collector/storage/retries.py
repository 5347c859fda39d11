"""Marks calls that were refused, not built or not matched, so that the job takes them up again.

What is chosen is said once, for counting and for marking, so that a dry run tells the truth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from collector.domain import limits
from collector.domain.ledger import Judgement
from collector.domain.verdicts import Reason, State, Verdict
from collector.storage.tables import CallRow, EnrichmentRow, SessionRow

#: Why a call has no session. Other rules of matching may find one.
WITHOUT_SESSION = (
    Reason.NO_SESSION,
    Reason.SEVERAL_USERS,
    Reason.KEY_FLOODED,
    Reason.NO_KEYS,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Selection:
    """Which of the calls with one reason; what is None chooses them all.

    ``containing`` is a part of the verdict's detail, letter by letter; the verdict was given at
    ``since`` or later, and before ``until``.
    """

    containing: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    call_ids: Sequence[str] | None = None


def chosen(
    connection: sa.Connection,
    project_id: int,
    reason: Reason,
    selection: Selection,
    soonest: datetime,
) -> dict[str, bool]:
    """The chosen calls, each with whether its deadline is after ``soonest``."""
    query = _chosen(project_id, reason, selection, soonest).order_by(CallRow.call_id)
    return {call_id: bool(in_time) for call_id, in_time in connection.execute(query)}


def send_again(
    connection: sa.Connection,
    project_id: int,
    call_ids: Sequence[str],
    judgement: Judgement,
    now: datetime,
) -> None:
    """Make refused enrichments pending once more, to be rebuilt from their calls by the job."""
    connection.execute(
        sa.update(EnrichmentRow)
        .where(
            EnrichmentRow.project_id == project_id,
            EnrichmentRow.call_id.in_(call_ids),
            EnrichmentRow.state == State.REJECTED,
        )
        .values(state=State.PENDING, changed_at=now)
    )
    connection.execute(
        sa.update(CallRow)
        .where(CallRow.project_id == project_id, CallRow.call_id.in_(call_ids))
        .values(
            verdict=judgement.verdict,
            reason=judgement.reason,
            detail=judgement.detail,
            decided_at=now,
            examine=True,
        )
    )


def look_again(connection: sa.Connection, project_id: int, call_ids: Sequence[str]) -> None:
    """Have the job build these calls anew; until then they keep their verdict."""
    connection.execute(
        sa.update(CallRow)
        .where(CallRow.project_id == project_id, CallRow.call_id.in_(call_ids))
        .values(examine=True)
    )


def _chosen(
    project_id: int, reason: Reason, selection: Selection, soonest: datetime
) -> sa.Select[str, int]:
    """Id of each chosen call, and 1 or 0 for whether it can still be delivered in time."""
    if reason is Reason.REFUSED_BY_API:
        query = _rejected(soonest)
    elif reason in WITHOUT_SESSION:
        query = _without_session(soonest).where(CallRow.reason == reason)
    else:
        query = _unbuilt(soonest).where(CallRow.reason == reason)
    query = query.where(CallRow.project_id == project_id)
    if selection.containing is not None:
        # LIKE would know wildcards, and on SQLite no difference between a and A.
        without = sa.func.replace(CallRow.detail, selection.containing, "")
        query = query.where(without != CallRow.detail)
    if selection.since is not None:
        query = query.where(CallRow.decided_at >= selection.since)
    if selection.until is not None:
        query = query.where(CallRow.decided_at < selection.until)
    if selection.call_ids is not None:
        query = query.where(CallRow.call_id.in_(selection.call_ids))
    return query


def _rejected(soonest: datetime) -> sa.Select[str, int]:
    theirs = sa.and_(
        EnrichmentRow.project_id == CallRow.project_id,
        EnrichmentRow.call_id == CallRow.call_id,
        EnrichmentRow.state == State.REJECTED,
    )
    return (
        sa.select(CallRow.call_id, _flag(EnrichmentRow.deadline > soonest))
        .join(EnrichmentRow, theirs)
        .where(CallRow.verdict == Verdict.REJECTED)
    )


def _without_session(soonest: datetime) -> sa.Select[str, int]:
    """Nobody knows yet when the session began that other rules may find: not after the call."""
    in_time = CallRow.started_at > soonest - limits.ENRICHABLE_FOR
    return sa.select(CallRow.call_id, _flag(in_time)).where(
        CallRow.verdict.in_((Verdict.UNMATCHED, Verdict.AMBIGUOUS))
    )


def _unbuilt(soonest: datetime) -> sa.Select[str, int]:
    """Nothing may have been built of them, so that only session and call tell the deadline."""
    theirs = sa.and_(
        SessionRow.project_id == CallRow.project_id,
        SessionRow.user_id == CallRow.user_id,
        SessionRow.session_number == CallRow.session_number,
    )
    begun = soonest - limits.ENRICHABLE_FOR
    in_time = sa.and_(SessionRow.first_seen > begun, CallRow.started_at > begun)
    return (
        sa.select(CallRow.call_id, _flag(in_time))
        .join(SessionRow, theirs)
        .where(CallRow.verdict.in_((Verdict.INVALID, Verdict.EXPIRED)))
    )


def _flag(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.case((condition, 1), else_=0).label("in_time")
