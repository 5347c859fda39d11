"""Which revision a database is at, and which one this version expects.

Every command and every ``/readyz`` asks, so it is cheap: Alembic, which is slow to load and reads
all migrations to name the last, is left to what migrates (``migrate``).
"""

from __future__ import annotations

import sqlalchemy as sa

from collector import resources
from collector.errors import NotMigratedError
from collector.storage.database import Database


def current(database: Database) -> str | None:
    """The revision the database is at, or None if it is empty."""
    if database.missing_file:
        return None
    try:
        with database.read() as connection:
            found: str | None = connection.scalar(
                sa.text("SELECT version_num FROM alembic_version")
            )
            return found
    except NotMigratedError:
        return None


def newest() -> str:
    """The revision that this version of the software expects: the last of the migrations.

    A migration's file is named by its revision, and they count upwards.
    """
    migrations = (resources.path("migrations") / "versions").glob("[0-9]*_*.py")
    head = max((file.name.partition("_")[0] for file in migrations), default=None)
    if head is None:
        raise NotMigratedError("The package carries no migration. Install it again.")
    return head


def require_newest(database: Database) -> None:
    """Make sure that the database is at this version's revision.

    Raises:
        NotMigratedError: says which command to run.
    """
    found, wanted = current(database), newest()
    if found == wanted:
        return
    if database.missing_file:
        raise NotMigratedError(
            f"There is no database file {database.missing_file}. Point COLLECTOR_DATABASE_URL to "
            "where it is, or make it there. Run: collector db upgrade"
        )
    state = "has no tables yet" if found is None else f"is at revision {found}, not {wanted}"
    raise NotMigratedError(f"The database {database.shown_url} {state}. Run: collector db upgrade")
