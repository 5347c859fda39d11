"""``collector keys``: the encryption keys of stored secrets."""

from __future__ import annotations

import click

from collector.cli import shared
from collector.storage import installations, refused, tombstones, webhooks
from collector.storage.secrets import SecretBox, generate_key


@click.group()
def keys() -> None:
    """Make and change the key that encrypts stored secrets."""


@keys.command()
def generate() -> None:
    """Print a new random key for COLLECTOR_SECRET_KEY.

    Keep it outside the database: without it the stored client secrets cannot be read. To change
    it, put the new key before the old one, separated by a comma, start `collector serve` anew with
    both, and run `collector keys rotate`.
    """
    click.echo(generate_key())


@keys.command()
def rotate() -> None:
    """Encrypt all that is stored encrypted anew with the first key; the others can go then.

    That is the secrets, and the call records that were refused. It can be stopped and run again.
    Callers' hashes cannot be made anew: whoever called before the change counts as somebody else.
    Nor can tombstones, by which forgotten people stay out: their key has to stay, behind the first.
    """
    settings = shared.load_settings()
    box = SecretBox(settings.require_secret_key())
    with shared.open_database(settings) as database:
        with database.write() as connection:
            number = installations.reseal_secrets(connection, box)
            number += webhooks.reseal_secrets(connection, box)
        records, left = refused.reseal(database, box)
        with database.read() as connection:
            by_key = tombstones.by_key(connection)
    older = {hashed.key_id for hashed in box.callers.older}
    needing = sum(number for key_id, number in by_key.items() if key_id in older)
    others = "" if left or needing else "; the others can go"
    click.echo(
        f"{number} secret(s) and {records} refused record(s) are encrypted with the first key"
        f"{others}."
    )
    if needing:
        click.echo(
            f"{needing} tombstone(s) were made with a key behind the first. While it stays there, "
            "the people who were forgotten stay out; without it their records are taken in again.",
            err=True,
        )
    if left:
        click.echo(
            f"{left} refused record(s) stay as they are: none of the keys in COLLECTOR_SECRET_KEY "
            "opens them. Add the one they were encrypted with, and run this again.",
            err=True,
        )
