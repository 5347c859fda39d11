"""How connections to PostgreSQL are made, and how soon either end notices that the other is gone.

A host that is cut off says nothing. Left to the system's defaults, its worker would wait a quarter
of an hour for an answer, and the server would keep the rows that it has locked for two hours, so
that its successor could not take over when the lease lapses. Both ends are therefore told to ask.
"""

from __future__ import annotations

from typing import Any

#: How long a statement waits for a lock before it gives up, in milliseconds.
LOCK_MILLISECONDS = 10_000

#: An end that hears nothing asks after so many seconds, and again, so often.
_IDLE_SECONDS, _INTERVAL_SECONDS, _TIMES = 10, 5, 3

#: What was sent and is not acknowledged for so long has met nobody: as long as asking takes.
GONE_MILLISECONDS = (_IDLE_SECONDS + _INTERVAL_SECONDS * _TIMES) * 1000

#: A worker that stalls in the middle of a transaction holds the lease's row: well before the lease
#: lapses, the server takes it away.
STALLED_MILLISECONDS = 120_000

_SETTINGS: dict[str, object] = {
    "timezone": "UTC",
    "lock_timeout": LOCK_MILLISECONDS,
    "synchronous_commit": "on",  # an acknowledged beacon survives a power cut
    "idle_in_transaction_session_timeout": STALLED_MILLISECONDS,
    "tcp_keepalives_idle": _IDLE_SECONDS,
    "tcp_keepalives_interval": _INTERVAL_SECONDS,
    "tcp_keepalives_count": _TIMES,
    "tcp_user_timeout": GONE_MILLISECONDS,
}


def connect_arguments(*, patience: int, reads_only: bool) -> dict[str, Any]:
    """What libpq is told of each connection.

    Args:
        patience: how long connecting may take, for each address, in seconds.
        reads_only: have the server refuse whatever would write.
    """
    settings = _SETTINGS | ({"default_transaction_read_only": "on"} if reads_only else {})
    return {
        "connect_timeout": patience,
        "application_name": "collector",
        "keepalives_idle": _IDLE_SECONDS,
        "keepalives_interval": _INTERVAL_SECONDS,
        "keepalives_count": _TIMES,
        "tcp_user_timeout": GONE_MILLISECONDS,
        "options": " ".join(f"-c {name}={value}" for name, value in settings.items()),
    }
