"""Brings a database to this version's schema, and tells whether it is there."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from collector import resources
from collector.errors import NotMigratedError, UsageError
from collector.storage.database import Database


def upgrade(database: Database, revision: str = "head") -> None:
    """Run the migrations up to ``revision``. Repeating it changes nothing."""
    _run(database, command.upgrade, revision)


def downgrade(database: Database, revision: str) -> None:
    """Run the migrations down to ``revision``; ``base`` removes everything that is stored."""
    _run(database, command.downgrade, revision)


def current(database: Database) -> str | None:
    """The revision the database is at, or None if it is empty."""
    if database.missing_file:
        return None
    with database.read() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def newest() -> str:
    """The revision that this version of the software expects."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    if head is None:
        raise NotMigratedError("The package carries no migration. Install it again.")
    return head


def require_migrated(database: Database) -> None:
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


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(resources.path("migrations")))
    config.set_main_option("path_separator", "os")
    return config


def _run(database: Database, action: object, revision: str) -> None:
    if not revision.strip():
        raise UsageError("The revision is empty. Name one, or leave it out for the newest.")
    config = _config()
    with database.write() as connection:
        config.attributes["connection"] = connection
        try:
            action(config, revision)  # type: ignore[operator]
        except CommandError as error:
            raise UsageError(
                f"{error}. Known revisions: base, "
                + ", ".join(
                    script.revision
                    for script in ScriptDirectory.from_config(config).walk_revisions()
                )
            ) from error
