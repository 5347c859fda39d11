"""What became of what was sent: answers and doubts.

Each function is one statement for a whole batch, or for several: with eight connections there are
twelve milliseconds for a batch in all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa

from collector.domain import ledger
from collector.domain.verdicts import State
from collector.storage.given import document, given
from collector.storage.outbox import NOT_TO_BE_EXAMINED, QUIET, Due
from collector.storage.tables import CallRow, EnrichmentRow, UtcDateTime


def mark_begun(
    connection: sa.Connection, project_id: int, group: Sequence[Due], now: datetime
) -> None:
    """A request with these is about to be sent, or was not answered: what is held is in doubt."""
    rows = [_row(project_id, item) for item in group]
    connection.execute(
        _mark_begun(connection.dialect.name), {**document(connection, rows), "now": now}
    )


@cache
def _mark_begun(dialect: str) -> sa.Update:
    sent = given(dialect, "sent", _ROW)
    return (
        sa.update(EnrichmentRow)
        .where(*_is(sent))
        .values(doubtful_revision=sent.c.sent_revision, doubtful_since=sa.bindparam("now"))
    )


def claim(connection: sa.Connection, project_id: int, batch: Sequence[Due], now: datetime) -> bool:
    """Mark a new batch as begun; False if any of it is no longer as it was read.

    What is marked then is to be marked back by `mark_unstored`.
    """
    rows = [_row(project_id, item) for item in batch]
    parameters = {**document(connection, rows), "now": now, "project": project_id}
    claimed = connection.execute(_claim(connection.dialect.name), parameters).rowcount
    return claimed == len(batch)


@cache
def _claim(dialect: str) -> sa.Update:
    sent = given(dialect, "sent", _ROW)
    return (
        sa.update(EnrichmentRow)
        .where(
            *_is(sent),
            EnrichmentRow.state == State.PENDING,
            EnrichmentRow.revision == sent.c.sent_revision,
            NOT_TO_BE_EXAMINED,
        )
        .values(doubtful_revision=sent.c.sent_revision, doubtful_since=sa.bindparam("now"))
    )


def mark_unstored(connection: sa.Connection, project_id: int, group: Sequence[Due]) -> None:
    """It is certain that the request stored nothing; what was in doubt before still is."""
    rows = [
        {
            **_row(project_id, item),
            "doubtful": item.doubtful_revision,
            "since": item.doubtful_since,
        }
        for item in group
    ]
    connection.execute(_mark_unstored(connection.dialect.name), document(connection, rows))


@cache
def _mark_unstored(dialect: str) -> sa.Update:
    sent = given(dialect, "sent", {**_ROW, **_DOUBT})
    return (
        sa.update(EnrichmentRow)
        .where(*_is(sent))
        .values(doubtful_revision=sent.c.doubtful, doubtful_since=sent.c.since)
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
    rows = [
        {
            **_row(project_id, item),
            "hash": item.payload_hash,
            "version": item.integration_version,
            **_straggler(item, in_doubt, now),
        }
        for item in sent
    ]
    connection.execute(
        _mark_accepted(connection.dialect.name),
        {**document(connection, rows), "batch": batch_id, "now": now},
    )
    judgements = [
        ledger.delivered(item.enrichment.enrichment_number, item.revision) for item in sent
    ]
    _judge(connection, project_id, sent, judgements, now)


@cache
def _mark_accepted(dialect: str) -> sa.Update:
    kinds = {**_ROW, **_DOUBT, "hash": sa.Text(), "version": sa.Integer()}
    sent = given(dialect, "sent", kinds)
    newest = sa.and_(
        EnrichmentRow.revision == sent.c.sent_revision, EnrichmentRow.state == State.PENDING
    )
    return (
        sa.update(EnrichmentRow)
        .where(*_is(sent), EnrichmentRow.accepted_revision < sent.c.sent_revision)
        .values(
            accepted_revision=sent.c.sent_revision,
            accepted_hash=sent.c.hash,
            accepted_version=sent.c.version,
            accepted_at=sa.bindparam("now"),
            doubtful_revision=sent.c.doubtful,
            doubtful_since=sent.c.since,
            batch_id=sa.bindparam("batch"),
            attempts=EnrichmentRow.attempts + 1,
            state=sa.case((newest, State.ACCEPTED.value), else_=EnrichmentRow.state),
        )
    )


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
        _mark_rejected(connection.dialect.name),
        {
            **document(connection, [_row(project_id, culprit)]),
            "batch": batch_id,
            "now": now,
        },
    )
    judgement = ledger.refused(culprit.enrichment.enrichment_number, culprit.revision, message)
    _judge(connection, project_id, [culprit], [judgement], now)


@cache
def _mark_rejected(dialect: str) -> sa.Update:
    sent = given(dialect, "sent", _ROW)
    return (
        sa.update(EnrichmentRow)
        .where(
            *_is(sent),
            EnrichmentRow.revision == sent.c.sent_revision,
            EnrichmentRow.state == State.PENDING,
        )
        .values(
            state=State.REJECTED,
            batch_id=sa.bindparam("batch"),
            attempts=EnrichmentRow.attempts + 1,
            changed_at=sa.bindparam("now"),
        )
    )


def postpone(
    connection: sa.Connection,
    project_id: int,
    unsent: Sequence[Due],
    *,
    message: str,
    now: datetime,
) -> None:
    """These were sent in vain, and stay pending."""
    rows = [_row(project_id, item) for item in unsent]
    connection.execute(_postpone(connection.dialect.name), document(connection, rows))
    judgements = [ledger.postponed(message)] * len(unsent)
    _judge(connection, project_id, unsent, judgements, now)


@cache
def _postpone(dialect: str) -> sa.Update:
    return (
        sa.update(EnrichmentRow)
        .where(*_is(given(dialect, "sent", _ROW)))
        .values(attempts=EnrichmentRow.attempts + 1)
    )


def _judge(
    connection: sa.Connection,
    project_id: int,
    sent: Sequence[Due],
    judgements: Sequence[ledger.Judgement],
    now: datetime,
) -> None:
    """Write the verdicts of calls whose enrichment stands at that revision, in that state."""
    rows = [
        {
            "project_id": project_id,
            "call_id": item.call_id,
            "sent_revision": item.revision,
            "verdict": judgement.verdict,
            "reason": judgement.reason,
            "detail": judgement.detail,
        }
        for item, judgement in zip(sent, judgements, strict=True)
    ]
    connection.execute(
        _judge_all(connection.dialect.name), {**document(connection, rows), "now": now}
    )


@cache
def _judge_all(dialect: str) -> sa.Update:
    judged = given(dialect, "judged", _JUDGEMENT)
    stands_there = sa.exists().where(
        EnrichmentRow.project_id == judged.c.project_id,
        EnrichmentRow.call_id == judged.c.call_id,
        EnrichmentRow.revision == judged.c.sent_revision,
        EnrichmentRow.state == judged.c.verdict,
    )
    return (
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
            decided_at=sa.bindparam("now"),
        )
    )


#: What is given of each enrichment. The project stands in each row: SQLite would else go through
#: all rows of the project and look each of them up here.
_ROW: Mapping[str, sa.types.TypeEngine[Any]] = {
    "project_id": sa.BigInteger(),
    "user_id": sa.Text(),
    "session_number": sa.Integer(),
    "enrichment_number": sa.Integer(),
    "sent_revision": sa.Integer(),
}

_DOUBT: Mapping[str, sa.types.TypeEngine[Any]] = {"doubtful": sa.Integer(), "since": UtcDateTime()}

_JUDGEMENT: Mapping[str, sa.types.TypeEngine[Any]] = {
    "project_id": sa.BigInteger(),
    "sent_revision": sa.Integer(),
    **dict.fromkeys(("call_id", "verdict", "reason", "detail"), sa.Text()),
}


def _row(project_id: int, item: Due) -> dict[str, Any]:
    return {
        "project_id": project_id,
        "user_id": item.enrichment.user_id,
        "session_number": item.enrichment.session_number,
        "enrichment_number": item.enrichment.enrichment_number,
        "sent_revision": item.revision,
    }


def _is(sent: sa.FromClause) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        EnrichmentRow.project_id == sent.c.project_id,
        EnrichmentRow.user_id == sent.c.user_id,
        EnrichmentRow.session_number == sent.c.session_number,
        EnrichmentRow.enrichment_number == sent.c.enrichment_number,
    )
