"""Brings a database to this version's schema, or back to an older one."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from collector import resources
from collector.errors import UsageError
from collector.storage.database import Database


def upgrade(database: Database, revision: str = "head") -> None:
    """Run the migrations up to ``revision``. Repeating it changes nothing."""
    _run(database, command.upgrade, revision)


def downgrade(database: Database, revision: str) -> None:
    """Run the migrations down to ``revision``; ``base`` removes everything that is stored."""
    _run(database, command.downgrade, revision)


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
