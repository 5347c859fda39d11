"""``collector keys``: the encryption keys of stored secrets."""

from __future__ import annotations

import click

from collector.storage.secrets import generate_key


@click.group()
def keys() -> None:
    """Make the key that encrypts stored secrets."""


@keys.command()
def generate() -> None:
    """Print a new random key for COLLECTOR_SECRET_KEY.

    Keep it outside the database: without it the stored client secrets cannot be read. To rotate,
    put the new key before the old ones, separated by commas.
    """
    click.echo(generate_key())
