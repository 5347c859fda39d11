"""The ledger of enrichments: which number a call has, and what its newest revision says."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa

from collector.domain.enrichment import FieldValue
from collector.domain.identifiers import SessionId
from collector.domain.ledger import Draft, Slot
from collector.domain.verdicts import State
from collector.storage.given import DOCUMENT, INTEGER, MOMENT, TEXT, Given
from collector.storage.preparing import as_text
from collector.storage.tables import EnrichmentRow, UtcDateTime
from collector.storage.tables_privacy import SpentNumberRow

_NOW = sa.bindparam("now", type_=UtcDateTime)


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """A draft with all that its row needs."""

    call_id: str
    session: SessionId
    draft: Draft
    fields: Mapping[str, FieldValue]
    integration_version: int
    deadline: datetime
    is_new: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where an enrichment is kept: its key, but for the project."""

    session: SessionId
    enrichment_number: int


def slots_of(
    connection: sa.Connection, project_id: int, call_ids: Sequence[str]
) -> dict[str, dict[SessionId, Slot]]:
    """The enrichments of each of these calls; all but one, if any, are superseded."""
    query, given = _slots_of(connection.dialect.name)
    asked = given.bind(project_id, [(call_id,) for call_id in call_ids])
    rows = connection.execute(query, asked).all()
    slots: dict[str, dict[SessionId, Slot]] = defaultdict(dict)
    for row in rows:
        session = SessionId(user_id=row.user_id, session_number=row.session_number)
        slots[row.call_id][session] = Slot(
            enrichment_number=row.enrichment_number,
            payload_hash=row.payload_hash,
            integration_version=row.integration_version,
            revision=row.revision,
            accepted_revision=row.accepted_revision,
            accepted_hash=row.accepted_hash,
            accepted_version=row.accepted_version,
            in_doubt=row.doubtful_revision > row.accepted_revision,
            state=State(row.state),
            deadline=row.deadline,
        )
    return slots


@cache
def _slots_of(dialect: str) -> tuple[sa.Executable, Given]:
    asked = Given(dialect, {"call_id": TEXT}, name="asked")
    query = sa.select(
        EnrichmentRow.call_id,
        EnrichmentRow.user_id,
        EnrichmentRow.session_number,
        EnrichmentRow.enrichment_number,
        EnrichmentRow.payload_hash,
        EnrichmentRow.integration_version,
        EnrichmentRow.revision,
        EnrichmentRow.accepted_revision,
        EnrichmentRow.accepted_hash,
        EnrichmentRow.accepted_version,
        EnrichmentRow.doubtful_revision,
        EnrichmentRow.state,
        EnrichmentRow.deadline,
    ).join_from(
        asked.table,
        EnrichmentRow,
        sa.and_(
            EnrichmentRow.project_id == asked.project_id,
            EnrichmentRow.call_id == asked.c["call_id"],
        ),
    )
    return query, asked


def numbers_taken(
    connection: sa.Connection, project_id: int, sessions: Sequence[SessionId]
) -> dict[SessionId, set[int]]:
    """The enrichment numbers that these sessions have given out, to whomever."""
    taken: dict[SessionId, set[int]] = defaultdict(set)
    query, given = _numbers_taken(connection.dialect.name)
    asked = given.bind(
        project_id, [(one.user_id, one.session_number) for one in sorted(set(sessions))]
    )
    rows = connection.execute(query, asked).all()
    for user_id, session_number, enrichment_number in rows:
        taken[SessionId(user_id, session_number)].add(enrichment_number)
    return taken


@cache
def _numbers_taken(dialect: str) -> tuple[sa.Executable, Given]:
    asked = Given(dialect, {"user_id": TEXT, "session_number": INTEGER}, name="asked")
    given, spent = (
        sa.select(row.user_id, row.session_number, row.enrichment_number).join_from(
            asked.table,
            row,
            sa.and_(
                row.project_id == asked.project_id,
                row.user_id == asked.c["user_id"],
                row.session_number == asked.c["session_number"],
            ),
        )
        for row in (EnrichmentRow, SpentNumberRow)
    )
    return sa.union_all(given, spent), asked


def write_drafts(
    connection: sa.Connection, project_id: int, drafts: Sequence[Written], now: datetime
) -> None:
    """Write new enrichments and new revisions; the database refuses a number given twice.

    What a call leaves behind in another session has to be superseded before.
    """
    new = [_new_row(draft) for draft in drafts if draft.is_new]
    if new:
        statement, given = _inserting(connection.dialect.name)
        connection.execute(statement, {"now": now, **given.bind(project_id, new)})
    revised = [draft for draft in drafts if not draft.is_new]
    if revised:
        columns = _content(revised[0], now)
        connection.execute(
            sa.update(EnrichmentRow)
            .where(EnrichmentRow.project_id == project_id, *AT_PLACE)
            .values({name: sa.bindparam(name) for name in columns}),
            [
                {
                    **the_place(draft.session, draft.draft.enrichment_number),
                    **_content(draft, now),
                }
                for draft in revised
            ],
        )


#: Finds one enrichment by its key, with the parameters of `the_place`.
AT_PLACE = (
    EnrichmentRow.user_id == sa.bindparam("the_user"),
    EnrichmentRow.session_number == sa.bindparam("the_session"),
    EnrichmentRow.enrichment_number == sa.bindparam("the_number"),
)


def the_place(session: SessionId, enrichment_number: int) -> dict[str, Any]:
    """The parameters of `AT_PLACE`."""
    return {
        "the_user": session.user_id,
        "the_session": session.session_number,
        "the_number": enrichment_number,
    }


#: What is written of a new enrichment, in the order of `_new_row`.
_NEW = {
    "call_id": TEXT,
    "user_id": TEXT,
    "session_number": INTEGER,
    "enrichment_number": INTEGER,
    "payload": DOCUMENT,
    "payload_hash": TEXT,
    "integration_version": INTEGER,
    "revision": INTEGER,
    "deadline": MOMENT,
    "state": TEXT,
}


@cache
def _inserting(dialect: str) -> tuple[sa.Insert, Given]:
    new = Given(dialect, _NEW, name="new")
    values = {name: new.c[name] for name in _NEW}
    nothing = sa.literal_column("0", sa.Integer)
    values |= {"project_id": new.project_id, "accepted_revision": nothing, "attempts": nothing}
    values |= {"created_at": _NOW, "changed_at": _NOW}
    chosen = sa.select(*values.values()).select_from(new.table)
    return sa.insert(EnrichmentRow).from_select(list(values), chosen), new


def _new_row(written: Written) -> tuple[Any, ...]:
    draft, session = written.draft, written.session
    return (
        written.call_id,
        session.user_id,
        session.session_number,
        draft.enrichment_number,
        written.fields,
        draft.payload_hash,
        written.integration_version,
        draft.revision,
        as_text(written.deadline),
        draft.state.value,
    )


def _content(written: Written, now: datetime) -> dict[str, Any]:
    return {
        "payload": dict(written.fields),
        "payload_hash": written.draft.payload_hash,
        "integration_version": written.integration_version,
        "revision": written.draft.revision,
        "deadline": written.deadline,
        "state": written.draft.state,
        "attempts": 0,
        "changed_at": now,
    }


def supersede(
    connection: sa.Connection, project_id: int, places: Sequence[Place], now: datetime
) -> None:
    """Leave these behind: their calls no longer point to these sessions."""
    connection.execute(
        sa.update(EnrichmentRow)
        .where(EnrichmentRow.project_id == project_id, *AT_PLACE)
        .values(state=State.SUPERSEDED, changed_at=now),
        [the_place(place.session, place.enrichment_number) for place in places],
    )


def take_up(connection: sa.Connection, project_id: int, places: Sequence[Place]) -> None:
    """Calls have come back to these, but what they say now cannot be built."""
    connection.execute(
        sa.update(EnrichmentRow)
        .where(EnrichmentRow.project_id == project_id, *AT_PLACE)
        .values(state=State.INVALID),
        [the_place(place.session, place.enrichment_number) for place in places],
    )


def withhold(connection: sa.Connection, project_id: int, call_ids: Sequence[str]) -> None:
    """Send no outdated payload of calls whose new content cannot be built."""
    connection.execute(
        sa.update(EnrichmentRow)
        .where(
            EnrichmentRow.project_id == project_id,
            EnrichmentRow.call_id.in_(call_ids),
            EnrichmentRow.state == State.PENDING,
        )
        .values(state=State.INVALID)
    )


def of_call(connection: sa.Connection, project_id: int, call_id: str) -> list[dict[str, Any]]:
    """Everything about the enrichments of one call, for its explanation; the current one last."""
    rows = connection.execute(
        sa.select(EnrichmentRow.__table__)
        .where(EnrichmentRow.project_id == project_id, EnrichmentRow.call_id == call_id)
        .order_by(EnrichmentRow.state != State.SUPERSEDED, EnrichmentRow.changed_at)
    )
    return [dict(row._mapping) for row in rows]
