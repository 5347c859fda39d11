"""Looks up what speaks against candidates: other keys of their sessions, earlier calls.

A few statements answer for a page of calls. SQLite has no statistics, and would rather read all
sightings of a project, or all its calls of a month: so the statements leave out by what it would.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from functools import cache

import sqlalchemy as sa

from collector.domain import objections
from collector.domain.call import Call
from collector.domain.definition import Matching
from collector.domain.identifiers import SessionId
from collector.domain.matching import Candidate
from collector.domain.objections import REMEMBERED, Facts, Key
from collector.storage.given import INTEGER, MOMENT, TEXT, Given
from collector.storage.preparing import as_text
from collector.storage.tables import CallKeyRow, CallRow, SightingRow


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
    if not sessions:
        return told
    query, given = _keys_of(connection.dialect.name)
    rows = given.bind(
        project_id, [(session.user_id, session.session_number) for session in sessions]
    )
    for kind, value, user_id, session_number, _first_seen in connection.execute(query, rows).all():
        if kind in kinds:
            told[SessionId(user_id, session_number)].add((kind, value))
    return told


@cache
def _keys_of(dialect: str) -> tuple[sa.Executable, Given]:
    asked = Given(dialect, {"user_id": TEXT, "session_number": INTEGER}, name="asked")
    # All kinds: else the primary key, which leads with the kind, would serve on SQLite. It would
    # also cover what is read here, but for one column.
    query = sa.select(
        SightingRow.kind,
        SightingRow.value,
        SightingRow.user_id,
        SightingRow.session_number,
        sa.type_coerce(SightingRow.first_seen, sa.types.NullType),
    ).join_from(
        asked.table,
        SightingRow,
        sa.and_(
            SightingRow.project_id == asked.project_id,
            SightingRow.user_id == asked.c["user_id"],
            SightingRow.session_number == asked.c["session_number"],
        ),
    )
    return query, asked


def _dialled(
    connection: sa.Connection, project_id: int, asked: Sequence[tuple[Call, str]]
) -> dict[tuple[str, str], datetime]:
    if not asked:
        return {}
    query, given = _first_uses(connection.dialect.name)
    rows = given.bind(
        project_id,
        [
            (
                call.call_id,
                kind,
                call.keys[kind],
                call.caller,
                as_text(call.started_at - REMEMBERED),
                as_text(call.started_at),
            )
            for call, kind in asked
        ],
    )
    found = connection.execute(query, rows).all()
    return {(call_id, kind): first for call_id, kind, first in found if first is not None}


@cache
def _first_uses(dialect: str) -> tuple[sa.Executable, Given]:
    texts = dict.fromkeys(("call_id", "kind", "value", "caller"), TEXT)
    by = Given(dialect, {**texts, "since": MOMENT, "until": MOMENT}, name="asked")
    # Asked of each by itself: PostgreSQL would rather begin with everybody who dialled the number.
    first = (
        sa.select(sa.func.min(CallRow.started_at, type_=CallRow.started_at.type))
        .where(
            CallRow.project_id == by.project_id,
            CallRow.caller == by.c["caller"],
            CallRow.started_at >= by.c["since"],
            CallRow.started_at <= by.c["until"],
            sa.exists()
            .where(
                CallKeyRow.project_id == CallRow.project_id,
                CallKeyRow.call_id == CallRow.call_id,
                CallKeyRow.kind == by.c["kind"],
                # Not by the index of values: a number has been dialled by thousands.
                CallKeyRow.value.concat("") == by.c["value"],
            )
            .correlate(CallRow, by.table),
        )
        .correlate(by.table)
        .scalar_subquery()
    )
    return sa.select(by.c["call_id"], by.c["kind"], first).select_from(by.table), by
