"""Copies of a database, quickly made, for trials that each begin with the same."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path
from typing import Protocol

from sqlalchemy.engine import make_url

from tests.postgres import PostgresServer


class Databases(Protocol):
    """Makes copies of one migrated database."""

    dialect: str

    def copy(self, url: str | None = None) -> str:
        """The URL of a copy: of the one at ``url``, or of a migrated one without rows."""
        ...

    def drop(self, url: str) -> None:
        """Remove a copy."""
        ...


class SqliteFiles:
    """Copies of a migrated SQLite file."""

    dialect = "sqlite"

    def __init__(self, migrated: Path, folder: Path) -> None:
        self._migrated = migrated
        self._folder = folder

    def copy(self, url: str | None = None) -> str:
        source = self._migrated if url is None else Path(str(make_url(url).database))
        path = self._folder / f"{uuid.uuid4().hex}.db"
        shutil.copy(source, path)
        return f"sqlite:///{path}"

    def drop(self, url: str) -> None:
        for path in self._folder.glob(f"{Path(str(make_url(url).database)).name}*"):
            path.unlink()


class PostgresCopies:
    """Copies of a migrated PostgreSQL database."""

    dialect = "postgresql"

    def __init__(self, server: PostgresServer) -> None:
        self._server = server

    def copy(self, url: str | None = None) -> str:
        source = self._server.template if url is None else str(make_url(url).database)
        return self._server.url(self._server.create(source))

    def drop(self, url: str) -> None:
        self._server.drop(str(make_url(url).database))
