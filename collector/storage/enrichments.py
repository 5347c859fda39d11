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
from collector.domain.verdicts import Verdict
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


def slots_of(
    connection: sa.Connection, project_id: int, call_ids: Sequence[str]
) -> dict[str, Slot]:
    """The enrichment that each of these calls has already."""
    rows = connection.execute(
        sa.select(
            EnrichmentRow.call_id,
            EnrichmentRow.enrichment_number,
            EnrichmentRow.payload_hash,
            EnrichmentRow.integration_version,
            EnrichmentRow.revision,
            EnrichmentRow.accepted_revision,
            EnrichmentRow.state,
        ).where(EnrichmentRow.project_id == project_id, EnrichmentRow.call_id.in_(call_ids))
    )
    return {
        row.call_id: Slot(
            enrichment_number=row.enrichment_number,
            payload_hash=row.payload_hash,
            integration_version=row.integration_version,
            revision=row.revision,
            accepted_revision=row.accepted_revision,
            state=Verdict(row.state),
        )
        for row in rows
    }


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
    """Write new enrichments and new revisions; the database refuses a number given twice."""
    new = [_new_row(project_id, draft, now) for draft in drafts if draft.is_new]
    if new:
        connection.execute(sa.insert(EnrichmentRow), new)
    revised = [_revised_row(draft, now) for draft in drafts if not draft.is_new]
    if revised:
        columns = [name for name in revised[0] if name != "the_call"]
        connection.execute(
            sa.update(EnrichmentRow)
            .where(
                EnrichmentRow.project_id == project_id,
                EnrichmentRow.call_id == sa.bindparam("the_call"),
            )
            .values({name: sa.bindparam(name) for name in columns}),
            revised,
        )


def _new_row(project_id: int, written: Written, now: datetime) -> dict[str, Any]:
    revised = _revised_row(written, now)
    del revised["the_call"]
    return {
        **revised,
        "project_id": project_id,
        "call_id": written.call_id,
        "user_id": written.session.user_id,
        "session_number": written.session.session_number,
        "enrichment_number": written.draft.enrichment_number,
        "accepted_revision": 0,
        "deadline": written.deadline,
        "created_at": now,
    }


def _revised_row(written: Written, now: datetime) -> dict[str, Any]:
    return {
        "the_call": written.call_id,
        "payload": dict(written.fields),
        "payload_hash": written.draft.payload_hash,
        "integration_version": written.integration_version,
        "revision": written.draft.revision,
        "state": Verdict.PENDING,
        "attempts": 0,
        "changed_at": now,
    }


def withhold(connection: sa.Connection, project_id: int, call_ids: Sequence[str]) -> None:
    """Send no outdated payload of calls whose new content cannot be built."""
    connection.execute(
        sa.update(EnrichmentRow)
        .where(
            EnrichmentRow.project_id == project_id,
            EnrichmentRow.call_id.in_(call_ids),
            EnrichmentRow.state == Verdict.PENDING,
        )
        .values(state=Verdict.INVALID)
    )


def of_call(connection: sa.Connection, project_id: int, call_id: str) -> dict[str, Any] | None:
    """Everything about the enrichment of one call, for its explanation."""
    row = connection.execute(
        sa.select(EnrichmentRow.__table__).where(
            EnrichmentRow.project_id == project_id, EnrichmentRow.call_id == call_id
        )
    ).one_or_none()
    return None if row is None else dict(row._mapping)
