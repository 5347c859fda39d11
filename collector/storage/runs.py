"""What the jobs did: runs, and the batches they sent."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from collector.storage.leases import TERM
from collector.storage.tables import BatchRow, InstallationRow, RunRow

#: The outcome of a run that ended without a word: killed, or gone with its machine.
INTERRUPTED = "interrupted"


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """One batch as it was sent, with the answer."""

    project_id: int
    batch_id: str
    run_id: str
    sent_at: datetime
    integration_version: int
    size: int
    outcome: str
    status: int | None
    message: str
    milliseconds: int


def new_id() -> str:
    """A fresh id for a run or a batch."""
    return uuid.uuid4().hex


def start(connection: sa.Connection, run_id: str, job: str, now: datetime) -> None:
    """Note that a run began."""
    connection.execute(
        sa.insert(RunRow).values(
            run_id=run_id, job=job, started_at=now, outcome="running", counts={}
        )
    )


def finish(
    connection: sa.Connection,
    run_id: str,
    *,
    outcome: str,
    counts: Mapping[str, Any],
    now: datetime,
) -> None:
    """Note how a run ended."""
    connection.execute(
        sa.update(RunRow)
        .where(RunRow.run_id == run_id)
        .values(finished_at=now, outcome=outcome, counts=dict(counts))
    )


def close_interrupted(connection: sa.Connection, now: datetime) -> int:
    """Note which runs have ended without a word; returns how many.

    One that was only slow writes its own outcome over this when it ends.
    """
    # Two jobs that start at once must not wait for each other crosswise.
    silent = _silent(now, _at_work(connection, now))
    theirs = sa.select(RunRow.run_id).where(silent).with_for_update(skip_locked=True)
    return connection.execute(
        sa.update(RunRow)
        .where(RunRow.run_id.in_(theirs))
        .values(outcome=INTERRUPTED, finished_at=now)
    ).rowcount


def _at_work(connection: sa.Connection, now: datetime) -> set[str]:
    """The runs that hold a lease.

    Asked by itself: installations may be spread over several machines, and runs are not.
    """
    owners = connection.scalars(
        sa.select(InstallationRow.lease_owner).where(
            InstallationRow.lease_until > now, InstallationRow.lease_owner.is_not(None)
        )
    )
    return {str(owner).rpartition(":")[2] for owner in owners}


def _silent(now: datetime, at_work: Collection[str]) -> sa.ColumnElement[bool]:
    """Whether a run that never ended began longer ago than a lease lasts, and holds none."""
    return sa.and_(
        RunRow.outcome == "running",
        RunRow.started_at <= now - TERM,
        RunRow.run_id.not_in(at_work),
    )


def note_batch(connection: sa.Connection, batch: Batch) -> None:
    """Note one batch and its answer."""
    connection.execute(sa.insert(BatchRow), asdict(batch))


def last(connection: sa.Connection, now: datetime) -> dict[str, Any] | None:
    """The run of `collector reconcile` that started last.

    Interrupted ones are told from running ones at once.
    """
    silent = _silent(now, _at_work(connection, now))
    outcome = sa.case((silent, INTERRUPTED), else_=RunRow.outcome)
    row = connection.execute(
        sa.select(RunRow.__table__, outcome.label("outcome_now"))
        .where(RunRow.job == "reconcile")
        .order_by(RunRow.started_at.desc())
        .limit(1)
    ).one_or_none()
    if row is None:
        return None
    found = dict(row._mapping)
    outcome_now = found.pop("outcome_now")
    return {**found, "outcome": outcome_now}


def searched_until(connection: sa.Connection, project_id: int) -> datetime | None:
    """Up to when newly seen keys have been held against calls without a session."""
    return connection.execute(
        sa.select(InstallationRow.searched_until).where(InstallationRow.project_id == project_id)
    ).scalar_one_or_none()


def note_searched(connection: sa.Connection, project_id: int, until: datetime) -> None:
    """Newly seen keys up to ``until`` have been held against calls without a session."""
    connection.execute(
        sa.update(InstallationRow)
        .where(InstallationRow.project_id == project_id)
        .values(searched_until=until)
    )
