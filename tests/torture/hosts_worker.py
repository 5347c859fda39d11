"""A worker's host: ``collector reconcile``, with every length of time a thirtieth of what it is.

So that nobody waits five minutes for a lease to lapse. What depends on what stays as it is: a
request ends before its lease, and whoever is gone is noticed before that. Run as
``python -m tests.torture.hosts_worker reconcile …``.
"""

from __future__ import annotations

import functools
from datetime import timedelta

from collector.cli import main, reconcile
from collector.contentsquare import EnrichmentApi, wire
from collector.storage import leases, outbox, postgresql, runs

FACTOR = 30

#: The lease, as long as it is here.
TERM = timedelta(minutes=5) / FACTOR


def shorten() -> None:
    """Shorten all that belongs together."""
    assert leases.TERM == TERM * FACTOR
    leases.TERM = outbox.QUIET = TERM
    runs.TERM = TERM  # type: ignore[attr-defined]
    wire.GONE_MILLISECONDS //= FACTOR
    reconcile.EnrichmentApi = functools.partial(  # type: ignore[assignment, attr-defined]
        EnrichmentApi, connect_timeout=5 / 6, read_timeout=1.0, budget=180 / FACTOR
    )
    postgresql._SETTINGS |= {
        "tcp_keepalives_idle": 1,
        "tcp_keepalives_interval": 1,
        "tcp_keepalives_count": 2,
        "tcp_user_timeout": 3000,
        "lock_timeout": 1000,
        "idle_in_transaction_session_timeout": postgresql.STALLED_MILLISECONDS // FACTOR,
    }
    postgresql._IDLE_SECONDS = postgresql._INTERVAL_SECONDS = 1
    postgresql._TIMES, postgresql.GONE_MILLISECONDS = 2, 3000


if __name__ == "__main__":
    shorten()
    main.main()
