"""A server under load whose PostgreSQL dies, stays away for a while and comes back."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.faults.load import Load, loaded
from tests.postgres import PostgresServer
from tests.web import serving


@contextmanager
def outage(database_url: str, postgres: PostgresServer, folder: Path) -> Iterator[tuple[Load, str]]:
    """The block is run while the database is away, and ends when beacons are taken again.

    Then the server is told to stop, which it does well.
    """
    server = serving.start(database_url, "--processes", "1", folder=folder)
    try:
        with loaded(server.url) as load:
            postgres.crash()
            try:
                load.wait_for(503)
                yield load, server.url
            finally:
                postgres.start()
            load.wait_for_more()
        assert server.stop(signal.SIGTERM) == 0, server.log()
    finally:
        if server.process.poll() is None:
            server.stop_group(signal.SIGKILL)
        assert server.process.stdout
        server.process.stdout.close()
