"""A replica that reports are read from: how it is opened, and of which moment it tells."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from collector.config import REPORT_DATABASE_VARIABLE
from collector.storage.database import Database

#: A standby that has applied all it received, while its primary is connected, is up to date,
#: however long ago the last transaction was: nothing has happened since.
_STANDING = """
SELECT pg_is_in_recovery() AS follows,
       pg_last_xact_replay_timestamp() AS replayed_at,
       pg_is_in_recovery()
           AND EXISTS (SELECT FROM pg_stat_wal_receiver WHERE pid IS NOT NULL)
           AND pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() AS is_current
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """Whether a database ``follows`` another one, and the moment as of which it tells.

    ``as_of`` is None where nobody knows: it follows none, or has applied nothing yet.
    """

    follows: bool
    as_of: datetime | None


def opened(url: str, *, pool_size: int = 5) -> Database:
    """The database that COLLECTOR_REPORT_DATABASE_URL names; it is never written to."""
    return Database(url, pool_size=pool_size, reads_only=True, setting=REPORT_DATABASE_VARIABLE)


def standing(connection: sa.Connection, now: datetime) -> Standing:
    """How far the database at hand has followed. SQLite's follows none."""
    if connection.dialect.name == "sqlite":
        return Standing(follows=False, as_of=None)
    found = connection.execute(sa.text(_STANDING)).one()
    return Standing(follows=found.follows, as_of=now if found.is_current else found.replayed_at)
