"""One sender for each installation: a lease in SQL, with a number that grows with each owner.

A worker that stalled past its lease finds its number outdated at its next write and stops, so it
never writes over its successor.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

import sqlalchemy as sa

from collector.errors import LeaseLostError
from collector.storage.tables import InstallationRow

#: Longer than a batch can take, with its retries.
TERM = timedelta(minutes=5)


@dataclass(frozen=True, kw_only=True, slots=True)
class Lease:
    """The right to match and send for one installation, until it lapses or is released."""

    project_id: int
    owner: str
    number: int


def take(connection: sa.Connection, project_id: int, owner: str, now: datetime) -> Lease | None:
    """Take the lease if it is free or has lapsed; None if another worker holds it.

    One that ends later than any clock at hand could have said was given by a wrong one.
    """
    taken = connection.execute(
        sa.update(InstallationRow)
        .where(
            InstallationRow.project_id == project_id,
            sa.or_(
                InstallationRow.lease_until.is_(None),
                InstallationRow.lease_until <= now,
                InstallationRow.lease_until > now + 2 * TERM,
            ),
        )
        .values(
            lease_owner=owner,
            lease_number=InstallationRow.lease_number + 1,
            lease_until=now + TERM,
        )
        .returning(InstallationRow.lease_number)
    ).scalar_one_or_none()
    return None if taken is None else Lease(project_id=project_id, owner=owner, number=taken)


def hold(connection: sa.Connection, lease: Lease, now: datetime) -> None:
    """Renew the lease; first statement of every transaction that writes under it.

    Raises:
        LeaseLostError: another worker has it, so this transaction must not commit.
    """
    _set_until(connection, lease, now + TERM)


def release(connection: sa.Connection, lease: Lease) -> None:
    """Give the lease back, so that the next worker need not wait for it to lapse."""
    _set_until(connection, lease, None)


def _set_until(connection: sa.Connection, lease: Lease, until: datetime | None) -> None:
    held = connection.execute(
        _set(),
        {
            "project": lease.project_id,
            "number": lease.number,
            "owner": lease.owner,
            "until": until,
        },
    )
    if held.rowcount == 0:
        raise LeaseLostError(
            f"Another worker has taken over project {lease.project_id}; this one stops. "
            "Nothing is lost: the other one goes on."
        )


@cache
def _set() -> sa.Update:
    """Made once: every transaction of the job begins with it."""
    return (
        sa.update(InstallationRow)
        .where(
            InstallationRow.project_id == sa.bindparam("project"),
            InstallationRow.lease_number == sa.bindparam("number"),
            InstallationRow.lease_owner == sa.bindparam("owner"),
        )
        .values(lease_until=sa.bindparam("until"))
    )
