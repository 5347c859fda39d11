"""What became of what was sent: answers, doubts, and deadlines that have passed.

Each function is one statement for a whole batch, or for several: with eight connections there are
twelve milliseconds for a batch in all.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from collector.domain import ledger
from collector.domain.verdicts import Reason, State, Verdict
from collector.storage.given import Column, given
from collector.storage.outbox import QUIET, Due
from collector.storage.tables import CallRow, EnrichmentRow, UtcDateTime


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
    these = _given(connection, project_id, group)
    connection.execute(
        sa.update(EnrichmentRow)
        .where(*_are(these))
        .values(doubtful_revision=these.c.sent_revision, doubtful_since=now)
    )


def mark_unstored(connection: sa.Connection, project_id: int, group: Sequence[Due]) -> None:
    """It is certain that the request stored nothing; what was in doubt before still is."""
    these = _given(
        connection,
        project_id,
        group,
        before=(sa.Integer(), [item.doubtful_revision for item in group]),
        since=(UtcDateTime(), [item.doubtful_since for item in group]),
    )
    connection.execute(
        sa.update(EnrichmentRow)
        .where(*_are(these))
        .values(doubtful_revision=these.c.before, doubtful_since=these.c.since)
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
    stragglers = [_straggler(item, in_doubt, now) for item in sent]
    these = _given(
        connection,
        project_id,
        sent,
        sent_hash=(sa.Text(), [item.payload_hash for item in sent]),
        sent_version=(sa.Integer(), [item.integration_version for item in sent]),
        doubtful=(sa.Integer(), [revision for revision, _ in stragglers]),
        since=(UtcDateTime(), [since for _, since in stragglers]),
    )
    newest = sa.and_(
        EnrichmentRow.revision == these.c.sent_revision,
        EnrichmentRow.state == State.PENDING,
    )
    connection.execute(
        sa.update(EnrichmentRow)
        .where(
            *_are(these),
            EnrichmentRow.accepted_revision < these.c.sent_revision,
        )
        .values(
            accepted_revision=these.c.sent_revision,
            accepted_hash=these.c.sent_hash,
            accepted_version=these.c.sent_version,
            accepted_at=now,
            doubtful_revision=these.c.doubtful,
            doubtful_since=these.c.since,
            batch_id=batch_id,
            attempts=EnrichmentRow.attempts + 1,
            state=sa.case((newest, State.ACCEPTED.value), else_=EnrichmentRow.state),
        )
    )
    judgements = [
        ledger.delivered(item.enrichment.enrichment_number, item.revision) for item in sent
    ]
    _judge(connection, project_id, sent, judgements, now)


def _straggler(item: Due, in_doubt: bool, now: datetime) -> tuple[int, datetime | None]:
    """What may still arrive of an accepted revision, from requests that were not answered."""
    since = now if in_doubt else item.doubtful_since
    if since is None or since <= now - QUIET:
        return 0, None
    return item.revision, since


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
    this = _given(connection, project_id, [culprit])
    connection.execute(
        sa.update(EnrichmentRow)
        .where(
            *_are(this),
            EnrichmentRow.revision == this.c.sent_revision,
            EnrichmentRow.state == State.PENDING,
        )
        .values(
            state=State.REJECTED,
            batch_id=batch_id,
            attempts=EnrichmentRow.attempts + 1,
            changed_at=now,
        )
    )
    judgement = ledger.refused(culprit.enrichment.enrichment_number, culprit.revision, message)
    _judge(connection, project_id, [culprit], [judgement], now)


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
        .where(*_are(_given(connection, project_id, unsent)))
        .values(attempts=EnrichmentRow.attempts + 1)
    )
    judgements = [ledger.postponed(message)] * len(unsent)
    _judge(connection, project_id, unsent, judgements, now)


def _judge(
    connection: sa.Connection,
    project_id: int,
    sent: Sequence[Due],
    judgements: Sequence[ledger.Judgement],
    now: datetime,
) -> None:
    """Write the verdicts of calls whose enrichment stands at that revision, in that state."""
    columns: dict[str, Column] = {
        "project_id": (sa.BigInteger(), [project_id] * len(sent)),
        "call_id": (sa.Text(), [item.call_id for item in sent]),
        "sent_revision": (sa.Integer(), [item.revision for item in sent]),
        "verdict": (sa.Text(), [judgement.verdict.value for judgement in judgements]),
        "reason": (sa.Text(), [judgement.reason.value for judgement in judgements]),
        "detail": (sa.Text(), [judgement.detail for judgement in judgements]),
    }
    judged = given(connection, "judged", columns)
    stands_there = sa.exists().where(
        EnrichmentRow.project_id == judged.c.project_id,
        EnrichmentRow.call_id == judged.c.call_id,
        EnrichmentRow.revision == judged.c.sent_revision,
        EnrichmentRow.state == judged.c.verdict,
    )
    connection.execute(
        sa.update(CallRow)
        .where(
            CallRow.project_id == judged.c.project_id,
            CallRow.call_id == judged.c.call_id,
            stands_there,
        )
        .values(
            verdict=judged.c.verdict,
            reason=judged.c.reason,
            detail=judged.c.detail,
            decided_at=now,
        )
    )


def _given(
    connection: sa.Connection, project_id: int, sent: Sequence[Due], **more: Column
) -> sa.FromClause:
    """The keys of these and their revisions, with more columns.

    The project stands in each row: SQLite would else go through the project and look each of its
    rows up here.
    """
    keys: dict[str, Column] = {
        "project_id": (sa.BigInteger(), [project_id] * len(sent)),
        "user_id": (sa.Text(), [item.enrichment.user_id for item in sent]),
        "session_number": (sa.Integer(), [item.enrichment.session_number for item in sent]),
        "enrichment_number": (sa.Integer(), [item.enrichment.enrichment_number for item in sent]),
        "sent_revision": (sa.Integer(), [item.revision for item in sent]),
    }
    return given(connection, "sent", {**keys, **more})


def _are(these: sa.FromClause) -> tuple[sa.ColumnElement[bool], ...]:
    """Which rows those of `_given` are."""
    return (
        EnrichmentRow.project_id == these.c.project_id,
        EnrichmentRow.user_id == these.c.user_id,
        EnrichmentRow.session_number == these.c.session_number,
        EnrichmentRow.enrichment_number == these.c.enrichment_number,
    )
