"""Which revision a database is at, which one this version expects, and whether it can work with it.

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


def is_newer(found: str | None) -> bool:
    """Whether a database at this revision was migrated by a newer version than this one."""
    return found is not None and found > newest()


def require_usable(database: Database) -> None:
    """Make sure that this version can work with the database.

    It can if the database is at its revision, or at a newer one that lets it: so an older version
    goes on while a newer one takes its place.

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
    if found is not None and found > wanted:
        oldest = oldest_program(database) or found
        if oldest <= wanted:
            return
        raise NotMigratedError(
            f"The database {database.shown_url} is at revision {found}, for versions of the "
            f"software that know revision {oldest}; this one knows {wanted}. Install the version "
            "that has migrated it, or a newer one."
        )
    state = "has no tables yet" if found is None else f"is at revision {found}, not {wanted}"
    raise NotMigratedError(f"The database {database.shown_url} {state}. Run: collector db upgrade")


def oldest_program(database: Database) -> str | None:
    """The newest revision of the oldest version that can work with this database, if it says so."""
    try:
        with database.read() as connection:
            found: str | None = connection.scalar(sa.text("SELECT revision FROM oldest_program"))
            return found
    except NotMigratedError:
        return None


def declare(connection: sa.Connection, oldest: str | None) -> None:
    """Have the database say which is the oldest version that can work with it; None takes it back.

    A view, since it is of the schema and not of what is stored: it goes back and forth with the
    migrations, and whoever empties the tables leaves it.
    """
    connection.execute(sa.text("DROP VIEW IF EXISTS oldest_program"))
    if oldest is not None:
        value = sa.literal(oldest).compile(compile_kwargs={"literal_binds": True})
        # A text on PostgreSQL too, not of unknown type.
        statement = f"CREATE VIEW oldest_program AS SELECT CAST({value} AS TEXT) AS revision"
        connection.execute(sa.text(statement))
