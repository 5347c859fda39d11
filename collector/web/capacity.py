"""How many processes and threads serve, by what the database at hand can use."""

from __future__ import annotations

import os

from collector.config import Settings

MAX_DEFAULT_PROCESSES = 4

#: Behind a WSGI server a beacon that waits for the disk holds a thread, though no connection.
DEFAULT_THREADS = 128

MAX_REQUEST_CONNECTIONS = 16

PARKED_FOR_EACH_WAITING = 8


def processes(settings: Settings) -> int:
    """Worker processes: as set, else one for SQLite, else one for each two cores, at most four.

    SQLite lets one writer in at a time, so that a second process would only wait for the first.
    PostgreSQL has as much to do as one process, and the more beacons share a commit the better.
    """
    if settings.processes:
        return settings.processes
    return 1 if _is_sqlite(settings) else min(max(1, _cores() // 2), MAX_DEFAULT_PROCESSES)


def threads(settings: Settings) -> int:
    """Threads of each process, and so requests that Flask works on at a time: as set, else 128."""
    return settings.threads or DEFAULT_THREADS


def connections(settings: Settings) -> int:
    """Connections of each process: for whoever commits for all (of the event loop, of the threads),
    for the counts, and for requests that are no plain beacons.
    """
    return min(threads(settings), MAX_REQUEST_CONNECTIONS) + 2


def waiting(settings: Settings) -> int:
    """How many beacons of each process may wait to be on disk, before others are sent away.

    Not as many as there are threads: while the database hangs, the snippet is still served.
    """
    return max(1, threads(settings) * 3 // 4)


def parked(settings: Settings) -> int:
    """The same of beacons that wait in an event loop: each holds some memory and no thread.

    So what comes in while an import holds the lock of SQLite is not sent away.
    """
    return PARKED_FOR_EACH_WAITING * waiting(settings)


def _is_sqlite(settings: Settings) -> bool:
    return settings.database_url.startswith("sqlite")


def _cores() -> int:
    # A container may be allowed fewer cores than the machine has.
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
