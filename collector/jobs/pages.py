"""Goes through the calls that are to be examined, page by page.

While one page is written, a thread of its own reads the next and looks for its sessions: the two
need not wait for each other, and on SQLite beacons do not wait for the search. What was read ahead
is looked at again before anything is written by it.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from datetime import datetime

from collector.jobs.examine import PAGE, Examiner, Found, Plan
from collector.storage import examining, installations, leases
from collector.storage.database import Connection, Database
from collector.storage.leases import Lease


class Pages:
    """The calls of one project that the job has to look at, by their start."""

    def __init__(
        self,
        database: Database,
        examiner: Examiner,
        lease: Lease,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._examiner = examiner
        self._lease = lease
        self._clock = clock
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="reading")
        self._ahead: Future[Found | None] | None = None
        self._last: tuple[datetime, str] | None = None
        self._is_at_end = False

    def close(self) -> None:
        """Wait for what is being read, and read no more."""
        self._reader.shutdown(cancel_futures=True)

    def write_next(self) -> Plan | None:
        """Decide the next page and write it; None if there is none, or the version was changed.

        Raises:
            LeaseLostError: another worker has taken over; nothing was written.
        """
        found = self._next()
        if found is None:
            return None
        before = self._last
        self._read_ahead(found)
        now, project_id = self._clock(), self._lease.project_id
        with self._database.write() as connection:
            leases.hold(connection, self._lease, now)
            if not self._examiner.fits(installations.get(connection, project_id)):
                return None  # the next run builds for the new one
            if not examining.are_unchanged(connection, project_id, found.page):
                self._last = before
                found = self._find(connection, lock=True)
                if found is None:
                    return None
                self._read_ahead(found)
            plan = self._examiner.plan(connection, found, now)
            plan.write(connection, project_id, now)
        return plan

    def _next(self) -> Found | None:
        if self._ahead is not None:
            return self._ahead.result()
        return None if self._is_at_end else self._read()

    def _read_ahead(self, found: Found) -> None:
        """Have read what follows, if anything does."""
        last = found.page[-1].call
        self._last = (last.started_at, last.call_id)
        self._is_at_end = len(found.page) < PAGE
        if self._is_at_end:
            self._ahead = None
        else:
            self._ahead = self._reader.submit(copy_context().run, self._read)

    def _read(self) -> Found | None:
        with self._database.read() as connection:
            return self._find(connection, lock=False)

    def _find(self, connection: Connection, *, lock: bool) -> Found | None:
        project_id = self._lease.project_id
        page = examining.to_examine(connection, project_id, after=self._last, limit=PAGE, lock=lock)
        return self._examiner.find(connection, page, self._clock()) if page else None
