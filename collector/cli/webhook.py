"""``collector webhook``: the secrets by which call platforms sign what they post."""

from __future__ import annotations

import hmac
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from collector.cli import secrets, shared
from collector.cli.output import moment, print_table
from collector.config import WEBHOOK_SECRET_VARIABLE, Settings
from collector.domain.definition import Definition, Preset
from collector.domain.times import parse_duration
from collector.errors import NotFoundError, SecretError, UsageError
from collector.storage import installations, webhooks
from collector.storage.secrets import SecretBox
from collector.web.webhooks import path_of

#: Stands in the address where the settings do not tell the server's own.
UNKNOWN_HOST = "https://YOUR-SERVER"


class Duration(click.ParamType[timedelta]):
    """Such as 2d."""

    name = "duration"

    def convert(
        self,
        value: str | timedelta,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> timedelta:
        try:
            return value if isinstance(value, timedelta) else parse_duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


_preset = click.argument("preset", type=shared.ShortText(30))


@click.group()
def webhook() -> None:
    """Let call platforms post calls, signed with a secret that is shared with them.

    A platform that signs nothing posts to the same address with a token: collector token create.
    """


@webhook.command()
@_preset
@shared.project_id_option
@click.option(
    "--secret-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help=f"File with the secret; else {WEBHOOK_SECRET_VARIABLE}, else a prompt.",
)
@click.option(
    "--keep",
    type=Duration(),
    help="So long, such as 2d, a secret that is stored already is good too. [default: not at all]",
)
def add(preset: str, project_id: int, secret_file: Path | None, keep: timedelta | None) -> None:
    """Store the secret of a platform, such as twilio, and print the address to enter there.

    A secret that is stored already is replaced. To change one without a gap: store the new one with
    --keep before the platform signs with it.
    """
    settings = shared.load_settings()
    box = SecretBox(settings.require_secret_key())
    platform = _platform(shared.load_definition(settings), preset, project_id, settings)
    with shared.open_database(settings) as database:
        with database.read() as connection:
            installations.get(connection, project_id)
        secret = secrets.ask(
            "webhook secret",
            option="--secret-file",
            variable=WEBHOOK_SECRET_VARIABLE,
            file=secret_file,
        )
        now = datetime.now(UTC)
        with database.write() as connection:
            installations.queue_up(connection, project_id)
            installations.get(connection, project_id)  # it may have been removed meanwhile
            good = webhooks.find_secrets(connection, project_id, platform.name, now)
            if keep is not None and good and _is_open(box, good[0], secret):
                # Else a second run would put it into the place of the earlier one, too.
                click.echo("This very secret is stored already. Nothing was changed.")
                return
            until = now + keep if keep is not None and good else None
            sealed = box.seal(secret)
            webhooks.add(connection, project_id, platform.name, sealed, now, earlier_until=until)
    done = "Replaced" if good else "Stored"
    click.echo(f"{done} the secret of {platform.name} for project {project_id}. Enter there:")
    click.echo(f"  {_address(settings, platform.name, project_id)}")
    if until is not None:
        click.echo(f"The earlier secret is good until {moment(until)}.", err=True)
    if not settings.public_url:
        click.echo(
            "Put this server's own address in the place of YOUR-SERVER. Set COLLECTOR_PUBLIC_URL "
            "to it for `collector serve` as well: signatures may cover it.",
            err=True,
        )


@webhook.command("list")
@shared.json_option
def list_(as_json: bool) -> None:
    """List the platforms of which a secret is stored, with the addresses they post to."""
    settings = shared.load_settings()
    with shared.open_database(settings) as database, database.read() as connection:
        found = webhooks.list_all(connection)
    rows: list[dict[str, Any]] = [
        {
            "project_id": item.project_id,
            "preset": item.preset,
            "address": _address(settings, item.preset, item.project_id),
            "created_at": item.created_at,
            "earlier_until": item.earlier_until,
        }
        for item in found
    ]
    if as_json:
        shared.echo_json(rows)
    elif not rows:
        click.echo("No webhook has a secret yet. Store one with: collector webhook add")
    else:
        print_table(
            ("PROJECT", "PRESET", "ADDRESS", "STORED", "EARLIER UNTIL"),
            [[*list(row.values())[:3], *map(_moment, list(row.values())[3:])] for row in rows],
        )


@webhook.command()
@_preset
@shared.project_id_option
def remove(preset: str, project_id: int) -> None:
    """Forget the secret of a platform; what it signs is refused from then on."""
    with shared.open_database(shared.load_settings()) as database, database.write() as connection:
        installations.get(connection, project_id)
        if not webhooks.remove(connection, project_id, preset):
            raise NotFoundError(
                f"No secret of {preset} is stored for project {project_id}. "
                "Stored ones: collector webhook list"
            )
    click.echo(f"Removed the secret of {preset} for project {project_id}.")


def _is_open(box: SecretBox, sealed: str, secret: str) -> bool:
    """Whether this is what is sealed; nobody knows of one whose key is gone."""
    try:
        return hmac.compare_digest(box.open(sealed).encode(), secret.encode())
    except SecretError:
        return False


def _moment(time: datetime | None) -> str:
    return "" if time is None else moment(time)


def _platform(definition: Definition, preset: str, project_id: int, settings: Settings) -> Preset:
    found = definition.presets.get(preset)
    if found is None:
        known = ", ".join(sorted(definition.presets))
        raise UsageError(f"There is no preset {preset}. Known ones: {known}")
    if found.signature is None:
        raise UsageError(
            f"{preset} signs nothing, so there is no secret to store. Let it post to "
            f"{_address(settings, preset, project_id)} with a token: "
            f"collector token create --scope calls --project-id {project_id}"
        )
    return found


def _address(settings: Settings, preset: str, project_id: int) -> str:
    return (settings.public_url or UNKNOWN_HOST) + path_of(preset, project_id)
