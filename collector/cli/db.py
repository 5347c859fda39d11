"""``collector db``: the migrations."""

from __future__ import annotations

import click

from collector.cli import shared
from collector.storage import migrate, revisions
from collector.storage.database import Database


@click.group()
def db() -> None:
    """Bring the database to this version's schema."""


@db.command()
@click.argument("revision", default="head")
def upgrade(revision: str) -> None:
    """Create or update the tables and views. Repeating it changes nothing."""
    with Database(shared.load_settings().database_url) as database:
        migrate.upgrade(database, revision)
        click.echo(f"{database.shown_url} is at revision {revisions.current(database)}.")


@db.command()
@click.argument("revision")
@click.option("--yes", is_flag=True, help="Do not ask.")
def downgrade(revision: str, yes: bool) -> None:
    """Go back to REVISION; `base` removes every table with all that is in it."""
    with Database(shared.load_settings().database_url) as database:
        if not yes:
            click.confirm(
                f"Take {database.shown_url} back to {revision}? Data can be lost.", abort=True
            )
        migrate.downgrade(database, revision)
        click.echo(f"{database.shown_url} is at revision {revisions.current(database) or 'base'}.")


@db.command()
def current() -> None:
    """Show the database's revision and the one this version expects."""
    with Database(shared.load_settings().database_url) as database:
        found, wanted = revisions.current(database), revisions.newest()
    click.echo(f"{found or 'none'} (this version expects {wanted})")
    if found != wanted:
        click.echo("Run: collector db upgrade", err=True)
        raise click.exceptions.Exit(1)
