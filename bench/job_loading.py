"""Loads made-up projects into a database in bulk, as no beacon or import would.

    python -m bench.job_loading URL PROJECTS RECENT SESSIONS CALLS SEED

It is a process of its own, as it takes much memory, which who measures should not have taken. The
key that seals the secrets is in ``COLLECTOR_SECRET_KEY``; it prints when the new calls came in.
"""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from datetime import timedelta

import psycopg

from bench.job_world import FIRST_PROJECT, ProjectWorld, Row, Size, begun
from collector.domain.installation import Installation
from collector.storage import installations, runs
from collector.storage.database import Database
from collector.storage.secrets import SecretBox

CLIENT_ID = "bench-client"
CLIENT_SECRET = "bench-secret"  # noqa: S105 - of the sandbox

#: Rows in one piece on their way to PostgreSQL.
CHUNK = 2000


def integration_id(project_id: int) -> int:
    """Each installation has an id of its own."""
    return 1000 + project_id


def main() -> None:
    url, *numbers = sys.argv[1:]
    projects, recent, sessions, calls, seed = map(int, numbers)
    size, now = Size(recent=recent, sessions=sessions, calls=calls), begun()
    ids = range(FIRST_PROJECT, FIRST_PROJECT + projects)
    worlds = [ProjectWorld(project_id, size, now, seed) for project_id in ids]
    load(url, worlds, SecretBox([os.environ["COLLECTOR_SECRET_KEY"]]))
    print(now.isoformat())


def load(url: str, worlds: Sequence[ProjectWorld], secrets: SecretBox) -> None:
    """Fill an empty database; a server then knows its tables as its own housekeeping would."""
    with Database(url) as database, database.write() as connection:
        for world in worlds:
            installation = Installation(
                project_id=world.project_id,
                integration_id=integration_id(world.project_id),
                name=f"Project {world.project_id}",
                client_id=CLIENT_ID,
                integration_version=1,
                origins=("https://shop.example",),
                region="FR",
            )
            sealed = secrets.seal(CLIENT_SECRET)
            installations.add(connection, installation, sealed, world.received_at)
            # The project has been delivered for weeks.
            installations.note_accepted(
                connection, world.project_id, installation.integration_id, 1
            )
            last_run = world.received_at - timedelta(minutes=5)
            runs.note_searched(connection, world.project_id, last_run)
    fill = _fill_sqlite if url.startswith("sqlite") else _fill_postgresql
    fill(url, worlds)


def _fill_sqlite(url: str, worlds: Sequence[ProjectWorld]) -> None:
    connection = sqlite3.connect(url.removeprefix("sqlite:///"))
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute("PRAGMA cache_size=-400000")
    with connection:
        for world in worlds:
            for table, columns, rows in world.tables():
                marks = ", ".join("?" * len(columns))
                connection.executemany(
                    f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})",  # noqa: S608
                    rows,
                )
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def _fill_postgresql(url: str, worlds: Sequence[ProjectWorld]) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        # Foreign keys hold by the way the rows are made.
        connection.execute("SET session_replication_role = replica")
        connection.execute("SET timezone = 'UTC'")
        for world in worlds:
            for table, columns, rows in world.tables():
                copying = f"COPY {table} ({', '.join(columns)}) FROM STDIN"
                with connection.cursor() as cursor, cursor.copy(copying) as copy:
                    for chunk in _texts(rows):
                        copy.write(chunk)
        connection.execute("VACUUM (ANALYZE)")
        connection.execute("CHECKPOINT")


def _texts(rows: Iterator[Row]) -> Iterator[str]:
    lines: list[str] = []
    for row in rows:
        lines.append("\t".join("\\N" if value is None else str(value) for value in row))
        if len(lines) == CHUNK:
            yield "\n".join(lines) + "\n"
            lines.clear()
    if lines:
        yield "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
