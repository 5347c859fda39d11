"""What the database says, for `GET /metrics`: read at most every few seconds, by one thread.

A scrape waits for it only so long, and never fails for it: what monitors the database must not be
away with it. To count all calls takes time, so that the longer it took the longer it is good for.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event, Lock, Thread

import structlog

from collector.errors import StorageError
from collector.storage import measures
from collector.storage.database import Database
from collector.storage.measures import Measures

#: How long a scrape waits, in seconds; Prometheus itself gives up after ten.
PATIENCE_SECONDS = 5.0

#: What was read is good for so many seconds.
GOOD_SECONDS = 10.0

#: Or for so many times as long as it took: no more than a twentieth of a core is busy with it.
GOOD_TIMES = 20

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """What was read, in how many seconds; and until when it is good, by the monotonic clock."""

    measures: Measures
    seconds: float
    good_until: float


class Measured:
    """The database's measures, for all threads of one process."""

    def __init__(self, database: Callable[[], Database]) -> None:
        self._database = database
        self._lock = Lock()  # guards what follows
        self._last: Reading | None = None
        self._under_way: Event | None = None

    def read(self) -> Reading | None:
        """What the database says, or None if it does not answer, or not in time."""
        with self._lock:
            last, ended = self._last, self._under_way
            if last is not None and time.monotonic() < last.good_until:
                return last
            if ended is None:
                ended = self._under_way = Event()
                self._last = None
                try:
                    Thread(target=self._read, args=(ended,), name="measures", daemon=True).start()
                except RuntimeError:  # no thread is to be had: the next scrape asks again
                    self._under_way = None
                    return None
        ended.wait(PATIENCE_SECONDS)
        with self._lock:
            return self._last

    def _read(self, ended: Event) -> None:
        reading = None
        begun = time.monotonic()
        try:
            with self._database().read() as connection:
                found = measures.read(connection, datetime.now(UTC))
            seconds = time.monotonic() - begun
            good_until = begun + max(GOOD_SECONDS, GOOD_TIMES * seconds)
            reading = Reading(measures=found, seconds=seconds, good_until=good_until)
        except StorageError as error:
            _log.warning("database_not_measured", error=str(error))
        except Exception as error:  # noqa: BLE001 - the thread ends here
            _log.error("database_not_measured", exc_info=error)
        with self._lock:
            self._last, self._under_way = reading, None
        ended.set()
