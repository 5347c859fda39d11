"""A second PostgreSQL that follows the tests' own by streaming replication, as a replica does."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg

from tests.postgres import PostgresServer

#: A standby that needs so long has failed.
DEADLINE_SECONDS = 30


@dataclass(frozen=True, kw_only=True)
class Standby:
    """``folder`` has its data and its socket."""

    folder: Path
    primary: PostgresServer

    def url(self, name: str) -> str:
        return f"postgresql://postgres@/{name}?host={quote(str(self.folder), safe='')}"

    def ask(self, question: str) -> object:
        """One value, asked of it."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            row = connection.execute(question).fetchone()
            return row and row[0]

    def wait_until_received(self) -> None:
        """Until all that the primary has committed so far is here, applied or not."""
        with psycopg.connect(self.primary.url("postgres")) as connection:
            (lsn,) = connection.execute("SELECT pg_current_wal_flush_lsn()::text").fetchone() or ()
        _await(lambda: self.ask(f"SELECT pg_last_wal_receive_lsn() >= '{lsn}'::pg_lsn"))

    def wait_until_applied(self) -> None:
        """Until all that it has received is seen by whoever reads it."""
        self.wait_until_received()
        _await(lambda: self.ask("SELECT pg_last_wal_replay_lsn() = pg_last_wal_receive_lsn()"))

    def stop(self) -> None:
        self.primary.command("pg_ctl", "-D", str(self.folder), "-m", "immediate", "stop")


def _await(is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@contextmanager
def following(primary: PostgresServer, folder: Path) -> Iterator[Standby]:
    """A standby of all databases of this server, up to date.

    Args:
        folder: a short path that does not exist yet.
    """
    source = f"host={primary.folder} user=postgres"
    try:
        primary.command("pg_basebackup", "-d", source, "-D", str(folder), "-R", "-c", "fast")
        for lock in folder.glob(".s.PGSQL.*"):  # the data's folder is the socket's, too
            lock.unlink()
        log = f"{folder}/standby.log"
        options = f'-h "" -k {folder}'
        primary.command("pg_ctl", "-w", "-D", str(folder), "-l", log, "-o", options, "start")
        standby = Standby(folder=folder, primary=primary)
        try:
            standby.wait_until_applied()
            yield standby
        finally:
            if (folder / "postmaster.pid").exists():
                standby.stop()
    except subprocess.CalledProcessError as error:
        raise AssertionError(error.stderr) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
