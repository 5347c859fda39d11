"""``collector config``: what the settings are."""

from __future__ import annotations

import click

from collector.cli import shared
from collector.cli.output import print_table


@click.command()
@shared.json_option
def config(as_json: bool) -> None:
    """Show every setting with its value, secrets masked."""
    described = shared.load_settings().described()
    if as_json:
        shared.echo_json(described)
        return
    print_table(
        ("VARIABLE", "VALUE", "MEANING"),
        [(item["variable"], item["value"], item["about"]) for item in described],
    )
