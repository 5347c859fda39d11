"""What is said of a database that cannot be used: why, and what to do about it."""

from __future__ import annotations

import sqlite3

_ROOM = "Make room on its disk, or see whether the disk fails; what was acknowledged is safe"
_PRIMARY = "It takes no writes: point {setting} to the primary server, or have it take them"
_WRITABLE = (
    "See that {setting} names a file in a folder, and that both can be written to, "
    "which SQLite needs even to read"
)

#: By the code of SQLite's library.
_OF_SQLITE = {
    sqlite3.SQLITE_FULL: _ROOM,
    sqlite3.SQLITE_IOERR: _ROOM,
    sqlite3.SQLITE_READONLY: _WRITABLE,
    sqlite3.SQLITE_CANTOPEN: _WRITABLE,
    sqlite3.SQLITE_BUSY: "Another process has kept it locked for too long; try again",
}

#: By PostgreSQL's SQLSTATE.
_OF_POSTGRESQL = {
    "53100": _ROOM,
    "25006": _PRIMARY,
    "53300": "Raise max_connections there, or lower COLLECTOR_PROCESSES and COLLECTOR_CONNECTIONS",
    "55P03": "Another transaction holds what is needed; try again",
}

_ELSE = "Check {setting} and that the database is running"


def sentence(shown_url: str, cause: object, setting: str) -> str:
    """Both in one line. ``cause`` is the driver's error, or words; the URL is of this setting."""
    text = " ".join(str(cause).split())[:300]
    step = _next_step(cause).format(setting=setting)
    return f"The database {shown_url} cannot be used: {text}. {step}."


def _next_step(cause: object) -> str:
    if isinstance(cause, sqlite3.Error):
        # The low byte is the kind, the others say more of it.
        return _OF_SQLITE.get(getattr(cause, "sqlite_errorcode", 0) & 0xFF, _ELSE)
    return _OF_POSTGRESQL.get(getattr(cause, "sqlstate", None) or "", _ELSE)
