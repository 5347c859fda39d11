"""Looks up what speaks against candidates: other keys of their sessions, earlier calls.

A few statements answer for a page of calls. SQLite has no statistics, and would rather read all
sightings of a project, or all its calls of a month: so the statements leave out by what it would.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any, TypeVar

import sqlalchemy as sa

from collector.domain import objections
from collector.domain.call import Call
from collector.domain.definition import Matching
from collector.domain.identifiers import SessionId
from collector.domain.matching import Candidate
from collector.domain.objections import REMEMBERED, Facts, Key
from collector.storage.tables import CallKeyRow, CallRow, SightingRow, UtcDateTime

#: Sessions, or keys of calls, named in one statement: databases limit its parameters.
CHUNK = 1000

T = TypeVar("T")


def gather(
    connection: sa.Connection,
    project_id: int,
    calls: Sequence[Call],
    candidates: Collection[Candidate],
    matching: Matching,
) -> Facts:
    """What is known besides the sightings that made these the candidates of these calls."""
    shared = objections.shared_kinds(matching)
    personal = objections.personal_kinds(matching) & {kind for call in calls for kind in call.keys}
    doubtable = objections.doubtable_kinds(matching) if personal else set()
    asked = {item.session for item in candidates if item.kind in doubtable}
    doubted = {(item.call_id, item.kind) for item in candidates if item.kind in shared}
    return Facts(
        told=_told(connection, project_id, sorted(asked), personal),
        dialled=_dialled(
            connection,
            project_id,
            [
                (call, kind)
                for call in calls
                for kind in sorted(shared)
                if call.caller and (call.call_id, kind) in doubted
            ],
        ),
    )


def _told(
    connection: sa.Connection, project_id: int, sessions: Sequence[SessionId], kinds: set[str]
) -> dict[SessionId, set[Key]]:
    told: dict[SessionId, set[Key]] = defaultdict(set)
    for part in _in_parts(sessions):
        for row in connection.execute(_keys_of(project_id, part)):
            if row.kind in kinds:
                session = SessionId(user_id=row.user_id, session_number=row.session_number)
                told[session].add((row.kind, row.value))
    return told


def _keys_of(project_id: int, sessions: Sequence[SessionId]) -> sa.Select[Any]:
    asked = (
        sa.values(sa.column("user_id", sa.String), sa.column("session_number", sa.Integer))
        .data([(session.user_id, session.session_number) for session in sessions])
        .cte("asked")
    )
    # All columns and all kinds: else the primary key, which leads with the kind, would serve.
    return sa.select(SightingRow.__table__).join(
        asked,
        sa.and_(
            SightingRow.project_id == project_id,
            SightingRow.user_id == asked.c.user_id,
            SightingRow.session_number == asked.c.session_number,
        ),
    )


def _dialled(
    connection: sa.Connection, project_id: int, asked: Sequence[tuple[Call, str]]
) -> dict[tuple[str, str], datetime]:
    dialled: dict[tuple[str, str], datetime] = {}
    for part in _in_parts(asked):
        for call_id, kind, first in connection.execute(_first_uses(project_id, part)):
            dialled[call_id, kind] = first
    return dialled


def _first_uses(project_id: int, asked: Sequence[tuple[Call, str]]) -> sa.Select[Any]:
    by = (
        sa.values(
            sa.column("call_id", sa.String),
            sa.column("kind", sa.String),
            sa.column("value", sa.String),
            sa.column("caller", sa.String),
            sa.column("since", UtcDateTime),
            sa.column("until", UtcDateTime),
        )
        .data(
            [
                (
                    call.call_id,
                    kind,
                    call.keys[kind],
                    call.caller,
                    call.started_at - REMEMBERED,
                    call.started_at,
                )
                for call, kind in asked
            ]
        )
        .cte("asked")
    )
    first = sa.func.min(CallRow.started_at, type_=CallRow.started_at.type).label("first")
    return (
        sa.select(by.c.call_id, by.c.kind, first)
        .join_from(
            by,
            CallRow,
            sa.and_(
                CallRow.project_id == project_id,
                CallRow.caller == by.c.caller,
                CallRow.started_at >= by.c.since,
                CallRow.started_at <= by.c.until,
            ),
        )
        .where(
            sa.exists().where(
                CallKeyRow.project_id == CallRow.project_id,
                CallKeyRow.call_id == CallRow.call_id,
                CallKeyRow.kind == by.c.kind,
                CallKeyRow.value == by.c.value,
            )
        )
        .group_by(by.c.call_id, by.c.kind)
    )


def _in_parts(items: Sequence[T]) -> Iterator[Sequence[T]]:
    return (items[start : start + CHUNK] for start in range(0, len(items), CHUNK))
