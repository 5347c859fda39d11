"""Gives up what was not accepted by its deadline."""

from __future__ import annotations

from datetime import datetime
from functools import cache

import sqlalchemy as sa

from collector.domain import ledger
from collector.domain.verdicts import Reason, State, Verdict
from collector.storage.tables import CallRow, EnrichmentRow, UtcDateTime


def expire(connection: sa.Connection, project_id: int, now: datetime) -> int:
    """Give up what is pending past its deadline; returns how many calls that concerns."""
    parameters = {"project": project_id, "at": now}
    expired = connection.execute(_expire_calls(), parameters).rowcount
    connection.execute(_expire_enrichments(), parameters)
    return expired


def is_any_overdue(connection: sa.Connection, project_id: int, now: datetime) -> bool:
    """Whether `expire` would find something."""
    parameters = {"project": project_id, "at": now}
    return connection.execute(_any_overdue(), parameters).scalar_one()


@cache
def _any_overdue() -> sa.Select[bool]:
    project = sa.bindparam("project", type_=sa.BigInteger())
    return sa.select(sa.exists().where(EnrichmentRow.project_id == project, *_overdue()))


def _overdue() -> tuple[sa.ColumnElement[bool] | sa.TextClause, ...]:
    at = sa.bindparam("at", type_=UtcDateTime())
    return (sa.text("enrichment.state = 'pending'"), EnrichmentRow.deadline <= at)


@cache
def _expire_calls() -> sa.Update:
    theirs = (
        EnrichmentRow.project_id == CallRow.project_id,
        EnrichmentRow.call_id == CallRow.call_id,
        *_overdue(),
    )
    said = "seven days after the session's start it was not accepted yet"
    earlier = "seven days after the session's start only an earlier revision was accepted"
    accepted = sa.exists().where(*theirs, EnrichmentRow.accepted_revision > 0)
    in_doubt = sa.exists().where(
        *theirs, EnrichmentRow.doubtful_revision > EnrichmentRow.accepted_revision
    )
    return (
        sa.update(CallRow)
        .where(
            CallRow.project_id == sa.bindparam("project"),
            CallRow.verdict == Verdict.PENDING,
            sa.exists().where(*theirs),
        )
        .values(
            verdict=Verdict.EXPIRED,
            reason=Reason.DEADLINE_PASSED,
            detail=sa.case((accepted, earlier), else_=said)
            + sa.case((in_doubt, ledger.PERHAPS), else_=""),
            decided_at=sa.bindparam("at"),
        )
    )


@cache
def _expire_enrichments() -> sa.Update:
    return (
        sa.update(EnrichmentRow)
        .where(EnrichmentRow.project_id == sa.bindparam("project"), *_overdue())
        .values(state=State.EXPIRED, changed_at=sa.bindparam("at"))
    )
