"""Where the overview is read: from a replica if there is one, and what is said when it fails.

What is long to read goes there, so that it costs the beacons nothing. A page of one thing, such as
the installation that waits for its first beacon, is short to read and has to be current: it stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from collector.domain.ledger import MARGIN
from collector.errors import StorageError
from collector.storage.reports import overview
from collector.storage.reports.asking import Period
from collector.storage.reports.overview import Read
from collector.web.state import State

#: A replica that is further behind is worth a word: numbers do not fit those of other pages.
BEHIND = timedelta(seconds=60)

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """What was read, and where: ``replica_failed`` if it should have been the replica."""

    read: Read
    of_replica: bool = False
    replica_failed: bool = False

    @property
    def is_behind(self) -> bool:
        """Whether the replica tells of a moment too long ago."""
        return self.read.as_of is not None and self.read.at - self.read.as_of > BEHIND

    @property
    def is_of_unknown_age(self) -> bool:
        """Whether it tells of a moment that nobody knows."""
        return self.of_replica and self.read.as_of is None


def read(current: State, period: Period, now: datetime) -> Shown:
    """The overview, of the replica if it can be read.

    Raises:
        DatabaseUnavailableError, NotMigratedError: the database itself cannot be read.
    """
    replica = current.replica
    if replica is None:
        return Shown(read=overview.read(current.database, period, now, margin=MARGIN))
    try:
        return Shown(read=overview.read(replica, period, now, margin=MARGIN), of_replica=True)
    except StorageError as error:
        _log.warning("report_database_unavailable", error=str(error))
    found = overview.read(current.database, period, now, margin=MARGIN)
    return Shown(read=found, replica_failed=True)
