"""How many processes and threads serve, by what the database at hand can use."""

from __future__ import annotations

import os

from collector.config import Settings

MAX_DEFAULT_PROCESSES = 4


def processes(settings: Settings) -> int:
    """Worker processes: as set, else one for SQLite, else one for each core, at most four.

    SQLite lets one writer in at a time, so that a second process would only wait for the first.
    """
    if settings.processes:
        return settings.processes
    return 1 if _is_sqlite(settings) else min(_cores(), MAX_DEFAULT_PROCESSES)


def threads(settings: Settings) -> int:
    """Threads of each process, and so the connections of its requests: as set, else 8 or 16."""
    if settings.threads:
        return settings.threads
    return 8 if _is_sqlite(settings) else 16


def _is_sqlite(settings: Settings) -> bool:
    return settings.database_url.startswith("sqlite")


def _cores() -> int:
    # A container may be allowed fewer cores than the machine has.
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
