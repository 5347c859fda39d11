"""Calls as their view tells of them: one, those of an id, and the newest that fit a choice."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import islice
from typing import Any

import sqlalchemy as sa

from collector.storage.reports.asking import Question
from collector.storage.tables import Json, UtcDateTime

#: What a list shows of a call.
_LISTED = (
    "SELECT project_id, call_id, started_at, verdict, reason, rule, session_key, "
    "enrichment_number\nFROM report_calls"
)

_TIMES = ("started_at", "ended_at", "received_at", "changed_at", "decided_at", "deadline",
          "accepted_at")  # fmt: skip

CALL = Question(
    """
    SELECT project_id, call_id, started_at, ended_at, received_at, changed_at, verdict, reason,
           detail, decided_at, rule, session_key, enrichment_number, accepted_at, source,
           answered, value, caller IS NOT NULL AS has_caller, seconds_to_acceptance
    FROM report_calls
    WHERE project_id = :project AND call_id = :call
    """,
    {"answered": sa.Boolean(), "has_caller": sa.Boolean(),
     **{name: UtcDateTime() for name in _TIMES if name != "deadline"}},
)  # fmt: skip

ENRICHMENTS = Question(
    """
    SELECT session_key, enrichment_number, state, revision, accepted_revision, doubtful_revision,
           integration_version, payload, attempts, deadline, accepted_at, sent_at, status, message
    FROM report_enrichments
    WHERE project_id = :project AND call_id = :call AND state <> 'superseded'
    """,
    {"payload": Json, **{name: UtcDateTime() for name in ("deadline", "accepted_at", "sent_at")}},
)

LEFT_BEHIND = Question(
    """
    SELECT session_key, enrichment_number, stands, accepted_at, superseded_at
    FROM report_superseded
    WHERE project_id = :project AND call_id = :call
    ORDER BY superseded_at, session_key, enrichment_number
    """,
    {"accepted_at": UtcDateTime(), "superseded_at": UtcDateTime()},
)

OF_AN_ID = Question(
    f"{_LISTED}\nWHERE project_id IN :projects AND call_id = :call\nORDER BY project_id",
    {"started_at": UtcDateTime()},
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Listed:
    """A call as a list shows it."""

    project_id: int
    call_id: str
    started_at: datetime
    verdict: str
    reason: str
    rule: str | None
    session_key: str | None
    enrichment_number: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """A call with all that its view tells; of the caller, only that there is one."""

    project_id: int
    call_id: str
    started_at: datetime
    ended_at: datetime | None
    received_at: datetime
    changed_at: datetime
    verdict: str
    reason: str
    detail: str
    decided_at: datetime
    rule: str | None
    session_key: str | None
    enrichment_number: int | None
    accepted_at: datetime | None
    source: str
    answered: bool | None
    value: float | None
    has_caller: bool
    seconds_to_acceptance: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Built:
    """The enrichment that a call has, with the answer to the batch that it was last sent in."""

    session_key: str
    enrichment_number: int
    state: str
    revision: int
    accepted_revision: int
    doubtful_revision: int
    integration_version: int
    payload: dict[str, Any]
    attempts: int
    deadline: datetime
    accepted_at: datetime | None
    sent_at: datetime | None
    status: int | None
    message: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class LeftBehind:
    """What stands, or perhaps stands, in a session that its call points to no longer."""

    session_key: str
    enrichment_number: int
    stands: str
    accepted_at: datetime | None
    superseded_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """Calls that started within a time; None leaves out a condition."""

    since: datetime
    until: datetime
    verdict: str | None = None
    reason: str | None = None
    rule: str | None = None

    def question(self, more: str = "", end: str = "") -> Question:
        """The calls of one project that fit, the newest first."""
        given = [name for name in ("verdict", "reason", "rule") if getattr(self, name) is not None]
        conditions = "".join(f"\n  AND {name} = :{name}" for name in given)
        return Question(
            f"{_LISTED}\nWHERE project_id = :project\n  AND started_at >= :since "
            f"AND started_at < :until{conditions}{more}\n"
            f"ORDER BY started_at DESC, call_id DESC{end}",
            {"started_at": UtcDateTime()},
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A call's place in a list: the last one that was shown."""

    started_at: datetime
    project_id: int
    call_id: str


def find(connection: sa.Connection, project_id: int, call_id: str) -> Told | None:
    """One call, if it is stored."""
    rows = CALL.ask(connection, {"project": project_id, "call": call_id})
    return Told(**rows[0]) if rows else None


def enrichment_of(connection: sa.Connection, project_id: int, call_id: str) -> Built | None:
    """The enrichment that its verdict is about, if there is one."""
    rows = ENRICHMENTS.ask(connection, {"project": project_id, "call": call_id})
    return Built(**rows[0]) if rows else None


def left_behind(connection: sa.Connection, project_id: int, call_id: str) -> list[LeftBehind]:
    """What was sent of it to sessions that it points to no longer."""
    rows = LEFT_BEHIND.ask(connection, {"project": project_id, "call": call_id})
    return [LeftBehind(**row) for row in rows]


def with_id(connection: sa.Connection, project_ids: Sequence[int], call_id: str) -> list[Listed]:
    """The calls of these projects that have this id: one of each at most."""
    if not project_ids:
        return []
    rows = OF_AN_ID.ask(connection, {"projects": tuple(project_ids), "call": call_id})
    return [Listed(**row) for row in rows]


def newest(
    connection: sa.Connection,
    project_ids: Iterable[int],
    choice: Choice,
    *,
    after: Place | None,
    most: int,
) -> list[Listed]:
    """So many calls of these projects at most, the newest first, beginning after a place.

    Each project is asked by itself, since only so an index has its calls in order.
    """
    pages = [_of_project(connection, each, choice, after, most) for each in project_ids]
    merged = heapq.merge(*pages, key=lambda call: (call.started_at, call.project_id), reverse=True)
    return list(islice(merged, most))


def _of_project(
    connection: sa.Connection, project_id: int, choice: Choice, after: Place | None, most: int
) -> list[Listed]:
    values = {**asdict(choice), "project": project_id, "most": most}
    more = ""
    if after is not None:
        values |= {"last": after.started_at, "last_call": after.call_id}
        # Those that started at the same moment stand by project, then by id, the last first.
        more = "\n  AND started_at <= :last" if project_id <= after.project_id else (
            "\n  AND started_at < :last"
        )  # fmt: skip
        if project_id == after.project_id:
            more += "\n  AND (started_at < :last OR call_id < :last_call)"
    rows = choice.question(more, "\nLIMIT :most").ask(connection, values)
    return [Listed(**row) for row in rows]
