"""A provider on all platforms with one customer, in a database of its own, to be asked anything."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path

from collector.domain.installation import Installation
from collector.storage import installations, migrate, tokens
from collector.storage.database import Database
from tests.web.hooking import DEFINITION, PROJECT

__all__ = ["DEFINITION", "ORIGIN", "PROJECT", "folder", "prepare"]

ORIGIN = "https://shop.example"

#: Memory that looks like a disk: most of the time would go into waiting for a real one.
_MEMORY = Path("/dev/shm")  # noqa: S108


def folder() -> tempfile.TemporaryDirectory[str]:
    """A folder for a database, in memory where the system has that."""
    there = Path(tempfile.gettempdir()).is_relative_to(_MEMORY) or not _MEMORY.is_dir()
    return tempfile.TemporaryDirectory(dir=None if there else _MEMORY)


def prepare(folder: Path) -> tuple[str, str]:
    """Make the database; returns its URL, and a token for the customer's calls."""
    url = f"sqlite:///{folder / 'fuzz.db'}"
    now = datetime.now(UTC)
    with Database(url) as database:
        migrate.upgrade(database)
        with database.write() as connection:
            installations.add(
                connection,
                Installation(
                    project_id=PROJECT, integration_id=42, name="Shop", client_id="client",
                    integration_version=1, origins=(ORIGIN,), region="FR",
                ),
                "sealed",
                now,
            )  # fmt: skip
            token = tokens.create(
                connection, project_id=PROJECT, scope="calls", name="", now=now, expires_at=None
            )
    return url, token
