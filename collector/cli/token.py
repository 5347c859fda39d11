"""``collector token``: bearer tokens of call platforms."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import click

from collector.cli import shared
from collector.cli.output import moment, print_table
from collector.domain.times import parse_duration
from collector.domain.tokens import LIFETIME, SCOPES, Standing, Token
from collector.errors import NotFoundError
from collector.insight import tokens as insight
from collector.storage import installations, tokens

NEVER = "never"


class Expiry(click.ParamType["datetime | str"]):
    """When a token ends: after a duration, with a day, or never."""

    name = "expiry"

    def convert(
        self,
        value: datetime | str,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> datetime | str:
        if isinstance(value, datetime) or value == NEVER:
            return value
        now = datetime.now(UTC)
        try:
            ends = _read(value.strip(), now)
        except (ValueError, OverflowError):
            ends = now
        if ends <= now:
            self.fail(
                f"{value[:40]!r} is no duration such as 90d of at most ten years, no day to come "
                f"such as {now + LIFETIME:%Y-%m-%d}, and not {NEVER}",
                param,
                ctx,
            )
        return ends


def _read(text: str, now: datetime) -> datetime:
    if text[-1:] in {"s", "m", "h", "d"}:
        return now + parse_duration(text)
    # The day is meant whole.
    return datetime.combine(date.fromisoformat(text), time.min, UTC) + timedelta(days=1)


@click.group()
def token() -> None:
    """Make tokens with which call records can be posted.

    To change one without a gap: create another, enter it at the platform, wait until list shows
    that it is used and the old one no longer, and revoke that.
    """


@token.command()
@click.option("--scope", type=click.Choice(SCOPES), required=True, help="What it may do.")
@shared.project_id_option
@click.option("--name", type=shared.ShortText(), help="Whose token it is.")
@click.option(
    "--expires",
    type=Expiry(),
    default=f"{LIFETIME.days}d",
    show_default=True,
    help=f"When it ends: 90d from now, with a day such as 2027-01-31 (in UTC), or {NEVER}.",
)
def create(scope: str, project_id: int, name: str | None, expires: datetime | str) -> None:
    """Make a token and print it: the only time that it can be seen."""
    ends = expires if isinstance(expires, datetime) else None
    with shared.open_database(shared.load_settings()) as database, database.write() as connection:
        installations.get(connection, project_id)
        click.echo(
            tokens.create(
                connection,
                project_id=project_id,
                scope=scope,
                name=name or "",
                now=datetime.now(UTC),
                expires_at=ends,
            )
        )
    click.echo("Keep it now: it is stored as a hash and cannot be shown again.", err=True)
    click.echo(f"It ends at {moment(ends)}." if ends else "It never ends by itself.", err=True)


@token.command("list")
@shared.json_option
def list_(as_json: bool) -> None:
    """List the tokens, without their secrets, and warn of what ends soon."""
    now = datetime.now(UTC)
    with (
        shared.open_database(shared.load_settings()) as database,
        database.read() as connection,
    ):
        found = tokens.list_all(connection)
    if as_json:
        shared.echo_json([_as_json(item, now) for item in found])
        return
    print_table(
        ("PROJECT", "TOKEN ID", "SCOPE", "NAME", "CREATED", "EXPIRES", "LAST USED"),
        [_row(item, now) for item in found],
    )
    for item in found:
        if (warning := insight.warning(item, now)) is not None:
            shared.echo_warning(f"Project {item.project_id}: {warning}")


def _as_json(item: Token, now: datetime) -> dict[str, Any]:
    return {
        "project_id": item.project_id,
        "token_id": item.token_id,
        "scope": item.scope,
        "name": item.name,
        "created_at": item.created_at,
        "expires_at": item.expires_at,
        "last_used_at": item.last_used_at,
        "standing": item.standing(now),
    }


def _row(item: Token, now: datetime) -> list[object]:
    expires = moment(item.expires_at) if item.expires_at else NEVER
    return [
        item.project_id,
        item.token_id,
        item.scope,
        item.name,
        moment(item.created_at),
        f"{expires}, over" if item.standing(now) is Standing.EXPIRED else expires,
        moment(item.last_used_at) if item.last_used_at else NEVER,
    ]


@token.command()
@click.argument("token_id", type=shared.ShortText())
def revoke(token_id: str) -> None:
    """Revoke the token with this id (see list): its next request is refused."""
    with shared.open_database(shared.load_settings()) as database, database.write() as connection:
        if not tokens.revoke(connection, token_id):
            raise NotFoundError(f"There is no token {token_id}. Known ones: collector token list")
    click.echo(f"Revoked {token_id}.")
