"""``collector keys``: the encryption keys of stored secrets."""

from __future__ import annotations

import click

from collector.cli import shared
from collector.storage import installations
from collector.storage.secrets import SecretBox, generate_key


@click.group()
def keys() -> None:
    """Make and change the key that encrypts stored secrets."""


@keys.command()
def generate() -> None:
    """Print a new random key for COLLECTOR_SECRET_KEY.

    Keep it outside the database: without it the stored client secrets cannot be read. To change
    it, put the new key before the old one, separated by a comma, and run `collector keys rotate`.
    """
    click.echo(generate_key())


@keys.command()
def rotate() -> None:
    """Encrypt every stored secret anew with the first key; the other keys can go then."""
    settings = shared.load_settings()
    box = SecretBox(settings.require_secret_key())
    with shared.open_database(settings) as database, database.write() as connection:
        number = installations.reseal_secrets(connection, box)
    click.echo(f"{number} secret(s) are encrypted with the first key; the others can go.")
