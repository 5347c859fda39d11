"""Calls as the job looks at them, page by page, and the verdicts that it writes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa

from collector.domain.call import Call
from collector.domain.identifiers import SessionId
from collector.domain.ledger import Judgement
from collector.domain.matching import Match
from collector.domain.verdicts import Reason, Verdict
from collector.storage.given import BOOLEAN, DOCUMENT, INTEGER, MOMENT, TEXT, Given
from collector.storage.preparing import as_text
from collector.storage.tables import CallKeyRow, CallRow, SessionRow, UtcDateTime

_NOW = sa.bindparam("now", type_=UtcDateTime)

#: What is written of a decision, in the order of `_decided`.
_DECIDED = {
    "call_id": TEXT,
    "verdict": TEXT,
    "reason": TEXT,
    "detail": TEXT,
    "examine": BOOLEAN,
    "user_id": TEXT,
    "session_number": INTEGER,
    "rule": TEXT,
    "evidence": DOCUMENT,
    "match_hash": TEXT,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Examined:
    """A call the job looks at, with the match it had before, if any."""

    call: Call
    judgement: Judgement
    match: Match | None
    match_hash: str | None  #: the call's own, when that match was found
    stamp: tuple[str, datetime, datetime]  #: other once the record or its verdict has changed

    @property
    def points_elsewhere(self) -> bool:
        """Whether the record has changed in what says which session it came from."""
        return self.match_hash != self.call.match_hash()


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """What the job found for one call, ready to be written."""

    call_id: str
    judgement: Judgement
    match: Match | None
    examine_again: bool
    match_hash: str | None = None  #: the call's own, beside a match


def to_examine(
    connection: sa.Connection,
    project_id: int,
    *,
    after: tuple[datetime, str] | None,
    limit: int,
    lock: bool = True,
) -> list[Examined]:
    """The next calls that the job has to look at, by start and id.

    Args:
        after: start and id of the last call of the page before.
        lock: keep imports from changing them while this transaction decides about them.
    """
    query = (
        select_calls(project_id)
        .where(CallRow.examine)
        .order_by(CallRow.started_at, CallRow.call_id)
        .limit(limit)
    )
    if lock:
        query = query.with_for_update(of=CallRow)
    query = beyond(query, after)
    return with_keys(connection, project_id, connection.execute(query).all())


def beyond(query: sa.Select[Any], after: tuple[datetime, str] | None) -> sa.Select[Any]:
    """The rest of a query by start and id, after the last call of the page before."""
    if after is None:
        return query
    return query.where(
        sa.tuple_(CallRow.started_at, CallRow.call_id)
        > sa.tuple_(
            sa.bindparam("started", after[0], CallRow.started_at.type),
            sa.bindparam("call_id", after[1], CallRow.call_id.type),
        )
    )


def count_to_examine(connection: sa.Connection, project_id: int) -> int:
    """How many calls the job has to look at."""
    waiting = sa.select(CallRow.call_id).where(CallRow.project_id == project_id, CallRow.examine)
    if connection.dialect.name == "sqlite":
        # Asked for their order, it takes their own index instead of going through all calls.
        waiting = waiting.order_by(CallRow.started_at, CallRow.call_id).limit(-1)
    return connection.execute(
        sa.select(sa.func.count()).select_from(waiting.subquery())
    ).scalar_one()


def find(connection: sa.Connection, project_id: int, call_id: str) -> Examined | None:
    """One call, if it is stored."""
    rows = connection.execute(select_calls(project_id).where(CallRow.call_id == call_id)).all()
    return next(iter(with_keys(connection, project_id, rows)), None)


def select_calls(project_id: int) -> sa.Select[Any]:
    """The rows that ``with_keys`` turns into calls."""
    return (
        sa.select(
            CallRow.call_id,
            CallRow.started_at,
            CallRow.ended_at,
            CallRow.updated_at,
            CallRow.attributes,
            CallRow.verdict,
            CallRow.reason,
            CallRow.detail,
            CallRow.user_id,
            CallRow.session_number,
            CallRow.rule,
            CallRow.evidence,
            CallRow.match_hash,
            CallRow.source,
            CallRow.answered,
            CallRow.value,
            CallRow.caller,
            CallRow.caller_key,
            CallRow.content_hash,
            CallRow.changed_at,
            CallRow.decided_at,
            SessionRow.first_seen,
        )
        .outerjoin(
            SessionRow,
            sa.and_(
                SessionRow.project_id == CallRow.project_id,
                SessionRow.user_id == CallRow.user_id,
                SessionRow.session_number == CallRow.session_number,
            ),
        )
        .where(CallRow.project_id == project_id)
    )


def with_keys(
    connection: sa.Connection, project_id: int, rows: Sequence[sa.Row[Any]]
) -> list[Examined]:
    """The calls of these rows, with their keys, in the same order."""
    keys: dict[str, dict[str, str]] = {row.call_id: {} for row in rows}
    if not keys:
        return []
    query, given = _keys_of(connection.dialect.name)
    asked = given.bind(project_id, [(call_id,) for call_id in keys])
    for call_id, kind, value in connection.execute(query, asked).all():
        keys[call_id][kind] = value
    return [_examined(row, keys[row.call_id]) for row in rows]


@cache
def _keys_of(dialect: str) -> tuple[sa.Executable, Given]:
    asked = Given(dialect, {"call_id": TEXT}, name="asked")
    query = sa.select(CallKeyRow.call_id, CallKeyRow.kind, CallKeyRow.value).join_from(
        asked.table,
        CallKeyRow,
        sa.and_(
            CallKeyRow.project_id == asked.project_id, CallKeyRow.call_id == asked.c["call_id"]
        ),
    )
    return query, asked


def _examined(row: sa.Row[Any], keys: Mapping[str, str]) -> Examined:
    match = None
    if row.first_seen is not None:
        match = Match(
            session=SessionId(user_id=row.user_id, session_number=row.session_number),
            first_seen=row.first_seen,
            rule=row.rule,
            evidence=row.evidence,
        )
    return Examined(
        call=Call(
            call_id=row.call_id,
            started_at=row.started_at,
            ended_at=row.ended_at,
            updated_at=row.updated_at,
            keys=keys,
            attributes=row.attributes,
            answered=row.answered,
            value=row.value,
            caller=row.caller,
            caller_key=row.caller_key,
            source=row.source,
        ),
        judgement=Judgement(
            verdict=Verdict(row.verdict), reason=Reason(row.reason), detail=row.detail
        ),
        match=match,
        match_hash=row.match_hash,
        stamp=(row.content_hash, row.changed_at, row.decided_at),
    )


def are_unchanged(connection: sa.Connection, project_id: int, page: Sequence[Examined]) -> bool:
    """Whether calls are still as they were read; if so, imports wait for this transaction."""
    query, given = _unchanged(connection.dialect.name)
    rows = [
        (one.call.call_id, one.judgement.verdict, one.stamp[0], *map(as_text, one.stamp[1:]))
        for one in page
    ]
    return len(connection.execute(query, given.bind(project_id, rows)).all()) == len(page)


@cache
def _unchanged(dialect: str) -> tuple[sa.Executable, Given]:
    texts = dict.fromkeys(("call_id", "verdict", "content_hash"), TEXT)
    moments = dict.fromkeys(("changed_at", "decided_at"), MOMENT)
    was = Given(dialect, {**texts, **moments}, name="was")
    same = [getattr(CallRow, name) == column for name, column in was.c.items()]
    query = (
        sa.select(CallRow.call_id)
        .join_from(was.table, CallRow, sa.and_(CallRow.project_id == was.project_id, same[0]))
        .where(CallRow.examine, *same[1:])
        .with_for_update(of=CallRow)
    )
    return query, was


def first_with(connection: sa.Connection, project_id: int, verdict: Verdict) -> str | None:
    """The id of the earliest call that has this verdict, if any has."""
    return connection.execute(
        sa.select(CallRow.call_id)
        .where(CallRow.project_id == project_id, CallRow.verdict == verdict)
        .order_by(CallRow.started_at, CallRow.call_id)
        .limit(1)
    ).scalar_one_or_none()


def write_decisions(
    connection: sa.Connection, project_id: int, decisions: Iterable[Decision], now: datetime
) -> None:
    """Write the verdicts of calls together with their matches."""
    rows = [_decided(decision) for decision in decisions]
    if rows:
        statement, given = _writing(connection.dialect.name)
        connection.execute(statement, {"now": now, **given.bind(project_id, rows)})


@cache
def _writing(dialect: str) -> tuple[sa.Update, Given]:
    decided = Given(dialect, _DECIDED, name="decided")
    values = {name: decided.c[name] for name in _DECIDED if name != "call_id"}
    said = [getattr(CallRow, name) == values[name] for name in ("verdict", "reason", "detail")]
    statement = (
        sa.update(CallRow)
        .where(CallRow.project_id == decided.project_id, CallRow.call_id == decided.c["call_id"])
        # The same again was not decided now.
        .values(**values, decided_at=sa.case((sa.and_(*said), CallRow.decided_at), else_=_NOW))
    )
    return statement, decided


def _decided(decision: Decision) -> tuple[Any, ...]:
    match, judgement = decision.match, decision.judgement
    said = (judgement.verdict.value, judgement.reason.value, judgement.detail)
    found: tuple[Any, ...] = (None, None, None, None)
    if match is not None:
        found = (*match.session, match.rule, match.evidence)
    return (decision.call_id, *said, decision.examine_again, *found, decision.match_hash)
