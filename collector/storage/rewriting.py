"""What was deleted still stands in a database's files for a while; SQLite's can be written anew."""

from __future__ import annotations

import time
from collections.abc import Callable

import sqlalchemy as sa

from collector.errors import DatabaseUnavailableError
from collector.storage.database import Database

#: How often a reader who keeps the log from being emptied is waited for.
_TRIES = 3

_WRITERS = """
SELECT virtualtransaction FROM pg_locks
WHERE relation = 'session'::regclass AND mode = 'RowExclusiveLock'
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


def rewrite(database: Database) -> bool:
    """Write SQLite's file anew, without whatever was deleted, and empty its log.

    Returns:
        Whether it could be done; else somebody is at the file, and keeps the old pages alive.
    """
    try:
        with database.driver() as connection:
            connection.execute("VACUUM")
        return any(_empties_log(database) for _ in range(_TRIES))
    except DatabaseUnavailableError:
        return False


def _empties_log(database: Database) -> bool:
    with database.driver() as connection:
        busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not busy


def wait_for_beacons(database: Database, patience: float, sleep: Callable[[float], None]) -> None:
    """Wait until no beacon is being stored any more that was judged before now.

    On SQLite whoever writes has waited already. On PostgreSQL a statement sees what had been
    committed when it began; here those that are at it now are waited for, and nobody else waits.
    """
    if database.is_sqlite:
        return
    with database.read() as connection:
        before = set(connection.execute(sa.text(_WRITERS)).scalars())
    until = time.monotonic() + patience
    while before and time.monotonic() < until:
        sleep(0.05)
        with database.read() as connection:
            before &= set(connection.execute(sa.text(_WRITERS)).scalars())
