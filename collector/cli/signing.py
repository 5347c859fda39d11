"""``collector installation signing``: the secret that the customer's pages sign their keys with."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import click

from collector.cli import shared
from collector.config import Settings
from collector.domain.signed_keys import MOST_SECRETS, new_secret
from collector.errors import UsageError
from collector.storage import installations
from collector.storage.secrets import SecretBox

#: The secrets that are to be stored, of those that are.
_Make = Callable[[list[str]], list[str]]


@click.group()
def signing() -> None:
    """Let the customer's pages sign match keys, so that nobody else can invent them.

    docs/security.md has the lines for the page's server. With a secret, a value that is signed
    wrongly is left out; `collector installation edit PROJECT_ID --require-signed visitor_id` also
    leaves out what is not signed.
    """


@signing.command()
@shared.project_id_argument
def new(project_id: int) -> None:
    """Make a new secret and show it, this once.

    The one before is still taken, until `collector installation signing retire`. Standard output
    has the secret alone.
    """
    settings = shared.load_settings()
    box = SecretBox(settings.require_secret_key())
    secret = new_secret()
    kept = _change(settings, project_id, lambda held: [box.seal(secret), *held][:MOST_SECRETS])
    click.echo(secret)
    if kept > 1:
        click.echo(
            "The secret before is still taken. Once the pages sign with the new one: "
            f"collector installation signing retire {project_id}",
            err=True,
        )
    else:
        click.echo(
            "Nobody can show it again. Once the pages sign, nothing unsigned need be taken: "
            f"collector installation edit {project_id} --require-signed visitor_id",
            err=True,
        )


@signing.command()
@shared.project_id_argument
def retire(project_id: int) -> None:
    """Take only the newest secret from now on."""
    _change(shared.load_settings(), project_id, lambda held: held[:1])
    click.echo(f"Project {project_id} takes only the newest secret.")


@signing.command()
@shared.project_id_argument
def remove(project_id: int) -> None:
    """Forget all secrets: values are stored as they come, signatures and all."""
    _change(shared.load_settings(), project_id, lambda _held: [])
    click.echo(f"Project {project_id} has no secret for signatures any more.")


def _change(settings: Settings, project_id: int, make: _Make) -> int:
    """Have other secrets stored; returns how many."""
    with shared.open_database(settings) as database, database.write() as connection:
        installations.queue_up(connection, project_id)
        found = installations.get(connection, project_id)
        changed = list(make(list(found.signing_secrets)))
        if not changed and found.signed_kinds:
            options = " ".join(f"--allow-unsigned {kind}" for kind in found.signed_kinds)
            raise UsageError(
                f"Project {project_id} takes {', '.join(found.signed_kinds)} only if it is signed. "
                f"First: collector installation edit {project_id} {options}"
            )
        changes = {"signing_secrets": changed}
        installations.edit(connection, project_id, changes, datetime.now(UTC))
    return len(changed)
