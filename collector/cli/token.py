"""``collector token``: bearer tokens of call platforms."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from collector.cli import shared
from collector.cli.output import moment, print_table
from collector.errors import NotFoundError
from collector.storage import installations, tokens


@click.group()
def token() -> None:
    """Make tokens with which call records can be posted."""


@token.command()
@click.option("--scope", type=click.Choice(["calls"]), required=True, help="What it may do.")
@shared.project_id_option
@click.option("--name", type=shared.ShortText(), help="Whose token it is.")
def create(scope: str, project_id: int, name: str | None) -> None:
    """Make a token and print it: the only time that it can be seen."""
    with shared.open_database(shared.load_settings()) as database, database.write() as connection:
        installations.get(connection, project_id)
        click.echo(
            tokens.create(
                connection,
                project_id=project_id,
                scope=scope,
                name=name or "",
                now=datetime.now(UTC),
            )
        )
    click.echo("Keep it now: it is stored as a hash and cannot be shown again.", err=True)


@token.command("list")
@shared.json_option
def list_(as_json: bool) -> None:
    """List the tokens, without their secrets."""
    with (
        shared.open_database(shared.load_settings()) as database,
        database.read() as connection,
    ):
        found = tokens.list_all(connection)
    rows: list[dict[str, Any]] = [
        {
            "project_id": item.project_id,
            "token_id": item.token_id,
            "scope": item.scope,
            "name": item.name,
            "created_at": item.created_at,
        }
        for item in found
    ]
    if as_json:
        shared.echo_json(rows)
    else:
        print_table(
            ("PROJECT", "TOKEN ID", "SCOPE", "NAME", "CREATED"),
            [[*list(row.values())[:-1], moment(row["created_at"])] for row in rows],
        )


@token.command()
@click.argument("token_id", type=shared.ShortText())
def revoke(token_id: str) -> None:
    """Revoke the token with this id (see list)."""
    with shared.open_database(shared.load_settings()) as database, database.write() as connection:
        if not tokens.revoke(connection, token_id):
            raise NotFoundError(f"There is no token {token_id}. Known ones: collector token list")
    click.echo(f"Revoked {token_id}.")
