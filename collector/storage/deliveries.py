"""How far delivery has come: what is due, and what the API answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from collector.domain import ledger
from collector.domain.enrichment import Enrichment
from collector.domain.verdicts import Reason, Verdict
from collector.storage.tables import CallRow, EnrichmentRow, InstallationRow


@dataclass(frozen=True, kw_only=True, slots=True)
class Due:
    """An enrichment to send, as of one revision."""

    call_id: str
    enrichment: Enrichment
    integration_version: int
    revision: int
    deadline: datetime


def expire(connection: sa.Connection, project_id: int, now: datetime) -> int:
    """Give up what is pending past its deadline; returns how many calls that concerns."""
    overdue = (sa.text("enrichment.state = 'pending'"), EnrichmentRow.deadline <= now)
    theirs = sa.exists().where(
        EnrichmentRow.project_id == CallRow.project_id,
        EnrichmentRow.call_id == CallRow.call_id,
        *overdue,
    )
    expired = connection.execute(
        sa.update(CallRow)
        .where(CallRow.project_id == project_id, CallRow.verdict == Verdict.PENDING, theirs)
        .values(
            verdict=Verdict.EXPIRED,
            reason=Reason.DEADLINE_PASSED,
            detail="seven days after the session's start it was not accepted yet",
            decided_at=now,
        )
    ).rowcount
    connection.execute(
        sa.update(EnrichmentRow)
        .where(EnrichmentRow.project_id == project_id, *overdue)
        .values(state=Verdict.EXPIRED, changed_at=now)
    )
    return expired


def due(
    connection: sa.Connection,
    project_id: int,
    now: datetime,
    limit: int,
    *,
    margin: timedelta,
) -> list[Due]:
    """What to send next: earliest deadline first, all of one integration version.

    Args:
        margin: what reaches its deadline within so much time is not begun.
    """
    waiting = (
        EnrichmentRow.project_id == project_id,
        sa.text("state = 'pending'"),
        EnrichmentRow.deadline > now + margin,
    )
    order = (EnrichmentRow.deadline, EnrichmentRow.call_id)
    version = connection.execute(
        sa.select(EnrichmentRow.integration_version).where(*waiting).order_by(*order).limit(1)
    ).scalar_one_or_none()
    if version is None:
        return []
    rows = connection.execute(
        sa.select(EnrichmentRow.__table__)
        .where(*waiting, EnrichmentRow.integration_version == version)
        .order_by(*order)
        .limit(limit)
    )
    return [_due(row) for row in rows]


def _due(row: sa.Row[Any]) -> Due:
    return Due(
        call_id=row.call_id,
        enrichment=Enrichment(
            user_id=row.user_id,
            session_number=row.session_number,
            enrichment_number=row.enrichment_number,
            fields=row.payload,
        ),
        integration_version=row.integration_version,
        revision=row.revision,
        deadline=row.deadline,
    )


def count_due(
    connection: sa.Connection, project_id: int, now: datetime, *, margin: timedelta
) -> int:
    """How many enrichments wait to be sent now."""
    return connection.execute(
        sa.select(sa.func.count())
        .select_from(EnrichmentRow)
        .where(
            EnrichmentRow.project_id == project_id,
            sa.text("state = 'pending'"),
            EnrichmentRow.deadline > now + margin,
        )
    ).scalar_one()


def count_settled_due(
    connection: sa.Connection, project_id: int, now: datetime, *, margin: timedelta
) -> int:
    """How many would be sent even if the job looked at no call before."""
    return _count_settled(connection, project_id, EnrichmentRow.deadline > now + margin)


def count_settled_overdue(connection: sa.Connection, project_id: int, now: datetime) -> int:
    """How many would be given up even if the job looked at no call before."""
    return _count_settled(connection, project_id, EnrichmentRow.deadline <= now)


def _count_settled(
    connection: sa.Connection, project_id: int, *conditions: sa.ColumnElement[bool]
) -> int:
    looked_at = sa.and_(
        CallRow.project_id == EnrichmentRow.project_id, CallRow.call_id == EnrichmentRow.call_id
    )
    return connection.execute(
        sa.select(sa.func.count())
        .select_from(EnrichmentRow)
        .join(CallRow, looked_at)
        .where(
            EnrichmentRow.project_id == project_id,
            sa.text("state = 'pending'"),
            sa.not_(CallRow.examine),
            *conditions,
        )
    ).scalar_one()


def mark_accepted(
    connection: sa.Connection, project_id: int, sent: Sequence[Due], batch_id: str, now: datetime
) -> None:
    """The API accepted these revisions; a newer one made meanwhile stays pending."""
    newest = sa.and_(
        EnrichmentRow.revision == sa.bindparam("sent_revision"),
        EnrichmentRow.state == Verdict.PENDING,
    )
    connection.execute(
        sa.update(EnrichmentRow)
        .where(
            EnrichmentRow.project_id == project_id,
            EnrichmentRow.call_id == sa.bindparam("the_call"),
            EnrichmentRow.accepted_revision < sa.bindparam("sent_revision"),
        )
        .values(
            accepted_revision=sa.bindparam("sent_revision"),
            accepted_at=now,
            batch_id=batch_id,
            attempts=EnrichmentRow.attempts + 1,
            state=sa.case((newest, Verdict.ACCEPTED.value), else_=EnrichmentRow.state),
        ),
        [{"the_call": item.call_id, "sent_revision": item.revision} for item in sent],
    )
    _judge(
        connection,
        project_id,
        {
            item.call_id: (
                item.revision,
                ledger.delivered(item.enrichment.enrichment_number, item.revision),
            )
            for item in sent
        },
        now,
    )


def mark_rejected(
    connection: sa.Connection,
    project_id: int,
    culprit: Due,
    *,
    batch_id: str,
    message: str,
    now: datetime,
) -> None:
    """The API refused this revision, alone in its batch."""
    connection.execute(
        sa.update(EnrichmentRow)
        .where(
            EnrichmentRow.project_id == project_id,
            EnrichmentRow.call_id == culprit.call_id,
            EnrichmentRow.revision == culprit.revision,
            EnrichmentRow.state == Verdict.PENDING,
        )
        .values(
            state=Verdict.REJECTED,
            batch_id=batch_id,
            attempts=EnrichmentRow.attempts + 1,
            changed_at=now,
        )
    )
    judgement = ledger.refused(culprit.enrichment.enrichment_number, culprit.revision, message)
    _judge(connection, project_id, {culprit.call_id: (culprit.revision, judgement)}, now)


def postpone(
    connection: sa.Connection,
    project_id: int,
    unsent: Sequence[Due],
    *,
    until: datetime | None,
    message: str,
    now: datetime,
) -> None:
    """These were sent in vain and stay pending; nothing of the project is sent before ``until``."""
    connection.execute(
        sa.update(EnrichmentRow)
        .where(
            EnrichmentRow.project_id == project_id,
            EnrichmentRow.call_id == sa.bindparam("the_call"),
        )
        .values(attempts=EnrichmentRow.attempts + 1),
        [{"the_call": item.call_id} for item in unsent],
    )
    # The server asks the sender to wait, not the enrichments that happened to be in the batch.
    if until is not None:
        wait_until(connection, project_id, until)
    judgement = ledger.postponed(message)
    _judge(
        connection,
        project_id,
        {item.call_id: (item.revision, judgement) for item in unsent},
        now,
    )


def wait_until(connection: sa.Connection, project_id: int, until: datetime) -> None:
    """The API has asked to be left alone until then."""
    connection.execute(
        sa.update(InstallationRow)
        .where(InstallationRow.project_id == project_id)
        .values(send_after=until)
    )


def send_after(connection: sa.Connection, project_id: int) -> datetime | None:
    """Until when the API has asked to be left alone, if it has."""
    return connection.execute(
        sa.select(InstallationRow.send_after).where(InstallationRow.project_id == project_id)
    ).scalar_one()


def _judge(
    connection: sa.Connection,
    project_id: int,
    judged: Mapping[str, tuple[int, ledger.Judgement]],
    now: datetime,
) -> None:
    """Write the verdicts of calls whose enrichment stands at that revision, in that state."""
    stands_there = sa.exists().where(
        EnrichmentRow.project_id == CallRow.project_id,
        EnrichmentRow.call_id == CallRow.call_id,
        EnrichmentRow.revision == sa.bindparam("sent_revision"),
        EnrichmentRow.state == sa.bindparam("new_verdict"),
    )
    connection.execute(
        sa.update(CallRow)
        .where(
            CallRow.project_id == project_id,
            CallRow.call_id == sa.bindparam("the_call"),
            stands_there,
        )
        .values(
            verdict=sa.bindparam("new_verdict"),
            reason=sa.bindparam("new_reason"),
            detail=sa.bindparam("new_detail"),
            decided_at=now,
        ),
        [
            {
                "the_call": call_id,
                "sent_revision": revision,
                "new_verdict": judgement.verdict,
                "new_reason": judgement.reason,
                "new_detail": judgement.detail,
            }
            for call_id, (revision, judgement) in judged.items()
        ],
    )
