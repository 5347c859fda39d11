"""What is to be sent: enrichments as of one revision, and how many of them there are."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import sqlalchemy as sa

from collector.domain.enrichment import Enrichment, FieldValue
from collector.storage import leases
from collector.storage.tables import CallRow, EnrichmentRow, InstallationRow, UtcDateTime

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


_OF_DUE: tuple[Any, ...] = (
    EnrichmentRow.call_id,
    EnrichmentRow.user_id,
    EnrichmentRow.session_number,
    EnrichmentRow.enrichment_number,
    sa.cast(EnrichmentRow.payload, sa.Text).label("payload"),
    EnrichmentRow.payload_hash,
    EnrichmentRow.integration_version,
    EnrichmentRow.revision,
    EnrichmentRow.deadline,
    EnrichmentRow.doubtful_revision,
    EnrichmentRow.doubtful_since,
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
    after: Due | None = None,
) -> list[Due]:
    """What to send next of one integration version: earliest deadline first.

    Args:
        margin: what reaches its deadline within so much time is not begun.
        canary: what was tried least comes first, so that other ones are tried if some are refused.
        after: only what comes after this one in that order. Not for a canary.
    """
    parameters = _parameters(project_id, integration_version, now, margin)
    if after is not None:
        parameters |= {"last_deadline": after.deadline, "last_call": after.call_id}
    query = _next_due(canary=canary, after=after is not None)
    rows = connection.execute(query, parameters | {"most": limit}).all()
    # All at once: each by itself, as the driver has it, they took half of the time of a batch.
    payloads = json.loads(f"[{','.join(row.payload for row in rows)}]")
    return [_as_due(fields, row) for fields, row in zip(payloads, rows, strict=True)]


@cache
def _next_due(*, canary: bool, after: bool) -> sa.Select[Any]:
    """Made once: to make it anew for each batch took a third of the time of reading one."""
    first = (EnrichmentRow.attempts,) if canary else ()
    query = (
        sa.select(*_OF_DUE)
        .where(*_DUE)
        .order_by(*first, EnrichmentRow.deadline, EnrichmentRow.call_id)
        .limit(sa.bindparam("most", type_=sa.Integer()))
    )
    if not after:
        return query
    last_deadline = sa.bindparam("last_deadline", type_=UtcDateTime())
    return query.where(
        EnrichmentRow.deadline >= last_deadline,  # for the index, which has no call
        sa.or_(
            EnrichmentRow.deadline > last_deadline,
            EnrichmentRow.call_id > sa.bindparam("last_call"),
        ),
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


#: Its call has not changed since, nor is to be tried again: what was built of it holds.
#: PostgreSQL reads the few such calls from their index once; SQLite, which would read all calls
#: for that, looks up each row's call instead.
NOT_TO_BE_EXAMINED = ~sa.exists().where(
    CallRow.project_id == sa.bindparam("project"),
    CallRow.call_id == EnrichmentRow.call_id,
    CallRow.examine,
)

_DUE = (
    EnrichmentRow.project_id == sa.bindparam("project"),
    sa.text("state = 'pending'"),
    EnrichmentRow.deadline > sa.bindparam("not_before", type_=UtcDateTime()),
    sa.or_(
        EnrichmentRow.doubtful_revision.in_((0, EnrichmentRow.revision)),
        EnrichmentRow.doubtful_since <= sa.bindparam("quiet_since", type_=UtcDateTime()),
        # By a clock that was wrong.
        EnrichmentRow.doubtful_since > sa.bindparam("at_most", type_=UtcDateTime()),
    ),
    NOT_TO_BE_EXAMINED,
    EnrichmentRow.integration_version == sa.bindparam("version"),
)


def _parameters(
    project_id: int, integration_version: int, now: datetime, margin: timedelta
) -> dict[str, Any]:
    """Those of `_DUE`."""
    return {
        "project": project_id,
        "version": integration_version,
        "not_before": now + margin,
        "quiet_since": now - QUIET,
        "at_most": now + QUIET,
    }


def _as_due(fields: Mapping[str, FieldValue], row: Sequence[Any]) -> Due:
    """One row of `_OF_DUE`, with what its payload says."""
    call_id, user_id, session_number, enrichment_number, _, *rest = row
    payload_hash, version, revision, deadline, doubtful_revision, doubtful_since = rest
    return Due(
        call_id=call_id,
        enrichment=Enrichment(
            user_id=user_id,
            session_number=session_number,
            enrichment_number=enrichment_number,
            fields=fields,
        ),
        payload_hash=payload_hash,
        integration_version=version,
        revision=revision,
        deadline=deadline,
        doubtful_revision=doubtful_revision,
        doubtful_since=doubtful_since,
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
        sa.select(sa.func.count()).select_from(EnrichmentRow).where(*_DUE),
        _parameters(project_id, integration_version, now, margin),
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
            NOT_TO_BE_EXAMINED,
        ),
        {"project": project_id},
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
