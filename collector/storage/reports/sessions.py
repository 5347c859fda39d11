"""One session as its views tell of it, with the calls that were joined to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from collector.domain.identifiers import SessionId
from collector.storage.reports.asking import Question
from collector.storage.tables import UtcDateTime

_SEEN = {"first_seen": UtcDateTime(), "last_seen": UtcDateTime()}

SESSION = Question(
    """
    SELECT project_id, session_key, first_seen, last_seen, beacons, match_keys, calls, enrichments
    FROM report_sessions
    WHERE project_id IN :projects AND user_id = :user AND session_number = :number
    ORDER BY project_id
    """,
    _SEEN,
)

FIRST = Question(
    """
    SELECT project_id, session_key, first_seen, last_seen, beacons, match_keys, calls, enrichments
    FROM report_sessions
    WHERE project_id = :project
    ORDER BY first_seen
    LIMIT 1
    """,
    _SEEN,
)

# Asked for an order, SQLite would go through all calls of the project, since an index has it.
CALLS = Question(
    """
    SELECT call_id, started_at, verdict, reason, detail, rule
    FROM report_calls
    WHERE project_id = :project AND user_id = :user AND session_number = :number
    LIMIT :most
    """,
    {"started_at": UtcDateTime()},
)

ENRICHMENTS = Question(
    """
    SELECT enrichment_number, call_id, state, revision, accepted_revision, doubtful_revision,
           deadline, accepted_at
    FROM report_enrichments
    WHERE project_id = :project AND user_id = :user AND session_number = :number
    ORDER BY enrichment_number
    """,
    {"deadline": UtcDateTime(), "accepted_at": UtcDateTime()},
)

#: So many calls of a session are shown: it has three enrichments, whoever calls how often.
MOST_CALLS = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """A session; ``enrichments`` are those that were accepted."""

    project_id: int
    session_key: str
    first_seen: datetime
    last_seen: datetime
    beacons: int
    match_keys: int
    calls: int
    enrichments: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Joined:
    """A call that was joined to a session."""

    call_id: str
    started_at: datetime
    verdict: str
    reason: str
    detail: str
    rule: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Numbered:
    """What has one of a session's three enrichment numbers."""

    enrichment_number: int
    call_id: str
    state: str
    revision: int
    accepted_revision: int
    doubtful_revision: int
    deadline: datetime
    accepted_at: datetime | None


def find(connection: sa.Connection, project_ids: Sequence[int], session: SessionId) -> list[Seen]:
    """The session of this key, of each of these projects that has one."""
    if not project_ids:
        return []
    values = {**_of(session), "projects": tuple(project_ids)}
    return [Seen(**row) for row in SESSION.ask(connection, values)]


def first(connection: sa.Connection, project_id: int) -> Seen | None:
    """The session that a project was heard with first; None while no beacon has come."""
    rows = FIRST.ask(connection, {"project": project_id})
    return Seen(**rows[0]) if rows else None


def calls_of(connection: sa.Connection, project_id: int, session: SessionId) -> list[Joined]:
    """Its calls, in the order of their start; no more than `MOST_CALLS`."""
    values = {**_of(session), "project": project_id, "most": MOST_CALLS}
    found = [Joined(**row) for row in CALLS.ask(connection, values)]
    return sorted(found, key=lambda call: (call.started_at, call.call_id))


def enrichments_of(
    connection: sa.Connection, project_id: int, session: SessionId
) -> list[Numbered]:
    """Its enrichments by number, those besides that their calls have left behind."""
    values = {**_of(session), "project": project_id}
    return [Numbered(**row) for row in ENRICHMENTS.ask(connection, values)]


def _of(session: SessionId) -> dict[str, Any]:
    return {"user": session.user_id, "number": session.session_number}
