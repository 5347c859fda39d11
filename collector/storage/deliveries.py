"""What became of what was sent: answers, doubts, and deadlines that have passed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from collector.domain import ledger
from collector.domain.verdicts import Reason, State, Verdict
from collector.storage.enrichments import AT_PLACE
from collector.storage.outbox import QUIET, Due
from collector.storage.tables import CallRow, EnrichmentRow


def expire(connection: sa.Connection, project_id: int, now: datetime) -> int:
    """Give up what is pending past its deadline; returns how many calls that concerns."""
    overdue = (sa.text("enrichment.state = 'pending'"), EnrichmentRow.deadline <= now)
    theirs = (
        EnrichmentRow.project_id == CallRow.project_id,
        EnrichmentRow.call_id == CallRow.call_id,
        *overdue,
    )
    said = "seven days after the session's start it was not accepted yet"
    earlier = "seven days after the session's start only an earlier revision was accepted"
    accepted = sa.exists().where(*theirs, EnrichmentRow.accepted_revision > 0)
    in_doubt = sa.exists().where(
        *theirs, EnrichmentRow.doubtful_revision > EnrichmentRow.accepted_revision
    )
    expired = connection.execute(
        sa.update(CallRow)
        .where(
            CallRow.project_id == project_id,
            CallRow.verdict == Verdict.PENDING,
            sa.exists().where(*theirs),
        )
        .values(
            verdict=Verdict.EXPIRED,
            reason=Reason.DEADLINE_PASSED,
            detail=sa.case((accepted, earlier), else_=said)
            + sa.case((in_doubt, ledger.PERHAPS), else_=""),
            decided_at=now,
        )
    ).rowcount
    connection.execute(
        sa.update(EnrichmentRow)
        .where(EnrichmentRow.project_id == project_id, *overdue)
        .values(state=State.EXPIRED, changed_at=now)
    )
    return expired


def mark_begun(
    connection: sa.Connection, project_id: int, group: Sequence[Due], now: datetime
) -> None:
    """A request with these is about to be sent, or was not answered: what is held is in doubt."""
    connection.execute(
        sa.update(EnrichmentRow)
        .where(EnrichmentRow.project_id == project_id, *AT_PLACE)
        .values(doubtful_revision=sa.bindparam("begun"), doubtful_since=now),
        [{**item.place(), "begun": item.revision} for item in group],
    )


def mark_unstored(connection: sa.Connection, project_id: int, group: Sequence[Due]) -> None:
    """It is certain that the request stored nothing; what was in doubt before still is."""
    connection.execute(
        sa.update(EnrichmentRow)
        .where(EnrichmentRow.project_id == project_id, *AT_PLACE)
        .values(doubtful_revision=sa.bindparam("before"), doubtful_since=sa.bindparam("since")),
        [
            {**item.place(), "before": item.doubtful_revision, "since": item.doubtful_since}
            for item in group
        ],
    )


def mark_accepted(
    connection: sa.Connection,
    project_id: int,
    sent: Sequence[Due],
    *,
    in_doubt: bool,
    batch_id: str,
    now: datetime,
) -> None:
    """The API accepted these revisions; a newer one made meanwhile stays pending.

    Where a request was not answered before, it may still arrive: it says the same, but nothing
    newer is to be sent before its time is over, so it stays noted.
    """
    newest = sa.and_(
        EnrichmentRow.revision == sa.bindparam("sent_revision"),
        EnrichmentRow.state == State.PENDING,
    )
    connection.execute(
        sa.update(EnrichmentRow)
        .where(
            EnrichmentRow.project_id == project_id,
            *AT_PLACE,
            EnrichmentRow.accepted_revision < sa.bindparam("sent_revision"),
        )
        .values(
            accepted_revision=sa.bindparam("sent_revision"),
            accepted_hash=sa.bindparam("sent_hash"),
            accepted_version=sa.bindparam("sent_version"),
            accepted_at=now,
            doubtful_revision=sa.bindparam("doubtful"),
            doubtful_since=sa.bindparam("since"),
            batch_id=batch_id,
            attempts=EnrichmentRow.attempts + 1,
            state=sa.case((newest, State.ACCEPTED.value), else_=EnrichmentRow.state),
        ),
        [
            {
                **item.place(),
                "sent_revision": item.revision,
                "sent_hash": item.payload_hash,
                "sent_version": item.integration_version,
                **_straggler(item, in_doubt, now),
            }
            for item in sent
        ],
    )
    judged = {
        item.call_id: (
            item.revision,
            ledger.delivered(item.enrichment.enrichment_number, item.revision),
        )
        for item in sent
    }
    _judge(connection, project_id, judged, now)


def _straggler(item: Due, in_doubt: bool, now: datetime) -> dict[str, Any]:
    """What may still arrive of an accepted revision, from requests that were not answered."""
    since = now if in_doubt else item.doubtful_since
    if since is None or since <= now - QUIET:
        return {"doubtful": 0, "since": None}
    return {"doubtful": item.revision, "since": since}


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
            *AT_PLACE,
            EnrichmentRow.revision == culprit.revision,
            EnrichmentRow.state == State.PENDING,
        )
        .values(
            state=State.REJECTED,
            batch_id=batch_id,
            attempts=EnrichmentRow.attempts + 1,
            changed_at=now,
        ),
        [culprit.place()],
    )
    judgement = ledger.refused(culprit.enrichment.enrichment_number, culprit.revision, message)
    _judge(connection, project_id, {culprit.call_id: (culprit.revision, judgement)}, now)


def postpone(
    connection: sa.Connection,
    project_id: int,
    unsent: Sequence[Due],
    *,
    message: str,
    now: datetime,
) -> None:
    """These were sent in vain, and stay pending."""
    connection.execute(
        sa.update(EnrichmentRow)
        .where(EnrichmentRow.project_id == project_id, *AT_PLACE)
        .values(attempts=EnrichmentRow.attempts + 1),
        [item.place() for item in unsent],
    )
    judgement = ledger.postponed(message)
    judged = {item.call_id: (item.revision, judgement) for item in unsent}
    _judge(connection, project_id, judged, now)


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
