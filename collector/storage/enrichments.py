"""The ledger of enrichments: which number a call has, and what its newest revision says."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from collector.domain.enrichment import FieldValue
from collector.domain.identifiers import SessionId
from collector.domain.ledger import Draft, Slot
from collector.domain.verdicts import State
from collector.storage.tables import EnrichmentRow


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
    rows = connection.execute(
        sa.select(
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
        ).where(EnrichmentRow.project_id == project_id, EnrichmentRow.call_id.in_(call_ids))
    )
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


def numbers_taken(
    connection: sa.Connection, project_id: int, sessions: Sequence[SessionId]
) -> dict[SessionId, set[int]]:
    """The enrichment numbers that these sessions have given out."""
    taken: dict[SessionId, set[int]] = defaultdict(set)
    rows = connection.execute(
        sa.select(
            EnrichmentRow.user_id, EnrichmentRow.session_number, EnrichmentRow.enrichment_number
        ).where(
            EnrichmentRow.project_id == project_id,
            EnrichmentRow.user_id.in_(sorted({session.user_id for session in sessions})),
        )
    )
    for user_id, session_number, enrichment_number in rows:
        session = SessionId(user_id=user_id, session_number=session_number)
        taken[session].add(enrichment_number)
    return taken


def write_drafts(
    connection: sa.Connection, project_id: int, drafts: Sequence[Written], now: datetime
) -> None:
    """Write new enrichments and new revisions; the database refuses a number given twice.

    What a call leaves behind in another session has to be superseded before.
    """
    new = [_new_row(project_id, draft, now) for draft in drafts if draft.is_new]
    if new:
        connection.execute(sa.insert(EnrichmentRow), new)
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


def _new_row(project_id: int, written: Written, now: datetime) -> dict[str, Any]:
    return {
        **_content(written, now),
        "project_id": project_id,
        "call_id": written.call_id,
        "user_id": written.session.user_id,
        "session_number": written.session.session_number,
        "enrichment_number": written.draft.enrichment_number,
        "accepted_revision": 0,
        "created_at": now,
    }


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
