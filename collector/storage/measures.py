"""Reads what is measured of the database: where calls stand, what is due, and who is at work."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa

from collector.domain.outcomes import ACCEPTED
from collector.storage.tables import (
    BatchRow,
    BeaconCountRow,
    CallRow,
    EnrichmentRow,
    InstallationRow,
    RunRow,
)

#: Batches are told of so much time.
BATCHES_OF = timedelta(hours=1)

#: What reaches its deadline within this time is told apart.
SOON = timedelta(hours=24)

#: Among so many runs, the newest, the last one of each job is looked for.
_RUNS = 500

#: So long one of these statements may take on PostgreSQL, in milliseconds.
_PATIENCE_MILLISECONDS = 30_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Project:
    """What is measured of one project.

    ``calls`` is by verdict, ``batches`` of the last hour by outcome and status. ``expiring`` are
    those pending enrichments whose deadline comes within 24 hours, or has passed.
    """

    project_id: int
    paused: bool
    has_problem: bool
    is_leased: bool
    calls: Mapping[str, int]
    batches: Mapping[tuple[str, int | None], int]
    pending: int
    expiring: int
    first_deadline: datetime | None
    last_beacon: datetime | None

    @property
    def state(self) -> str:
        """``active``, ``paused`` or ``problem``, as `collector status` says it."""
        return "paused" if self.paused else "problem" if self.has_problem else "active"


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """The last run of a job that ended so."""

    job: str
    outcome: str
    ended_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Measures:
    """All of it, at one moment."""

    projects: Sequence[Project]
    ended: Sequence[Ended]


def read(connection: sa.Connection, now: datetime) -> Measures:
    """Measure everything that is installed."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text(f"SET LOCAL statement_timeout = {_PATIENCE_MILLISECONDS}"))
    calls, batches = _calls(connection), _batches(connection, now)
    pending = {
        project_id: _Pending(number, first, soon)
        for project_id, number, first, soon in connection.execute(_pending(now))
    }
    nothing = _Pending(0, None, 0)
    projects = []
    for row in connection.execute(_installations(now)):
        due = pending.get(row.project_id, nothing)
        projects.append(
            Project(
                project_id=row.project_id,
                paused=row.paused,
                has_problem=row.problem is not None,
                is_leased=row.is_leased,
                calls=calls[row.project_id],
                batches=batches[row.project_id],
                pending=due.number,
                expiring=due.soon,
                first_deadline=due.first_deadline,
                last_beacon=row.last_beacon,
            )
        )
    return Measures(projects=projects, ended=_ended(connection))


def _calls(connection: sa.Connection) -> Mapping[int, Mapping[str, int]]:
    # In the order of the index that has both, nothing need be sorted.
    query = sa.select(CallRow.project_id, CallRow.verdict, sa.func.count()).group_by(
        CallRow.project_id, CallRow.verdict
    )
    found: defaultdict[int, dict[str, int]] = defaultdict(dict)
    for project_id, verdict, number in connection.execute(query):
        found[project_id][verdict] = number
    return found


def _batches(
    connection: sa.Connection, now: datetime
) -> Mapping[int, Mapping[tuple[str, int | None], int]]:
    # From the installations: the index of batches by time leads with the project.
    query = (
        sa.select(BatchRow.project_id, BatchRow.outcome, BatchRow.status, sa.func.count())
        .join(InstallationRow, InstallationRow.project_id == BatchRow.project_id)
        .where(BatchRow.sent_at > now - BATCHES_OF)
        .group_by(BatchRow.project_id, BatchRow.outcome, BatchRow.status)
    )
    found: defaultdict[int, dict[tuple[str, int | None], int]] = defaultdict(dict)
    for project_id, outcome, status, number in connection.execute(query):
        found[project_id][outcome, status] = number
    return found


class _Pending(NamedTuple):
    number: int
    first_deadline: datetime | None
    soon: int


def _pending(now: datetime) -> sa.Select[int, int, datetime, int]:
    soon = sa.case((EnrichmentRow.deadline <= now + SOON, 1))
    return (
        sa.select(
            EnrichmentRow.project_id,
            sa.func.count(),
            sa.func.min(EnrichmentRow.deadline, type_=EnrichmentRow.deadline.type),
            sa.func.count(soon),
        )
        .where(sa.text("enrichment.state = 'pending'"))
        .group_by(EnrichmentRow.project_id)
    )


def _installations(now: datetime) -> sa.Select[int, bool, str | None, bool, datetime]:
    # Of sessions nothing is sorted by when they were last seen; the counts are kept by day.
    heard = BeaconCountRow.project_id == InstallationRow.project_id
    accepted = BeaconCountRow.outcome == ACCEPTED
    last_day = (
        sa.select(sa.func.max(BeaconCountRow.day)).where(heard, accepted).correlate(InstallationRow)
    )
    last_beacon = (
        sa.select(sa.func.max(BeaconCountRow.last_at, type_=BeaconCountRow.last_at.type))
        .where(heard, accepted, BeaconCountRow.day == last_day.scalar_subquery())
        .correlate(InstallationRow)
    )
    is_leased = sa.func.coalesce(InstallationRow.lease_until > now, sa.false())
    return sa.select(
        InstallationRow.project_id,
        InstallationRow.paused,
        InstallationRow.problem,
        is_leased.label("is_leased"),
        last_beacon.scalar_subquery().label("last_beacon"),
    ).order_by(InstallationRow.project_id)


def _ended(connection: sa.Connection) -> list[Ended]:
    newest = (
        sa.select(RunRow.job, RunRow.outcome, RunRow.finished_at)
        .order_by(RunRow.started_at.desc())
        .limit(_RUNS)
        .subquery()
    )
    ended_at = sa.func.max(newest.c.finished_at, type_=RunRow.finished_at.type)
    query = (
        sa.select(newest.c.job, newest.c.outcome, ended_at)
        .where(newest.c.finished_at.is_not(None))
        .group_by(newest.c.job, newest.c.outcome)
    )
    return [
        Ended(job=job, outcome=outcome, ended_at=at)
        for job, outcome, at in connection.execute(query)
    ]
