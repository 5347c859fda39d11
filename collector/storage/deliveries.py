"""What became of what was sent: answers and doubts.

Each function is one statement for a whole batch, or for several: with eight connections there are
twelve milliseconds for a batch in all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache, lru_cache
from typing import Any

import sqlalchemy as sa

from collector.domain import ledger
from collector.domain.verdicts import Reason, State, Verdict
from collector.storage.given import INTEGER, MOMENT, TEXT, Given
from collector.storage.outbox import NOT_TO_BE_EXAMINED, QUIET, Due
from collector.storage.preparing import as_text
from collector.storage.tables import CallRow, EnrichmentRow

_NOW = sa.bindparam("now", type_=MOMENT)
_BATCH = sa.bindparam("batch", type_=TEXT)

#: What is given of each enrichment.
_KEY: Mapping[str, Any] = {
    "user_id": TEXT,
    "session_number": INTEGER,
    "enrichment_number": INTEGER,
    "sent_revision": INTEGER,
}
_DOUBT: Mapping[str, Any] = {"doubtful": INTEGER, "since": MOMENT}


def mark_begun(
    connection: sa.Connection, project_id: int, group: Sequence[Due], now: datetime
) -> None:
    """A request with these is about to be sent, or was not answered: what is held is in doubt."""
    update, sent = _mark_begun(connection.dialect.name)
    connection.execute(update, sent.bind(project_id, _keys(group)) | {"now": now})


@cache
def _mark_begun(dialect: str) -> tuple[sa.Update, Given]:
    sent = Given(dialect, _KEY, name="sent")
    update = (
        sa.update(EnrichmentRow)
        .where(*_is(sent))
        .values(doubtful_revision=sent.c["sent_revision"], doubtful_since=_NOW)
    )
    return update, sent


def claim(connection: sa.Connection, project_id: int, batch: Sequence[Due], now: datetime) -> bool:
    """Mark a new batch as begun; False if any of it is no longer as it was read.

    What is marked then is to be marked back by `mark_unstored`.
    """
    update, sent = _claim(connection.dialect.name)
    parameters = sent.bind(project_id, _keys(batch)) | {"now": now, "project": project_id}
    return connection.execute(update, parameters).rowcount == len(batch)


@cache
def _claim(dialect: str) -> tuple[sa.Update, Given]:
    update, sent = _mark_begun(dialect)
    still_so = (
        EnrichmentRow.state == State.PENDING,
        EnrichmentRow.revision == sent.c["sent_revision"],
        NOT_TO_BE_EXAMINED,
    )
    return update.where(*still_so), sent


def mark_unstored(connection: sa.Connection, project_id: int, group: Sequence[Due]) -> None:
    """It is certain that the request stored nothing; what was in doubt before still is."""
    update, sent = _mark_unstored(connection.dialect.name)
    rows = [
        (*_key(item), *_in_doubt(item.doubtful_revision, item.doubtful_since)) for item in group
    ]
    connection.execute(update, sent.bind(project_id, rows))


@cache
def _mark_unstored(dialect: str) -> tuple[sa.Update, Given]:
    sent = Given(dialect, {**_KEY, **_DOUBT}, name="sent")
    update = (
        sa.update(EnrichmentRow)
        .where(*_is(sent))
        .values(doubtful_revision=sent.c["doubtful"], doubtful_since=sent.c["since"])
    )
    return update, sent


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
    rows = [
        (
            *_key(item),
            *_straggler(item, in_doubt, now),
            item.payload_hash,
            item.integration_version,
            item.call_id,
            _said_of(item.enrichment.enrichment_number, item.revision),
        )
        for item in sent
    ]
    updates, given = _mark_accepted(connection.dialect.name)
    parameters = given.bind(project_id, rows) | {"batch": batch_id, "now": now}
    for update in updates:
        connection.execute(update, parameters)


@cache
def _mark_accepted(dialect: str) -> tuple[Sequence[sa.Update], Given]:
    """On PostgreSQL one statement for enrichments and calls, which finds the rows only once."""
    told = dict.fromkeys(("hash", "version", "call_id", "detail"), TEXT) | {"version": INTEGER}
    sent = Given(dialect, {**_KEY, **_DOUBT, **told}, name="sent")
    newest = sa.and_(
        EnrichmentRow.revision == sent.c["sent_revision"], EnrichmentRow.state == State.PENDING
    )
    mark = (
        sa.update(EnrichmentRow)
        .where(*_is(sent), EnrichmentRow.accepted_revision < sent.c["sent_revision"])
        .values(
            accepted_revision=sent.c["sent_revision"],
            accepted_hash=sent.c["hash"],
            accepted_version=sent.c["version"],
            accepted_at=_NOW,
            doubtful_revision=sent.c["doubtful"],
            doubtful_since=sent.c["since"],
            batch_id=_BATCH,
            attempts=EnrichmentRow.attempts + 1,
            state=sa.case((newest, State.ACCEPTED.value), else_=EnrichmentRow.state),
        )
    )
    judge = sa.update(CallRow).values(
        verdict=Verdict.ACCEPTED.value, reason=Reason.DELIVERED.value, decided_at=_NOW
    )
    if dialect != "postgresql":
        judge = judge.where(*_stands_there(sent, State.ACCEPTED)).values(detail=sent.c["detail"])
        return (mark, judge), sent
    marked = mark.returning(
        EnrichmentRow.project_id, EnrichmentRow.call_id, EnrichmentRow.state, sent.c["detail"]
    ).cte("marked")
    theirs = (
        CallRow.project_id == marked.c.project_id,
        CallRow.call_id == marked.c.call_id,
        marked.c.state == State.ACCEPTED,
    )
    return (judge.where(*theirs).values(detail=marked.c.detail),), sent


@lru_cache(maxsize=100)
def _said_of(number: int, revision: int) -> str:
    return ledger.delivered(number, revision).detail


def _straggler(item: Due, in_doubt: bool, now: datetime) -> tuple[int, str | None]:
    """What may still arrive of an accepted revision, from requests that were not answered."""
    since = now if in_doubt else item.doubtful_since
    if since is None or since <= now - QUIET:
        return _in_doubt(0, None)
    return _in_doubt(item.revision, since)


def _in_doubt(revision: int, since: datetime | None) -> tuple[int, str | None]:
    """The values of `_DOUBT`."""
    return revision, as_text(since) if since else None


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
    update, sent = _mark_rejected(connection.dialect.name)
    parameters = sent.bind(project_id, _keys([culprit])) | {"batch": batch_id, "now": now}
    connection.execute(update, parameters)
    judgement = ledger.refused(culprit.enrichment.enrichment_number, culprit.revision, message)
    _judge(connection, project_id, [culprit], judgement, now)


@cache
def _mark_rejected(dialect: str) -> tuple[sa.Update, Given]:
    sent = Given(dialect, _KEY, name="sent")
    update = (
        sa.update(EnrichmentRow)
        .where(
            *_is(sent),
            EnrichmentRow.revision == sent.c["sent_revision"],
            EnrichmentRow.state == State.PENDING,
        )
        .values(
            state=State.REJECTED,
            batch_id=_BATCH,
            attempts=EnrichmentRow.attempts + 1,
            changed_at=_NOW,
        )
    )
    return update, sent


def postpone(
    connection: sa.Connection,
    project_id: int,
    unsent: Sequence[Due],
    *,
    message: str,
    now: datetime,
) -> None:
    """These were sent in vain, and stay pending."""
    update, sent = _postpone(connection.dialect.name)
    connection.execute(update, sent.bind(project_id, _keys(unsent)))
    _judge(connection, project_id, unsent, ledger.postponed(message), now)


@cache
def _postpone(dialect: str) -> tuple[sa.Update, Given]:
    sent = Given(dialect, _KEY, name="sent")
    update = sa.update(EnrichmentRow).where(*_is(sent)).values(attempts=EnrichmentRow.attempts + 1)
    return update, sent


def _judge(
    connection: sa.Connection,
    project_id: int,
    sent: Sequence[Due],
    judgement: ledger.Judgement,
    now: datetime,
) -> None:
    """Write the verdict of calls whose enrichment stands at that revision, in that state."""
    update, judged = _judge_all(connection.dialect.name)
    rows = [(item.call_id, item.revision) for item in sent]
    said = {"verdict_now": judgement.verdict, "why": judgement.reason, "said": judgement.detail}
    connection.execute(update, judged.bind(project_id, rows) | said | {"now": now})


@cache
def _judge_all(dialect: str) -> tuple[sa.Update, Given]:
    judged = Given(dialect, {"call_id": TEXT, "sent_revision": INTEGER}, name="judged")
    verdict = sa.bindparam("verdict_now", type_=TEXT)
    update = (
        sa.update(CallRow)
        .where(*_stands_there(judged, verdict))
        .values(
            verdict=verdict,
            reason=sa.bindparam("why", type_=TEXT),
            detail=sa.bindparam("said", type_=TEXT),
            decided_at=_NOW,
        )
    )
    return update, judged


def _stands_there(
    given: Given, state: State | sa.ColumnElement[str]
) -> tuple[sa.ColumnElement[bool], ...]:
    """Calls of these whose enrichment stands at the revision that was sent, in that state."""
    theirs = (
        EnrichmentRow.project_id == CallRow.project_id,
        EnrichmentRow.call_id == CallRow.call_id,
        EnrichmentRow.revision == given.c["sent_revision"],
        EnrichmentRow.state == state,
    )
    return (
        CallRow.project_id == given.project_id,
        CallRow.call_id == given.c["call_id"],
        sa.exists().where(*theirs),
    )


def _keys(group: Sequence[Due]) -> list[tuple[Any, ...]]:
    return [_key(item) for item in group]


def _key(item: Due) -> tuple[Any, ...]:
    sent = item.enrichment
    return sent.user_id, sent.session_number, sent.enrichment_number, item.revision


def _is(sent: Given) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        EnrichmentRow.project_id == sent.project_id,
        EnrichmentRow.user_id == sent.c["user_id"],
        EnrichmentRow.session_number == sent.c["session_number"],
        EnrichmentRow.enrichment_number == sent.c["enrichment_number"],
    )
