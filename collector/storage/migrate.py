"""Brings a database to this version's schema, or back to an older one, while beacons come.

On PostgreSQL whatever waits for a table has all that come later wait behind it. So each migration
there is a transaction of its own that soon gives up, lets the beacons through and is
tried again; what keeps it waiting is told. On SQLite, where a write keeps all others waiting
anyway, all migrations are one transaction.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import exc

from collector import resources
from collector.errors import BlockedError, UsageError
from collector.storage import online, revisions
from collector.storage.database import Connection, Database

#: So long a migration waits for a table, and with it whoever comes after it, in milliseconds. Less
#: than PostgreSQL's deadlock_timeout: when it and a beacon wait for each other, it gives up.
LOCK_MILLISECONDS = 400

#: So long it is tried, in seconds.
PATIENCE_SECONDS = 300.0

#: Between two attempts: the first pause and the longest one, in seconds.
_PAUSES = (0.5, 5.0)

#: The number of the advisory lock that keeps two migrations of one database apart.
ALONE = 7_259_313_018

#: Somebody holds a lock for longer than that, or waits for one that is held here.
_WAITED_IN_VAIN = {"55P03", "40P01"}

#: The oldest transaction that holds a lock on anything of ours.
_HOLDER = sa.text("""
SELECT a.pid, a.usename, a.application_name, left(a.query, 200) AS query,
       extract(epoch FROM clock_timestamp() - a.xact_start)::int AS seconds
FROM pg_stat_activity a
WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() AND EXISTS (
    SELECT FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
    WHERE l.pid = a.pid AND l.granted AND c.relnamespace = current_schema()::regnamespace)
ORDER BY a.xact_start NULLS LAST LIMIT 1
""")

Tell = Callable[[str], None]


def upgrade(
    database: Database,
    revision: str = "head",
    *,
    patience: float = PATIENCE_SECONDS,
    tell: Tell = lambda _: None,
) -> None:
    """Run the migrations up to ``revision``. Repeating it changes nothing.

    A newer database under which this version can go on working is left as it is.

    Args:
        patience: how long it is tried, in seconds; what was done until then stays done.
        tell: is told what it waits for.

    Raises:
        BlockedError: somebody else holds what it needs.
        NotMigratedError: the database is newer than this version can work with.
        UsageError: there is no such revision.
    """
    if revision == "head" and revisions.is_newer(revisions.current(database)):
        revisions.require_usable(database)
        return
    _run(database, command.upgrade, revision, patience, tell)


def downgrade(database: Database, revision: str) -> None:
    """Run the migrations down to ``revision``; ``base`` removes everything that is stored.

    Raises:
        BlockedError, UsageError
    """
    _run(database, command.downgrade, revision, PATIENCE_SECONDS, lambda _: None)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(resources.path("migrations")))
    config.set_main_option("path_separator", "os")
    return config


def _run(database: Database, action: object, revision: str, patience: float, tell: Tell) -> None:
    if not revision.strip():
        raise UsageError("The revision is empty. Name one, or leave it out for the newest.")
    config = _config()

    def act(connection: Connection) -> None:
        config.attributes["connection"] = connection
        action(config, revision)  # type: ignore[operator]

    try:
        if database.is_sqlite:
            with database.write() as connection:
                act(connection)
        else:
            _Attempts(patience, tell).make(database, act)
    except CommandError as error:
        raise UsageError(
            f"{error}. Known revisions: base, "
            + ", ".join(
                script.revision for script in ScriptDirectory.from_config(config).walk_revisions()
            )
        ) from error


class _Attempts:
    """Tries to migrate, with pauses, until it has succeeded or patience is at its end."""

    def __init__(self, patience: float, tell: Tell) -> None:
        self._until = time.monotonic() + patience
        self._patience = patience
        self._tell = tell
        self._pause, self._longest = _PAUSES
        self._told: object = None

    def make(self, database: Database, act: Callable[[Connection], None]) -> None:
        with database.bare() as connection, self._alone(connection):
            while True:
                # Each time: an index that could not be made leaves its own.
                connection.exec_driver_sql(f"SET lock_timeout = {LOCK_MILLISECONDS}")
                connection.commit()
                left = max(self._until - time.monotonic(), 1)
                connection.info[online.PATIENCE] = round(left * 1000)
                try:
                    act(connection)
                except exc.DBAPIError as error:
                    if getattr(error.orig, "sqlstate", None) not in _WAITED_IN_VAIN:
                        raise
                    connection.rollback()
                    self._wait(*_holder(connection))
                else:
                    return

    @contextmanager
    def _alone(self, connection: Connection) -> Iterator[None]:
        """No other migration is at work meanwhile; the lock goes with the connection."""
        # Asked again and again: who waits for it in the database would keep an index from being
        # made concurrently.
        while not connection.scalar(sa.select(sa.func.pg_try_advisory_lock(ALONE))):
            connection.rollback()
            self._wait(None, "another `collector db upgrade` to end")
        connection.commit()
        yield

    def _wait(self, who: object, what: str) -> None:
        if time.monotonic() + self._pause > self._until:
            raise BlockedError(
                f"The database could not be migrated within {self._patience:.0f} s, waiting for "
                f"{what}. What was done until now stays done. Run it again: collector db upgrade"
            )
        if self._told != (who or what):
            self._told = who or what
            self._tell(f"Waiting for {what}")
        time.sleep(self._pause)
        self._pause = min(2 * self._pause, self._longest)


def _holder(connection: Connection) -> tuple[object, str]:
    """Whoever most likely holds what a migration needs: its process, and a clause about it."""
    row = connection.execute(_HOLDER).one_or_none()
    connection.rollback()
    if row is None:
        return None, "a table that somebody has locked"
    since = "" if row.seconds is None else f", for {row.seconds} s"
    name = f" ({row.application_name})" if row.application_name else ""
    query = " ".join((row.query or "").split()) or "not to be seen by this role"
    return row.pid, (
        f"the transaction of process {row.pid}, user {row.usename}{name}, to end{since}: {query}"
    )
