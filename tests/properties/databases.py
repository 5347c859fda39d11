"""A fresh database for each example: a copy of a migrated one."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from collector.storage import migrate
from collector.storage.database import Database
from tests.postgres import PostgresServer

#: Makes a migrated database without rows, says its URL, and removes it afterwards.
CopyOfDatabase = Callable[[], AbstractContextManager[str]]


def copies_of_file(template: Path, folder: Path) -> CopyOfDatabase:
    """Copies of a migrated SQLite file."""

    @contextmanager
    def copied() -> Iterator[str]:
        path = folder / f"{uuid.uuid4().hex}.db"
        shutil.copy(template, path)
        yield f"sqlite:///{path}"
        for left in folder.glob(f"{path.name}*"):
            left.unlink()

    return copied


def copies_in_server(server: PostgresServer) -> CopyOfDatabase:
    """Copies of the server's migrated template."""

    @contextmanager
    def copied() -> Iterator[str]:
        name = server.create(server.template)
        yield server.url(name)
        server.drop(name)

    return copied


@contextmanager
def copies_of(dialect: str) -> Iterator[CopyOfDatabase]:
    """Copies for whoever has no fixture of the suite at hand."""
    # A short path: PostgreSQL's socket lives in it, and socket paths are limited.
    with tempfile.TemporaryDirectory(prefix="sc-") as name:
        folder = Path(name)
        if dialect == "postgresql":
            server = PostgresServer(folder)
            yield copies_in_server(server)
            server.stop()
            return
        template = folder / "template.db"
        with Database(f"sqlite:///{template}") as database:
            migrate.upgrade(database)
        yield copies_of_file(template, folder)


def forget_to_sync(database: Database) -> None:
    """Spare the disk: no machine loses its power here, and a file is gone after its example."""

    def relax(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA synchronous=OFF").close()

    if database.is_sqlite:
        sa.event.listen(database.engine, "connect", relax)
