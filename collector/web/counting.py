"""Counts what becomes of beacons: in memory first, and a second later in the database.

A beacon must not wait for a statistic, so noting one is a lock and an update of a dict. Only
statistics are held back like this: the beacons themselves are on disk when they are answered. A
process that is killed loses at most what it counted in its last second; while the database is
away the counts wait for it. (A connection that breaks while a flush is being committed can have
that second counted twice.)
"""

from __future__ import annotations

import atexit
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from threading import Lock, Timer

import structlog

from collector.errors import StorageError
from collector.storage import beacon_counts, installations
from collector.storage.beacon_counts import MAX_NAMED, NO_PROJECT, UNNAMED, BeaconCount
from collector.storage.database import Database

#: How long a count may stay in memory, in seconds.
FLUSH_SECONDS = 1.0

#: When a flush that failed is tried again, in seconds.
RETRY_SECONDS = 5.0

_log = structlog.get_logger(__name__)

#: Project, day and outcome: for each of them a few origins are told apart, as in the database.
_Group = tuple[int, date, str]


@dataclass(kw_only=True, slots=True)
class _Tally:
    """How often, when last, and what the last was answered."""

    beacons: int
    last_at: datetime
    detail: str


class BeaconCounts:
    """The counts of one process. Safe to share between threads.

    What it holds is bounded by the installations that exist, whatever is sent: a project is
    only counted under its number once its installation was found. Which origins belong to
    installations is known from the first flush with beacons of no project on. Nothing runs before
    the first beacon, so that a server may fork after the application was made.
    """

    def __init__(self, database: Callable[[], Database]) -> None:
        self._database = database
        self._lock = Lock()  # guards what follows, and is never held while SQL runs
        self._groups: dict[_Group, dict[str, _Tally]] = defaultdict(dict)
        self._installed: frozenset[str] = frozenset()
        self._timer: Timer | None = None
        self._awaits_exit = False
        self._closed = False
        self._flushing = Lock()

    def note(
        self, project_id: int, outcome: str, *, origin: str, detail: str, now: datetime
    ) -> None:
        """One beacon had this outcome; it is in the database about a second later."""
        with self._lock:
            self._add(
                BeaconCount(
                    project_id=project_id,
                    day=now.date(),
                    outcome=outcome,
                    origin=origin,
                    beacons=1,
                    last_at=now,
                    detail=detail,
                )
            )
            if self._timer is None and not self._closed:
                self._flush_in(FLUSH_SECONDS)

    def flush(self) -> bool:
        """Write everything that was noted; False if it has to be tried again."""
        with self._flushing:
            with self._lock:
                taken, self._groups = list(_counts(self._groups)), defaultdict(dict)
            try:
                database = self._database()
                if any(count.project_id == NO_PROJECT for count in taken):
                    self._learn_origins(database)
                beacon_counts.add(database, taken, installed=self._installed)
            except StorageError as error:
                _log.warning("beacon_counts_wait", error=str(error))
                with self._lock:
                    for count in taken:
                        self._add(count)
                return False
            except Exception as error:  # noqa: BLE001 - the thread ends here
                # Whatever it is, it would be the same the next time, and for ever.
                _log.error("beacon_counts_lost", exc_info=error)
            return True

    def close(self) -> None:
        """Write what is left, and leave no thread behind."""
        with self._lock:
            self._closed = True
            timer, self._timer = self._timer, None
        atexit.unregister(self.close)
        if timer is not None:
            timer.cancel()
            timer.join()
        if self._groups:
            self.flush()

    def _learn_origins(self, database: Database) -> None:
        with database.read() as connection:
            installed = installations.origins(connection)
        with self._lock:
            self._installed = installed

    def _add(self, count: BeaconCount) -> None:
        tallies = self._groups[count.project_id, count.day, count.outcome]
        always = self._installed if count.project_id == NO_PROJECT else frozenset()
        origin = count.origin
        if origin not in tallies and origin not in always:
            strangers = tallies.keys() - always - {UNNAMED}
            origin = origin if len(strangers) < MAX_NAMED else UNNAMED
        tally = tallies.get(origin)
        if tally is None:
            tallies[origin] = _Tally(
                beacons=count.beacons, last_at=count.last_at, detail=count.detail
            )
            return
        tally.beacons += count.beacons
        if count.last_at >= tally.last_at:
            tally.last_at, tally.detail = count.last_at, count.detail

    def _flush_in(self, seconds: float) -> None:
        if not self._awaits_exit:
            self._awaits_exit = True
            atexit.register(self.close)
        timer = Timer(seconds, self._flush_on_time)
        timer.daemon = True  # the end of the process waits for close(), not for the clock
        try:
            timer.start()
        except RuntimeError as error:  # no thread is to be had: the next beacon asks again
            _log.warning("beacon_counts_wait", error=str(error))
        else:
            self._timer = timer

    def _flush_on_time(self) -> None:
        done = self.flush()
        with self._lock:
            self._timer = None
            if self._groups and not self._closed:
                self._flush_in(FLUSH_SECONDS if done else RETRY_SECONDS)


def _counts(groups: dict[_Group, dict[str, _Tally]]) -> Iterator[BeaconCount]:
    for (project_id, day, outcome), tallies in groups.items():
        for origin, tally in tallies.items():
            yield BeaconCount(
                project_id=project_id,
                day=day,
                outcome=outcome,
                origin=origin,
                beacons=tally.beacons,
                last_at=tally.last_at,
                detail=tally.detail,
            )
