"""``collector db``: the migrations, and who may read what they make."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from collector import config
from collector.cli import secrets, shared
from collector.errors import UsageError
from collector.storage import backup, clocks, migrate, readers, revisions, sharding
from collector.storage.database import Database


@click.group()
def db() -> None:
    """Bring the database to this version's schema."""


@db.command()
@click.argument("revision", default="head")
@click.option(
    "--wait", type=shared.Duration(), default="5m", show_default=True, metavar="5m",
    help="Try so long when somebody else holds a table that is needed.",
)  # fmt: skip
def upgrade(revision: str, wait: float) -> None:
    """Create or update the tables and views. Repeating it changes nothing.

    Servers and job may go on meanwhile. On PostgreSQL no migration waits longer than half a second
    for a table, since the beacons wait behind it; it says what it waits for, and tries again.
    """
    with Database(shared.load_settings().database_url) as database:
        before = readers.readers(database)
        migrate.upgrade(
            database, revision, patience=wait, tell=lambda text: click.echo(text, err=True)
        )
        click.echo(f"{database.shown_url} is at revision {revisions.current(database)}.")
        for role in readers.left_behind(database, before):
            click.echo(
                f"The role {role} cannot read all views now. Run: collector db grant-reader "
                f"{shlex.quote(role)}"
            )


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
        found = revisions.current(database)
        click.echo(f"{found or 'none'} (this version expects {revisions.newest()})")
        revisions.require_usable(database)


@db.command("backup")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def back_up(file: Path) -> None:
    """Copy a SQLite database to FILE, complete as of one moment, and check the copy.

    Server and job go on meanwhile. FILE is readable for its owner alone; COLLECTOR_SECRET_KEY is
    not in it, and is kept elsewhere. PostgreSQL is backed up by its own tools.
    """
    with shared.open_database(shared.load_settings()) as database:
        backup.back_up(database, file)
    click.echo(f"{file} is complete and sound: {file.stat().st_size:,} bytes.")


@db.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
def restored(yes: bool) -> None:
    """Say that the database was put back from a backup; before the job runs again.

    What was sent since the backup is not in it. So each enrichment that can still be sent counts as
    in doubt, and calls from now on get numbers, in sessions of before, that the forgotten ones
    hardly had: from 3 downwards. The records since the backup are to be handed in again.
    """
    with shared.open_database(shared.load_settings()) as database:
        if not yes:
            click.confirm(f"Was {database.shown_url} put back from a backup?", abort=True)
        found = backup.mark_restored(database, clocks.read(database)())
    click.echo(
        f"{found.enrichments} enrichment(s) of {found.installations} installation(s) count as in "
        "doubt."
    )
    if found.knows_until is not None:
        click.echo(
            f"The backup knows what came until {found.knows_until:%Y-%m-%d %H:%M} UTC. Hand in the "
            "call records since then again, and then run: collector reconcile"
        )


@db.command()
@click.option("--dry-run", is_flag=True, help="Print the SQL; change nothing.")
def distribute(dry_run: bool) -> None:
    """Spread the tables over the nodes of a Citus cluster, by customer.

    For PostgreSQL with the Citus extension; docs/scale.md says when that is worth it. Run it on
    the coordinator, after `collector db upgrade`, while server and job are stopped. Repeating it
    changes nothing but for tables that an upgrade has added.
    """
    with shared.open_database(shared.load_settings()) as database:
        found = sharding.distribute(database, dry_run=dry_run)
    for step in found.issued:
        click.echo(f"{step.statement};")
    if not dry_run:
        spread = len(found.issued)
        click.echo(f"{spread} table(s) were spread by {sharding.COLUMN}; {len(found.before)} were.")


@db.command("grant-reader")
@click.argument("role")
@click.option("--login", is_flag=True, help="Let it log in, by a password that is asked for.")
@click.option(
    "--password-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help=f"File with the password. Else: {config.READER_PASSWORD_VARIABLE}, or a prompt.",
)
@click.option("--dry-run", is_flag=True, help="Print the SQL; change nothing.")
def grant_reader(role: str, login: bool, password_file: Path | None, dry_run: bool) -> None:
    """Let the PostgreSQL role ROLE read the report_* views and nothing else.

    The role is made if it is not there, without login unless --login is given. What it was
    granted before on anything of the collector's is taken away. A role that could do more by
    itself, by a role that it is a member of or by PUBLIC is refused, and nothing is changed.

    Repeat it after an upgrade that makes views anew; `collector db upgrade` says when.

    \b
        collector db grant-reader analyst --login
        collector db grant-reader analysts      # then: GRANT analysts TO "somebody's own role"
    """
    if password_file is not None and not login:
        raise UsageError("--password-file is for a role that may log in: add --login.")
    with shared.open_database(shared.load_settings()) as database:
        password = None
        if login and not database.is_sqlite:
            password = (
                ""
                if dry_run
                else secrets.ask(
                    "password of the reader",
                    option="--password-file",
                    variable=config.READER_PASSWORD_VARIABLE,
                    file=password_file,
                )
            )
        granted = readers.grant(database, role, password=password, dry_run=dry_run)
    if dry_run:
        for statement in granted.statements:
            click.echo(f"{statement};")
        return
    made = "was made, and" if granted.is_new else "was there; it"
    click.echo(f"The role {role} {made} reads the {granted.views} views and nothing else.")
