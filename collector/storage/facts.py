"""Looks up what speaks against candidates: other keys of their sessions, earlier calls."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime

import sqlalchemy as sa

from collector.domain import objections
from collector.domain.call import Call
from collector.domain.definition import Matching
from collector.domain.identifiers import SessionId
from collector.domain.matching import Candidate
from collector.domain.objections import REMEMBERED, Facts, Key
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
    doubtable = objections.doubtable_kinds(matching)
    asked = {item.session for item in candidates if item.kind in doubtable}
    doubted = {item.call_id for item in candidates if item.kind in shared}
    callers = [call for call in calls if call.caller and call.call_id in doubted]
    return Facts(
        told=_told(connection, project_id, asked, personal) if asked and personal else {},
        dialled=_dialled(connection, project_id, callers, shared) if callers else {},
    )


def _told(
    connection: sa.Connection, project_id: int, sessions: set[SessionId], kinds: set[str]
) -> dict[SessionId, set[Key]]:
    rows = connection.execute(
        sa.select(
            SightingRow.user_id, SightingRow.session_number, SightingRow.kind, SightingRow.value
        ).where(
            SightingRow.project_id == project_id,
            SightingRow.user_id.in_(sorted({session.user_id for session in sessions})),
            SightingRow.kind.in_(sorted(kinds)),
        )
    )
    told: dict[SessionId, set[Key]] = defaultdict(set)
    for user_id, number, kind, value in rows:
        session = SessionId(user_id=user_id, session_number=number)
        if session in sessions:
            told[session].add((kind, value))
    return told


def _dialled(
    connection: sa.Connection, project_id: int, calls: Sequence[Call], kinds: set[str]
) -> dict[tuple[str, Key], datetime]:
    earliest = min(call.started_at for call in calls) - REMEMBERED
    rows = connection.execute(_first_uses(project_id, calls, kinds, earliest))
    return {(str(caller), (kind, value)): first for caller, kind, value, first in rows}


def _first_uses(
    project_id: int, calls: Sequence[Call], kinds: set[str], earliest: datetime
) -> sa.Select[str | None, str, str, datetime]:
    first = sa.func.min(CallRow.started_at, type_=CallRow.started_at.type).label("first")
    return (
        sa.select(CallRow.caller, CallKeyRow.kind, CallKeyRow.value, first)
        .join(
            CallKeyRow,
            sa.and_(
                CallKeyRow.project_id == CallRow.project_id,
                CallKeyRow.call_id == CallRow.call_id,
            ),
        )
        .where(
            CallRow.project_id == project_id,
            CallRow.caller.in_(sorted({str(call.caller) for call in calls})),
            CallRow.started_at >= earliest,
            CallKeyRow.kind.in_(sorted(kinds)),
        )
        .group_by(CallRow.caller, CallKeyRow.kind, CallKeyRow.value)
    )
