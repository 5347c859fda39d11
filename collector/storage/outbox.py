"""What is to be sent: enrichments as of one revision, and how many of them there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from collector.domain.enrichment import Enrichment
from collector.domain.identifiers import SessionId
from collector.storage import leases
from collector.storage.enrichments import the_place
from collector.storage.tables import CallRow, EnrichmentRow, InstallationRow

#: How long an unanswered request may still be on its way: a worker's term. Until then no newer
#: revision follows it, which it could overwrite on its arrival.
QUIET = leases.TERM


@dataclass(frozen=True, kw_only=True, slots=True)
class Due:
    """An enrichment to send, as of one revision.

    ``doubtful_revision`` and ``doubtful_since`` are what was in doubt before: a revision that was
    sent and never answered.
    """

    call_id: str
    enrichment: Enrichment
    payload_hash: str
    integration_version: int
    revision: int
    deadline: datetime
    doubtful_revision: int
    doubtful_since: datetime | None

    def place(self) -> dict[str, Any]:
        """The parameters by which its row is found."""
        return the_place(
            SessionId(
                user_id=self.enrichment.user_id, session_number=self.enrichment.session_number
            ),
            self.enrichment.enrichment_number,
        )


def next_due(
    connection: sa.Connection,
    project_id: int,
    integration_version: int,
    now: datetime,
    limit: int,
    *,
    margin: timedelta,
    canary: bool = False,
) -> list[Due]:
    """What to send next of one integration version: earliest deadline first.

    Args:
        margin: what reaches its deadline within so much time is not begun.
        canary: what was tried least comes first, so that other ones are tried if some are refused.
    """
    first = (EnrichmentRow.attempts,) if canary else ()
    rows = connection.execute(
        sa.select(EnrichmentRow.__table__)
        .where(*_due(project_id, now, margin), _built_for(integration_version))
        .order_by(*first, EnrichmentRow.deadline, EnrichmentRow.call_id)
        .limit(limit)
    )
    return [_as_due(row) for row in rows]


def _due(
    project_id: int, now: datetime, margin: timedelta
) -> tuple[sa.ColumnElement[bool] | sa.TextClause, ...]:
    return (
        EnrichmentRow.project_id == project_id,
        sa.text("state = 'pending'"),
        EnrichmentRow.deadline > now + margin,
        sa.or_(
            EnrichmentRow.doubtful_revision.in_((0, EnrichmentRow.revision)),
            EnrichmentRow.doubtful_since <= now - QUIET,
            EnrichmentRow.doubtful_since > now + QUIET,  # by a clock that was wrong
        ),
        ~_TO_BE_EXAMINED,
    )


def is_outdated(connection: sa.Connection, project_id: int, group: Sequence[Due]) -> bool:
    """Whether the record of any of these calls has changed since they were chosen."""
    return connection.execute(
        sa.select(
            sa.exists().where(
                CallRow.project_id == project_id,
                CallRow.call_id.in_([item.call_id for item in group]),
                CallRow.examine,
            )
        )
    ).scalar_one()


#: Its call has changed since, or is to be tried again: what was built of it may be outdated.
_TO_BE_EXAMINED = sa.exists().where(
    CallRow.project_id == EnrichmentRow.project_id,
    CallRow.call_id == EnrichmentRow.call_id,
    CallRow.examine,
)


def _built_for(integration_version: int) -> sa.ColumnElement[bool]:
    return EnrichmentRow.integration_version == integration_version


def _as_due(row: sa.Row[Any]) -> Due:
    return Due(
        call_id=row.call_id,
        enrichment=Enrichment(
            user_id=row.user_id,
            session_number=row.session_number,
            enrichment_number=row.enrichment_number,
            fields=row.payload,
        ),
        payload_hash=row.payload_hash,
        integration_version=row.integration_version,
        revision=row.revision,
        deadline=row.deadline,
        doubtful_revision=row.doubtful_revision,
        doubtful_since=row.doubtful_since,
    )


def count_due(
    connection: sa.Connection,
    project_id: int,
    integration_version: int,
    now: datetime,
    *,
    margin: timedelta,
) -> int:
    """How many enrichments wait to be sent now."""
    return connection.execute(
        sa.select(sa.func.count())
        .select_from(EnrichmentRow)
        .where(*_due(project_id, now, margin), _built_for(integration_version))
    ).scalar_one()


def count_overdue(connection: sa.Connection, project_id: int, now: datetime) -> int:
    """How many would be given up even if the job looked at no call before."""
    return connection.execute(
        sa.select(sa.func.count())
        .select_from(EnrichmentRow)
        .where(
            EnrichmentRow.project_id == project_id,
            sa.text("state = 'pending'"),
            EnrichmentRow.deadline <= now,
            ~_TO_BE_EXAMINED,
        )
    ).scalar_one()


def wait_until(connection: sa.Connection, project_id: int, until: datetime) -> None:
    """The API has asked to be left alone until then."""
    connection.execute(
        sa.update(InstallationRow)
        .where(InstallationRow.project_id == project_id)
        .values(send_after=until)
    )


def send_after(connection: sa.Connection, project_id: int) -> datetime | None:
    """Until when the API has asked to be left alone, if it has."""
    return connection.execute(
        sa.select(InstallationRow.send_after).where(InstallationRow.project_id == project_id)
    ).scalar_one()
