"""One clock for all who work on one database: the database's own, read once and carried on here.

Leases, deadlines and doubts compare a moment that one machine wrote with what another one reads.
The clocks of several machines differ, and each can be set while somebody works by it. So a run
asks the database what time it is, and from then on counts the seconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from collector.logs import Logger
from collector.storage.database import Database

#: So far apart from the database's, this machine's clock is worth a line in the log.
APART = timedelta(seconds=60)

log = Logger(__name__)


def elapsed() -> float:
    """Seconds that nobody can set, those in which the machine slept included where it tells."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


def read(
    database: Database,
    *,
    own: Callable[[], datetime] = lambda: datetime.now(UTC),
    elapsed: Callable[[], float] = elapsed,
) -> Callable[[], datetime]:
    """A clock that goes as the database's does, whatever happens to this machine's ``own``.

    SQLite has no clock but the machine's, and there all work on one machine: it is only carried on.

    Raises:
        DatabaseUnavailableError
    """
    before, begun = elapsed(), own()
    if not database.is_sqlite:
        with database.read() as connection:
            before = elapsed()
            begun = connection.execute(sa.text("SELECT clock_timestamp()")).scalar_one()
            ahead = own() - begun
        if abs(ahead) > APART:
            log.warning("clock_apart", seconds=round(ahead.total_seconds()))
    return lambda: begun + timedelta(seconds=elapsed() - before)
