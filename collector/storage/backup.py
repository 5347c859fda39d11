"""A copy of a SQLite file that can be trusted, and what has to be said of one that was put back.

A copy has forgotten what was done since it was made: which enrichment numbers were given to calls
that it does not know, and what was sent of those that it knows. So whoever puts one back says so,
and from then on nothing is taken for certain that is not (:func:`mark_restored`).
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from collector.errors import DatabaseUnavailableError, UsageError
from collector.storage.database import Database
from collector.storage.tables import CallRow, EnrichmentRow, InstallationRow, RunRow, SessionRow

#: In the header of a SQLite file that `back_up` has made, until it is told that it was put back.
_IS_A_COPY = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Restored:
    """What was marked, and until when the copy knows what was stored; None if nothing was."""

    installations: int
    enrichments: int
    knows_until: datetime | None


def back_up(database: Database, target: Path) -> None:
    """Write all that is committed to a new file, for its owner alone, and check it.

    Whoever reads or writes meanwhile goes on. When it has ended the file is complete and on disk;
    if it is stopped or fails there is none.

    Raises:
        UsageError: it is no SQLite file, or there is something under that name.
        DatabaseUnavailableError: it cannot be read or written, or the copy is not sound.
    """
    if not database.is_sqlite:
        raise UsageError(
            "This is for SQLite. PostgreSQL is backed up by its own tools, such as pg_dump or "
            "pgBackRest; docs/operating.md says what belongs to it."
        )
    if target.exists():
        raise UsageError(f"{target} exists already, and is not overwritten. Name another file.")
    part = target.with_name(f"{target.name}.part")
    try:
        # SQLite fills an empty file, and leaves it to whom it belongs.
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
        with database.driver() as connection:
            connection.execute("VACUUM INTO ?", (str(part),))
        _check(part)
        _reach_the_disk(part)
        part.rename(target)
        _reach_the_disk(target.parent)
    except (OSError, sqlite3.Error) as error:
        raise DatabaseUnavailableError(f"{target} cannot be made: {error}.") from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _check(part: Path) -> None:
    with closing(sqlite3.connect(part, isolation_level=None)) as copy:
        found = [row[0] for row in copy.execute("PRAGMA integrity_check")]
        found += [
            f"{row[0]} lacks its {row[2]}" for row in copy.execute("PRAGMA foreign_key_check")
        ]
        if found != ["ok"]:
            raise DatabaseUnavailableError(
                f"The copy is not sound, and neither is the database, it seems: {found[0]}. Keep "
                "the last good backup."
            )
        copy.execute(f"PRAGMA user_version = {_IS_A_COPY}")


def _reach_the_disk(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def require_told(database: Database) -> None:
    """Make sure that a copy which was put back is known to be one, before anything is sent.

    Raises:
        UsageError: says which command to run.
    """
    if not database.is_sqlite:
        return
    with database.read() as connection:
        if connection.execute(sa.text("PRAGMA user_version")).scalar_one() != _IS_A_COPY:
            return
    raise UsageError(
        f"The database {database.shown_url} is a backup, and has forgotten what was sent since. "
        "Say that it was put back: collector db restored"
    )


def mark_restored(database: Database, now: datetime) -> Restored:
    """The database was put back from a copy: nothing that may have happened since is excluded.

    What can still be enriched is in doubt, as if its next revision had been sent and not answered;
    and calls from now on take numbers that those which are forgotten hardly had
    (``domain.ledger.from_the_top``). Leases of before are over.
    """
    with database.write() as connection:
        moments = [
            connection.scalar(sa.select(sa.func.max(column)))
            for column in (SessionRow.last_seen, CallRow.changed_at, RunRow.started_at)
        ]
        installed = connection.execute(
            sa.update(InstallationRow).values(
                restored_at=now,
                lease_owner=None,
                lease_until=None,
                lease_number=InstallationRow.lease_number + 1,
            )
        ).rowcount
        doubted = connection.execute(
            sa.update(EnrichmentRow)
            .where(EnrichmentRow.deadline > now)
            .values(doubtful_revision=EnrichmentRow.revision + 1, doubtful_since=now)
        ).rowcount
        if database.is_sqlite:
            connection.execute(sa.text("PRAGMA user_version = 0"))
    return Restored(
        installations=installed,
        enrichments=doubted,
        knows_until=max((moment for moment in moments if moment), default=None),
    )


def restored_at(connection: sa.Connection, project_id: int) -> datetime | None:
    """When the database was last put back from a copy; None if it never was."""
    return connection.execute(
        sa.select(InstallationRow.restored_at).where(InstallationRow.project_id == project_id)
    ).scalar_one_or_none()
