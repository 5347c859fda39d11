"""Everything that the overview shows, read at one moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from collector.storage import replicas
from collector.storage.database import Database
from collector.storage.reports import asking, fates, refusals, retained, standing, traffic
from collector.storage.reports.asking import Period
from collector.storage.reports.fates import Fate, Seconds

#: What expires within this time is warned of before it does.
SOON = timedelta(hours=24)

#: So many of the last runs are told.
RUNS = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Read:
    """The answers to all questions; ``calls`` was counted without a look at the verdicts.

    ``installed`` are all installations, whichever were asked for. ``as_of`` is what a replica has
    told of: None where it was not a replica that was asked, or where it does not know.
    """

    at: datetime
    as_of: datetime | None
    period: Period
    installed: Sequence[standing.Installed]
    beacons: Sequence[traffic.Beacons]
    sessions: int
    calls: int
    fates: Sequence[Fate]
    seconds: Sequence[Seconds]
    expiring: Sequence[standing.Expiring]
    refused_records: Sequence[refusals.Records]
    refused_calls: Sequence[refusals.Calls]
    refused_batches: Sequence[refusals.Batches]
    batch_totals: Sequence[refusals.BatchTotal]
    runs: Sequence[standing.Run]
    purged: Sequence[retained.Purged]

    @property
    def chosen(self) -> Sequence[standing.Installed]:
        """The installations that were asked for."""
        return [one for one in self.installed if one.project_id in self.period.projects]


def installations(database: Database) -> list[standing.Installed]:
    """All of them, to choose from."""
    with database.read() as connection:
        return standing.installations(connection)


def read(database: Database, period: Period, now: datetime, *, margin: timedelta) -> Read:
    """Ask all questions.

    Args:
        margin: what has no more time than this until its deadline is not sent any more.
    """
    with database.read() as connection:
        asking.one_moment(connection)
        return Read(
            at=now,
            as_of=replicas.standing(connection, now).as_of,
            period=period,
            installed=standing.installations(connection),
            beacons=traffic.beacons(connection, period),
            sessions=traffic.sessions(connection, period),
            calls=fates.count(connection, period),
            fates=fates.fates(connection, period),
            seconds=fates.seconds(connection, period),
            expiring=standing.expiring(connection, period.projects, now + margin, now + SOON),
            refused_records=refusals.records(connection, period),
            refused_calls=refusals.calls(connection, period),
            refused_batches=refusals.batches(connection, period),
            batch_totals=refusals.batch_totals(connection, period),
            runs=standing.runs(connection, RUNS),
            purged=retained.purged(connection, period),
        )
