"""Removes what is older than the settings say, page by page, so that nobody has to wait for it.

Each page is a transaction that begins by making sure that nobody else is at the installation: what
the job has read is not removed before it has written. Killed at any point, it goes on where it was.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

from collector.domain.retention import DAY, Kind, Retention
from collector.jobs.progress import Progress, Unwatched
from collector.storage import installations, leases, orphans, purged, purging, webhooks
from collector.storage.beacon_counts import NO_PROJECT
from collector.storage.database import Connection, Database
from collector.storage.leases import Lease
from collector.storage.purged import EVER, Mark

#: So many rows are removed in one transaction: on SQLite beacons wait some 30 ms for them.
ROWS = 500

#: However long a page took, others wait no longer for the next one.
MOST_REST = 1.0

_T = TypeVar("_T")

#: Whoever finds the job at work asks again so soon, in seconds.
BUSY_REST = 1.0

#: Begins a page: sees to it that nobody else is at the installation until the page is written.
Guard = Callable[[Connection, datetime], None]


class BusyError(Exception):
    """The job is at this installation."""


def while_idle(project_id: int, owner: str) -> Guard:
    """Lets a page begin if nobody holds the lease, and outdates the one of whoever has stalled.

    It raises `NotFoundError` once the installation was removed.
    """

    def guard(connection: Connection, now: datetime) -> None:
        lease = leases.take(connection, project_id, owner, now)
        if lease is None:
            installations.get(connection, project_id)  # else nobody would ever give it back
            raise BusyError
        # Whoever wants it waits for this transaction in any case, and no longer.
        leases.release(connection, lease)

    return guard


def under(lease: Lease) -> Guard:
    """Lets a page begin as long as the lease is held."""
    return lambda connection, now: leases.hold(connection, lease, now)


def _unguarded(connection: Connection, now: datetime) -> None:
    """Of no installation, so nobody is at it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Purger:
    """Removes what is old. Between two pages it rests as long as the last one took.

    ``over`` is asked before each page. ``tries`` is how often it asks for an installation that
    the job is at.
    """

    database: Database
    retention: Retention
    over: Callable[[], bool] = lambda: False
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    monotonic: Callable[[], float] = time.monotonic
    rest: Callable[[float], object] = time.sleep
    progress: Progress = field(default_factory=Unwatched)
    rows: int = ROWS
    tries: int = 1

    def installation(
        self, project_id: int, guard: Guard, removed: Counter[str], *, thorough: bool
    ) -> None:
        """Remove what is old of one installation, and count it in ``removed`` on the way.

        Args:
            thorough: go through all that had to stay before, instead of a part of it.

        Raises:
            BusyError, NotFoundError, LeaseLostError: by ``guard``; what was removed before stays
                so.
        """
        self._end_secrets(project_id, guard)
        cuts = self.retention.cuts(self.clock())
        for kind, cut in cuts.items():
            if kind in purging.PLAIN:
                self._drop_oldest(project_id, kind, cut, guard, removed)
            else:
                self._go_through(project_id, kind, cut, guard, removed, thorough=thorough)
        if not thorough:
            for kind in cuts.keys() - purging.PLAIN:
                self._sweep(project_id, kind, cuts[kind], guard, removed)

    def _end_secrets(self, project_id: int, guard: Guard) -> None:
        now = self.clock()
        with self.database.read() as connection:
            if not webhooks.has_ended(connection, project_id, now):
                return
        self._page(lambda c: webhooks.drop_ended(c, project_id, now), guard)

    def others(self, removed: Counter[str]) -> None:
        """Remove what is of no installation: runs, counts of strangers, what was left behind."""
        now = self.clock()
        self._repeat(
            lambda c: purging.drop_runs(c, self.retention.runs_cut(now), self.rows),
            _unguarded,
            "runs",
            removed,
        )
        cut = self.retention.cuts(now)[Kind.COUNTS]
        self._drop_oldest(NO_PROJECT, Kind.COUNTS, cut, _unguarded, removed)
        with self.database.read() as connection:
            left = orphans.projects_without_installation(connection)
        for project_id in left:
            self._repeat(
                lambda c, project_id=project_id: orphans.drop_orphans(  # type: ignore[misc]
                    c, project_id, now - DAY, self.rows
                ),
                _unguarded,
                "without_installation",
                removed,
            )

    def _drop_oldest(
        self, project_id: int, kind: Kind, cut: datetime, guard: Guard, removed: Counter[str]
    ) -> None:
        if self._is_any(project_id, kind, EVER, cut):
            self._repeat(
                lambda c: purging.drop_oldest(c, project_id, kind, cut, self.rows),
                guard,
                kind.value,
                removed,
            )

    def _repeat(
        self, drop: Callable[[Connection], int], guard: Guard, what: str, removed: Counter[str]
    ) -> None:
        found = self.rows
        while found >= self.rows and not self.over():
            found = self._page(drop, guard)
            self._count(what, found, removed)

    def _go_through(
        self,
        project_id: int,
        kind: Kind,
        cut: datetime,
        guard: Guard,
        removed: Counter[str],
        *,
        thorough: bool,
    ) -> None:
        """Go through what is new of those that are old."""
        with self.database.read() as connection:
            mark = purged.mark(connection, project_id, kind)
        swept, since = mark.swept, EVER if thorough else mark.before
        if since < cut and self._is_any(project_id, kind, EVER, cut):
            # Once a day those that had to stay are looked at again, unless they still are.
            if not self._is_any(project_id, kind, mark.swept, mark.before):
                swept = EVER
            self._pages(
                project_id,
                kind,
                (since, cut, cut),
                guard,
                removed,
                lambda until: Mark(before=until, swept=until if thorough else swept),
            )

    def _sweep(
        self, project_id: int, kind: Kind, cut: datetime, guard: Guard, removed: Counter[str]
    ) -> None:
        """Look once more at what had to stay, on from where it was left."""
        with self.database.read() as connection:
            mark = purged.mark(connection, project_id, kind)
        if self._is_any(project_id, kind, mark.swept, mark.before):
            self._pages(
                project_id,
                kind,
                (mark.swept, mark.before, cut),
                guard,
                removed,
                lambda until: Mark(before=mark.before, swept=until),
            )

    def _pages(
        self,
        project_id: int,
        kind: Kind,
        span: tuple[datetime, datetime, datetime],
        guard: Guard,
        removed: Counter[str],
        marked: Callable[[datetime], Mark],
    ) -> None:
        since, until, cut = span

        def page(connection: Connection) -> tuple[datetime, int]:
            end = purging.end_of_page(connection, project_id, kind, since, until, self.rows)
            found = purging.drop_between(connection, project_id, kind, since, end, cut)
            purged.note(connection, project_id, kind, marked(end))
            return end, found

        while since < until and not self.over():
            since, found = self._page(page, guard)
            self._count(kind.value, found, removed)

    def _page(self, write: Callable[[Connection], _T], guard: Guard) -> _T:
        """One transaction, and a rest after it."""
        for left in reversed(range(self.tries)):
            begun = self.monotonic()
            try:
                with self.database.write() as connection:
                    guard(connection, self.clock())
                    found = write(connection)
            except BusyError:
                if not left or self.over():
                    raise
                self.rest(BUSY_REST)
            else:
                self.rest(min(self.monotonic() - begun, MOST_REST))
                return found
        raise BusyError

    def _is_any(self, project_id: int, kind: Kind, since: datetime, until: datetime) -> bool:
        with self.database.read() as connection:
            return purging.is_any(connection, project_id, kind, since, until)

    def _count(self, what: str, found: int, removed: Counter[str]) -> None:
        removed[what] += found
        self.progress.advance(found)
