"""What the doctor finds of the replica that reports are read from, if there is one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from collector.config import REPORT_DATABASE_VARIABLE, Settings
from collector.doctor.findings import Finding, ok, problem, warning
from collector.storage import replicas, revisions

#: Numbers as old as this mislead whoever compares them with a call's own page.
BEHIND = timedelta(seconds=60)
FAR_BEHIND = timedelta(hours=1)


def examine(settings: Settings, clock: Callable[[], datetime]) -> Iterator[Finding]:
    """Whether it answers, has this version's views, and how far it is behind.

    Raises:
        DatabaseUnavailableError, NotMigratedError
    """
    with replicas.opened(settings.report_database_url, pool_size=1) as database:
        revisions.require_usable(database)
        now = clock()
        with database.read() as connection:
            found = replicas.standing(connection, now)
        shown = f"The replica {database.shown_url}"
    if not found.follows:
        yield warning(
            "replica",
            f"{shown} follows no other database: nobody can say how current reports are.",
            f"Point {REPORT_DATABASE_VARIABLE} to a standby of the database, or unset it.",
        )
    elif found.as_of is None:
        yield warning(
            "replica",
            f"{shown} has applied nothing since it was started.",
            "Look whether it reaches the primary: pg_stat_wal_receiver there.",
        )
    elif (behind := now - found.as_of) > BEHIND:
        say = problem if behind > FAR_BEHIND else warning
        yield say(
            "replica",
            f"{shown} is {behind.total_seconds():.0f} s behind.",
            "Look whether it reaches the primary, and what replay waits for: pg_stat_wal_receiver "
            "and pg_stat_activity there.",
        )
    else:
        yield ok("replica", f"{shown} is {max(0, behind.total_seconds()):.0f} s behind.")
